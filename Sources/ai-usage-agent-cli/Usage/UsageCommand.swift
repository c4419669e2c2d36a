import Agent
import ArgumentParser
import OAuth
import Platform
import Providers
import Vault

struct UsageCommand: AsyncParsableCommand {
    // A command with words of its own and commands below it would take `history` for a provider: so it has a default one.
    static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "Show how much of each account's quota is used.",
        discussion: """
            $ ai-usage-agent usage [PROVIDER] [--account A] [--refresh] [--raw] [--watch] [--format FORM] [--json]
            FORM: text, json, jsonl, csv, waybar, tmux, prometheus. All options: ai-usage-agent usage show --help

            $ ai-usage-agent usage codex --watch
            $ ai-usage-agent usage --format waybar
            $ ai-usage-agent usage history codex --since 7d
            """,
        subcommands: [UsageShow.self, UsageHistory.self], defaultSubcommand: UsageShow.self)
}

struct UsageShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show how much of each account's quota is used; the word may be left out.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var selection: AccountOption
    @Argument(help: "Only this provider.", completion: .providers) var provider: String?
    @Flag(help: "Add the provider's answer, without what names a person (with --json or --format jsonl).") var raw = false
    @Flag(help: "Ask the provider now, as far as its floor allows (claude: once in 180 s).") var refresh = false
    @Flag(help: "Stay, and show what changes; Ctrl-C ends it.") var watch = false
    @Option(help: ArgumentHelp("How to print.", valueName: "form")) var format: UsageFormat?

    func validate() throws {
        if selection.account != nil, provider == nil { throw ValidationError("--account needs a provider") }
        if let format, global.json, format != .json { throw ValidationError("give either --json or --format \(format.rawValue)") }
        if watch, !chosenFormat.isStream {
            throw ValidationError("--watch works with --format text, jsonl and waybar; \(chosenFormat.rawValue) is one document")
        }
        if raw, ![.text, .json, .jsonl].contains(chosenFormat) { throw ValidationError("--raw needs --json or --format jsonl") }
    }

    private var chosenFormat: UsageFormat { global.json ? .json : format ?? .text }

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let service = UsageService(context.service)
        let snapshots = try await ask(context)
        if watch { try await UsageWatch(context: context, service: service, format: chosenFormat).run { try await chosen(context) } }
        show(snapshots, context)
        // A row with an error is shown; when there is nothing but errors, and no older reading either, a script should see it too.
        if let failure = snapshots.first?.failure, snapshots.allSatisfy({ $0.failure != nil && !$0.hasReading }) {
            throw ExitCode(ErrorCode.exitCode(named: failure.code))
        }
    }

    private func ask(_ context: CommandContext) async throws(CommandFailure) -> [UsageSnapshot] {
        let accounts = try await chosen(context)
        let (refresh, raw) = (refresh, raw)
        let isShown = chosenFormat == .text && context.output.showsProgress
        return try await Progress.run("asking", of: accounts.count, isShown: isShown) { (onProgress) async throws(CommandFailure) in
            try await context.readings(of: accounts, refresh: refresh, includeRaw: raw, onProgress: onProgress)
        }
    }

    private func show(_ snapshots: [UsageSnapshot], _ context: CommandContext) {
        let output = context.output
        output.print(
            chosenFormat.render(
                snapshots, output.style, columns: output.columns, now: context.now,
                isPlain: global.noColor || context.environment["NO_COLOR"] != nil))
    }

    private func chosen(_ context: CommandContext) async throws(CommandFailure) -> [AccountRecord] {
        guard let provider = provider.map(ProviderCatalog.canonical) else {
            return try await attempt { () throws(OAuthError) in try context.service.metadata() }.accounts
        }
        let first = try await attempt(provider, account: selection.account) { () throws(OAuthError) in
            try context.service.account(provider, named: selection.account)
        }
        if selection.account != nil { return [first] }
        return try await attempt { () throws(OAuthError) in try context.service.metadata() }.accounts.filter { $0.provider == provider }
    }
}
