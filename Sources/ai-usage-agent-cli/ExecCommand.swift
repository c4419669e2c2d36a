import Agent
import ArgumentParser
import OAuth
import Platform
import Providers

struct ExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Run a program with a live token in its environment.",
        discussion: """
            $ ai-usage-agent exec codex -- codex
            $ ai-usage-agent exec acme --account work -- ./report.sh --weekly

            The program takes this one's place: its exit code and its signals are its own. It gets the provider's variable
            (codex: CODEX_ACCESS_TOKEN, claude: CLAUDE_CODE_OAUTH_TOKEN, others: providers.NAME.env in config.json).
            A token that ends while the program runs is not replaced in it.
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var options: TokenOptions
    @Argument(parsing: .postTerminator, help: "Behind --, the program and its arguments.") var command: [String] = []

    func validate() throws {
        if command.isEmpty { throw ValidationError("name the program behind --: ai-usage-agent exec codex -- PROGRAM …") }
    }

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let name = ProviderCatalog.canonical(options.provider)
        let found = try await attempt(name) { () throws(OAuthError) in try context.service.catalog.provider(name) }
        guard let variable = found.tokenVariable else {
            throw CommandFailure(
                code: "config_invalid", message: "no variable is known in which a program would look for a token of \(name)",
                remedy: "name it: providers.\(name).env in config.json", exitCode: 78, provider: name)
        }
        let (account, held) = try await context.token(of: name, account: options.selection.account, minimum: options.minTtl)
        if options.selection.account != nil { await context.noteUse(of: account) }
        let failure = ProcessReplacement.run(
            lastArguments: command.count, keeping: context.isForChildren, variable: variable, secret: held.accessToken)
        // As env(1) and the shells do.
        throw CommandFailure(
            code: "usage_error", message: "\(TerminalText.escape(command[0], limit: 200)) was not started: \(failure.reason)",
            remedy: failure.isMissing ? "check its name and PATH" : "check that it is a program you may run",
            exitCode: failure.isMissing ? 127 : 126, provider: name)
    }
}
