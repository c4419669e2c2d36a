import Agent
import ArgumentParser
import Logging
import Platform
import Vault

struct AgentRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Serve tokens in the foreground until told to stop.",
        discussion: """
            $ ai-usage-agent agent run &
            $ ai-usage-agent agent install      # as a systemd user service, started by the first question

            It holds the vault's key in memory, renews tokens before they end, and answers on
            $XDG_RUNTIME_DIR/ai-usage-agent/agent.sock. A vault with a passphrase stays locked until: ai-usage-agent vault unlock
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions

    func run() async throws {
        let context = try CommandContext(global, passphrase, log: .notice, isAgent: true)
        let service = context.service(context.configuration, context.service.vault)
        let core = AgentCore(service, version: Version.current, logger: context.logger) { () throws(ConfigurationError) -> AgentService in
            context.service(try ConfigurationReader(path: context.paths.configurationFile).read(), service.vault)
        }
        let host = AgentHost(core, context.paths, logger: context.logger)
        let output = context.output
        do throws(AgentSocket.Problem) {
            try await host.run(ServiceManager(context.environment)) { path, lockedBecause in
                output.note("ready: \(path)")
                if let lockedBecause {
                    output.note("locked: \(lockedBecause.message); open it with: ai-usage-agent vault unlock")
                }
            }
        } catch { throw CommandFailure(error) }
    }
}

extension CommandFailure {
    init(_ problem: AgentSocket.Problem) {
        switch problem {
        case .isRunning:
            self.init(code: "busy", message: problem.reason, remedy: "see which: ai-usage-agent agent status", exitCode: 5)
        case .isTooLong:
            self.init(
                code: "config_invalid", message: problem.reason, remedy: "set XDG_RUNTIME_DIR to a shorter directory of yours", exitCode: 78
            )
        case .file(let error):
            self.init(
                code: "storage", message: problem.reason,
                remedy: error.kind == .notFound
                    ? "log in through a session that has one, or set XDG_RUNTIME_DIR"
                    : error.repair ?? "set XDG_RUNTIME_DIR to a directory of your own that nobody else may enter",
                exitCode: error.kind == .unsafe ? 65 : 1)
        case .socket:
            self.init(code: "storage", message: problem.reason, remedy: "see what is in the way: ai-usage-agent auth doctor", exitCode: 1)
        case .thread: self.init(code: "storage", message: problem.reason, remedy: ThreadError.remedy, exitCode: 1)
        }
    }

    init(_ failure: AgentClient.Failure, provider: String? = nil, account: String? = nil) {
        let error = failure.error
        self.init(
            code: error.code, message: error.message, remedy: error.remedy, exitCode: ErrorCode.exitCode(named: error.code),
            provider: provider, account: account)
    }
}
