import Agent
import ArgumentParser
import OAuth
import Platform
import Providers
import Vault

struct AuthImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Use the login of another program, or take it over.",
        discussion: """
            $ ai-usage-agent auth import codex                    # reads Codex's access token when it is needed
            $ ai-usage-agent auth import codex --move             # takes the login over; Codex is logged out
            $ ai-usage-agent auth import openclaw --from /srv/openclaw --dry-run
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @Argument(help: "openclaw, codex, claude-code, pi or opencode.", completion: .list(ImportSource.allCases.map(\.rawValue)))
    var source: String
    @Option(
        help: ArgumentHelp("The program's directory or file, if it is not in its usual place.", valueName: "path"), completion: .file())
    var from: String?
    @Flag(help: "Read the other program's access token at each use; never renew it. The default.") var reference = false
    @Flag(help: "Seal the login here and blank it there. The other program is logged out.") var move = false
    @Flag(name: .customLong("dry-run"), help: "Show what would be done, and change nothing.") var dryRun = false

    func validate() throws {
        if reference, move { throw ValidationError("give either --reference or --move") }
        if let from, from.isEmpty { throw ValidationError("--from needs a path") }
    }

    func run() async throws {
        guard let program = ImportSource(rawValue: source) else {
            let names = ImportSource.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandFailure.usage("nothing can be imported from \"\(TerminalText.escape(source, limit: 60))\"; known: \(names)")
        }
        let context = try CommandContext(global, passphrase)
        let service = ImportService(context.service, program)
        let found = await service.find(from: from)
        var isFinishing = false
        if move, !dryRun { isFinishing = try await attempt { () throws(OAuthError) in try service.hasUnfinished } }
        if found.isEmpty, !isFinishing { throw CommandFailure(service.nothing(found)) }
        for sentence in found.skipped { context.output.note("skipped: " + sentence) }
        let rows = try await self.rows(found, service, context)
        for row in rows {
            if let warning = row.warning { context.output.note("warning: \(row.account.title): \(warning)") }
        }
        context.output.result(document(rows, found.skipped), text: text(rows, program))
        if let failure = rows.compactMap(\.failure).first { throw ExitCode(ErrorCode.exitCode(failure.code)) }
    }

    private func rows(_ found: ImportService.Found, _ service: ImportService, _ context: CommandContext) async throws(CommandFailure)
        -> [ImportService.Row]
    {
        if dryRun {
            return try await attempt { () throws(OAuthError) in try service.preview(found, move ? .move : .reference) }
        }
        guard move else { return try await attempt { () async throws(OAuthError) in try await service.refer(found) } }
        try await attempt { () throws(OAuthError) in try service.check(found) }
        // The vault first: what cannot be sealed must not be taken away.
        try await VaultChoice(context).ensureOpen()
        return try await attempt { () async throws(OAuthError) in try await service.move(found) }
    }

    private func document(_ rows: [ImportService.Row], _ skipped: [String]) -> JSONValue {
        let providers = Set(rows.map(\.account.provider))
        let results = rows.map { row -> JSONValue in
            var object = ActionResult(account: row.account, action: row.action.rawValue, warning: row.warning).json
            if !row.isStored { object["accountId"] = .null }
            return .object(object)
        }
        return [
            "schemaVersion": 1, "provider": .optional(providers.count == 1 ? providers.first : nil),
            "results": .array(results + skipped.map(AuthImport.skipped)),
        ]
    }

    /// A row of what was left alone: it says why, and is no account.
    private static func skipped(_ sentence: String) -> JSONValue {
        [
            "accountId": nil, "accountKey": nil, "email": nil, "label": nil, "action": "skipped", "status": "unknown", "expiresAt": nil,
            "warning": .string(sentence),
        ]
    }

    private func text(_ rows: [ImportService.Row], _ program: ImportSource) -> String {
        rows.map { row in
            let name = "\(row.account.provider) \(row.account.title)"
            return switch row.action {
            case .added: "\(name): its access token is read from \(program.title) when it is needed"
            case .updated: "\(name): the reference to \(program.title) was renewed"
            case .moved: "\(name): moved here from \(program.title)"
            case .kept: "\(name): kept as it is"
            case .wouldAdd: "\(name): would be added as a reference to \(program.title); nothing was changed"
            case .wouldUpdate: "\(name): the reference to \(program.title) would be renewed; nothing was changed"
            case .wouldMove: "\(name): would be moved here, and \(program.title) logged out of it; nothing was changed"
            }
        }.joined(separator: "\n")
    }
}
