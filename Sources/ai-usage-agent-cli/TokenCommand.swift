import Agent
import ArgumentParser
import Logging
import OAuth
import Platform
import Providers
import Vault

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Print a live access token, refreshed if need be.",
        discussion: "$ ai-usage-agent token codex --header | curl --header @- https://…")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var options: TokenOptions
    @Flag(help: "Print a whole header line: Authorization: Bearer …") var header = false

    func validate() throws {
        if header, global.json { throw ValidationError("give either --header or --json") }
    }

    func run() async throws {
        try await TokenRequest(
            provider: options.provider, account: options.selection.account, minimum: options.minTtl, isHeader: header,
            settings: CommandSettings(global, passphrase)
        ).serve()
    }
}

/// What `token` is asked for.
struct TokenRequest: Sendable {
    let provider: String
    var account: String?
    var minimum: Int?
    var isHeader = false
    var settings = CommandSettings()

    /// Prints the token of the account and nothing else.
    func serve() async throws(CommandFailure) {
        let context = try CommandContext(settings)
        let name = ProviderCatalog.canonical(provider)
        let (account, held) = try await context.token(of: name, account: self.account, minimum: minimum)
        // Written from protected memory; the token never becomes a String.
        let isWritten: Bool
        if settings.json {
            var writer = SecretJSONWriter()
            writer.member("schemaVersion", 1)
            writer.member("provider", .string(name))
            writer.member("accountId", .string(held.facts.accountId))
            writer.member("accountKey", .string(held.facts.accountKey))
            writer.member("providerAccountId", .optional(held.facts.providerAccountId))
            writer.member("accessToken", secret: held.accessToken)
            writer.member("tokenType", .string(held.facts.tokenType))
            writer.member("expiresAt", .optional(held.facts.expiresAt?.description))
            isWritten = writer.finish().withBytes { Terminal.write($0, to: .output) }
        } else {
            if isHeader { Terminal.write("Authorization: Bearer ", to: .output) }
            isWritten = held.accessToken.withBytes { Terminal.write($0, to: .output) }
        }
        if !isWritten || !Terminal.write("\n", to: .output) { Output.failed() }
        if self.account != nil { await context.noteUse(of: account) }
    }
}

extension CommandContext {
    /// A live token of the account that a command names, with its warning said.
    func token(of provider: String, account name: String?, minimum: Int?) async throws(CommandFailure) -> (AccountRecord, HeldToken) {
        let account = try await attempt(provider, account: name) { () throws(OAuthError) in try service.account(provider, named: name) }
        let held: HeldToken
        if let lent = try await lent(account, minimum) {
            held = lent
        } else {
            held = try await attempt(provider, account: account.id) { () async throws(OAuthError) in
                try await service.token(account, .live(minimum: minimum))
            }
        }
        if let warning = held.warning { output.note("warning: " + warning) }
        return (account, held)
    }

    /// The agent's token of an account that it hands out; nil where none runs.
    private func lent(_ account: AccountRecord, _ minimum: Int?) async throws(CommandFailure) -> HeldToken? {
        guard account.owner == .vault, account.isHandedOut else { return nil }
        return try await viaAgent(account.provider, account: account.id) { (agent) async throws(AgentClient.Failure) in
            try await agent.token(account, minimum: minimum)
        }
    }

    /// Notes that the person named this account. Not being able to must not cost them their token.
    func noteUse(of account: AccountRecord) async {
        do throws(OAuthError) { try await service.noteUse(of: account) } catch {
            logger.warning("lastUsedAt was not written: \(error)")
        }
    }
}

extension TokenRequest {
    /// The lines that scripts write, `token PROVIDER [--account NAME] [--header|--json]`, read by hand: the parser takes more
    /// than a millisecond, which is a sixth of the whole. Nil for every other line, which is then the parser's. The front door reads
    /// the same (`Question`), but for `--json`.
    init?(plain arguments: [String]) {
        guard arguments.first == "token" else { return nil }
        var provider: String?
        var rest = arguments.dropFirst()
        while let word = rest.popFirst() {
            switch word {
            case "--json": settings.json = true
            case "--header": isHeader = true
            case "--account":
                guard account == nil, let name = rest.popFirst(), !name.isEmpty, !name.hasPrefix("-") else { return nil }
                account = name
            default:
                guard provider == nil, !word.isEmpty, !word.hasPrefix("-") else { return nil }
                provider = word
            }
        }
        guard let provider, !(isHeader && settings.json) else { return nil }
        self.provider = provider
    }
}
