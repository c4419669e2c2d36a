import Agent
import ArgumentParser
import Platform
import Vault

struct AgentStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show whether an agent runs, which store it serves, and what it will do next.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        let client = AgentClient(context.paths)
        let answer: AgentClient.Answer?
        do throws(AgentClient.Failure) { answer = try await client.ask("Status") } catch { throw CommandFailure(error) }
        guard let status = answer?.parameters.object else { throw CommandFailure.noAgent(client) }
        var document: JSONObject = ["schemaVersion": 1]
        for member in status.members { document[member.name] = member.value }
        context.output.result(.object(document), text: AgentStatus.text(status, client.path, context))
    }

    static func text(_ status: JSONObject, _ path: String, _ context: CommandContext) -> String {
        let accounts = status["accounts"]?.number?.integer ?? 0
        var lines = [
            "serves      \(status["store"]?.string ?? "?")\(status["store"]?.string == context.paths.data ? "" : " (not the store of this command)")",
            "socket      \(path)",
            "process     \(status["pid"]?.number?.literal ?? "?"), version \(status["version"]?.string ?? "?"), since \(status["since"]?.string ?? "?")",
            "vault       \(status["locked"]?.bool == true ? "locked (ai-usage-agent vault unlock)" : "open"), \(accounts) account\(accounts == 1 ? "" : "s")",
        ]
        if let next = status["nextRefreshAt"]?.string.flatMap({ Timestamp($0) }) {
            lines.append("renews next \(Moments.until(next, now: context.now))")
        }
        if let resident = status["resident"]?.number?.integer { lines.append("memory      \(resident / 1024) KiB") }
        return TerminalText.escapeLines(lines.joined(separator: "\n"))
    }

    /// One line for `status`.
    static func line(_ status: JSONObject?) -> String {
        guard let status else { return "none; every command works by itself" }
        return "process \(status["pid"]?.number?.literal ?? "?"), \(status["locked"]?.bool == true ? "locked" : "open")"
    }
}

extension CommandFailure {
    static func noAgent(_ client: AgentClient) -> CommandFailure {
        CommandFailure(
            code: "agent_not_running", message: "no agent is running: nobody answers at \(client.path)",
            remedy: "ai-usage-agent agent install, or in the foreground: ai-usage-agent agent run", exitCode: 4)
    }
}

struct AgentStop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "End the agent when what it is doing is stored.",
        discussion: "A service with a socket of systemd's is started again by the next question: ai-usage-agent agent uninstall")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        let client = AgentClient(context.paths)
        let answer: AgentClient.Answer?
        do throws(AgentClient.Failure) { answer = try await client.ask("Stop") } catch { throw CommandFailure(error) }
        guard answer != nil else { throw CommandFailure.noAgent(client) }
        context.output.result(["schemaVersion": 1, "stopped": true], text: "the agent ends")
    }
}
