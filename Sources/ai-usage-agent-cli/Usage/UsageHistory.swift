import Agent
import ArgumentParser
import History
import OAuth
import Platform
import Providers
import Vault

struct UsageHistory: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show how the use went, and what happened; kept on this machine only.",
        discussion: """
            $ ai-usage-agent usage history --since 24h
            $ ai-usage-agent usage history codex --since 2026-11-01
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var selection: AccountOption
    @Argument(help: "Only this provider.", completion: .providers) var provider: String?
    @Option(help: ArgumentHelp("A time ago (90m, 24h, 7d, 4w) or a date (2026-11-01, or with a time in ISO 8601).", valueName: "time"))
    var since: Since = .ago(7 * 86400)

    func validate() throws {
        if selection.account != nil, provider == nil { throw ValidationError("--account needs a provider") }
    }

    func run() async throws {
        let context = try CommandContext(global)
        let name = provider.map(ProviderCatalog.canonical)
        var accounts: Set<String>?
        if let name, let account = selection.account {
            accounts = [
                try await attempt(name, account: account) { () throws(OAuthError) in try context.service.account(name, named: account) }.id
            ]
        } else if let name {
            _ = try await attempt(name) { () throws(OAuthError) in try context.service.catalog.provider(name) }
        }
        let begin = since.moment(now: context.now)
        let store = HistoryStore(folder: context.paths.state)
        let wanted = accounts
        let result = await onOwnThread { () -> Result<(samples: [UsageSample], events: [UsageEvent]), FileError> in
            do throws(FileError) { return .success(try store.read(since: begin, provider: name, accounts: wanted)) } catch {
                return .failure(error)
            }
        }
        switch result {
        case .failure(let error):
            throw CommandFailure(
                code: "storage", message: "the history cannot be read: \(error)",
                remedy: error.repair
                    ?? (error.kind == .notFound
                        ? "apt install libsqlite3-0"
                        : "move it away: mv \(ShellWord.quote(store.path)) \(ShellWord.quote(store.path + ".old"))"),
                exitCode: 1)
        case .success(let (samples, events)):
            let document: JSONValue = [
                "schemaVersion": 1, "since": .string(begin.wholeSeconds.description), "samples": .array(samples.map(\.json)),
                "events": .array(events.map(\.json)),
            ]
            context.output.result(document, text: text(samples, events, begin, context))
        }
    }

    private func text(_ samples: [UsageSample], _ events: [UsageEvent], _ begin: Timestamp, _ context: CommandContext) -> String {
        if samples.isEmpty, events.isEmpty {
            let isOff = context.configuration.historyDays == 0
            return isOff
                ? "No history: usage.historyDays is 0 in config.json." : "No history since then; `ai-usage-agent usage` adds to it."
        }
        var names: [String: String] = [:]
        for account in (try? context.service.metadata())?.accounts ?? [] { names[account.id] = account.displayName }
        return HistoryText(style: context.output.style, columns: context.output.columns, now: context.now, names: names)
            .render(samples, events, since: begin)
    }
}

/// The beginning of a stretch of time.
enum Since: ExpressibleByArgument, Equatable {
    case ago(Int)
    case at(Timestamp)

    /// `90m`, `24h`, `7d`, `4w`, a date, or a whole ISO 8601 time.
    init?(argument: String) {
        let units: [Character: Int] = ["m": 60, "h": 3600, "d": 86400, "w": 7 * 86400]
        if let unit = argument.last.flatMap({ units[$0] }), let count = Int(argument.dropLast()), (1...100_000).contains(count) {
            self = .ago(count * unit)
        } else if let moment = Timestamp(argument) ?? Timestamp(argument + "T00:00:00Z") {
            self = .at(moment)
        } else {
            return nil
        }
    }

    /// As the help shows what holds without the option.
    var defaultValueDescription: String {
        switch self {
        case .ago(let seconds): seconds % 86400 == 0 ? "\(seconds / 86400)d" : "\(seconds / 60)m"
        case .at(let moment): moment.description
        }
    }

    func moment(now: Timestamp) -> Timestamp {
        switch self {
        case .ago(let seconds): now + -seconds
        case .at(let moment): moment
        }
    }
}
