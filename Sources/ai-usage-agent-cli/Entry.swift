import Agent
import ArgumentParser
import Platform

/// The program's first and last lines: harden, parse, run, and turn every failure into words and an exit code.
@main
enum Entry {
    static func main() async {
        ProcessHardening.apply()
        Interrupts.install()
        let arguments = Array(CommandLine.arguments.dropFirst())
        if let request = TokenRequest(plain: arguments) { CallerExecutor.run { await serve(request) } }
        do {
            try checkThreads()
            var command = try Root.parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            Exit.now(0)
        } catch let failure as CommandFailure {
            failure.report(asJSON: wantsJSON(arguments))
            Exit.now(failure.exitCode)
        } catch let code as ExitCode where code != .validationFailure {
            // The command has said everything itself.
            Exit.now(code.rawValue)
        } catch {
            let code = Root.exitCode(for: error)
            if code.rawValue == 0 {
                let text = CompletionScript.adjusted(Root.message(for: error), for: arguments) + "\n"
                if !Terminal.write(text, to: .output) { Output.failed() }
                Exit.now(0)
            }
            // The parser's own words; what it echoes came from the command line, so it is made safe to show.
            let failure = CommandFailure(
                code: "usage_error", message: TerminalText.escapeLines(Root.message(for: error)), remedy: "ai-usage-agent --help",
                exitCode: 64)
            if wantsJSON(arguments) {
                failure.report(asJSON: true)
            } else {
                Terminal.write(TerminalText.escapeLines(Root.fullMessage(for: error)) + "\n", to: .error)
            }
            Exit.now(64)
        }
    }

    /// What runs a command waits for its own threads for ever, without a word, where the system gives it none.
    private static func checkThreads() throws(CommandFailure) {
        do throws(ThreadError) { try startThread {} } catch {
            throw CommandFailure(code: "storage", message: error.description, remedy: ThreadError.remedy, exitCode: 1)
        }
    }

    /// Whether a failure is to be one JSON document. What stands behind `--` is another program's.
    private static func wantsJSON(_ arguments: [String]) -> Bool {
        let own = arguments.prefix { $0 != "--" }
        if own.contains("--json") || own.contains("--format=json") { return true }
        return zip(own, own.dropFirst()).contains { $0 == ("--format", "json") }
    }

    /// `token` as scripts write it, which is the command that must be quick.
    private static func serve(_ request: TokenRequest) async -> Never {
        do throws(CommandFailure) { try await request.serve() } catch {
            error.report(asJSON: request.settings.json)
            Exit.now(error.exitCode)
        }
        Exit.now(0)
    }
}

/// `ai-usage-agent` itself.
struct Root: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ai-usage-agent",
        abstract: "Owns the logins of your AI subscriptions: logs in, keeps tokens alive and sealed, shows what is left.",
        discussion: """
            First steps:
              $ ai-usage-agent vault init --backend file --identity key-file
              $ ai-usage-agent auth login codex
              $ ai-usage-agent usage
              $ ai-usage-agent token codex --header | curl --header @- https://…
            """,
        version: Version.current,
        subcommands: [
            AuthCommand.self, TokenCommand.self, ExecCommand.self, UsageCommand.self, GuardCommand.self, StatusCommand.self,
            DoctorCommand.self, ConfigCommand.self, VaultCommand.self, AgentCommand.self,
        ])
}

/// The version that `--version`, the User-Agent and the JSON outputs name.
enum Version {
    static let current = "0.1.0"
}

enum Exit {
    /// Ends the process with the terminal as it was: a prompt may still wait on another thread with the echo off.
    static func now(_ code: Int32) -> Never {
        Terminal.restoreEcho()
        ProcessEnd.exit(code)
    }
}
