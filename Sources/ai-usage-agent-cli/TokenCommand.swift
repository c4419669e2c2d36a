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
        discussion: "$ curl -H \"$(ai-usage-agent token codex --header)\" https://…")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var selection: AccountOption
    @Argument(help: "The provider.") var provider: String
    @Option(
        name: .customLong("min-ttl"),
        help: ArgumentHelp("Seconds the token must still live (at most half its lifetime counts).", valueName: "s"))
    var minTtl: Int?
    @Flag(help: "Print a whole header line: Authorization: Bearer …") var header = false

    func validate() throws {
        if header, global.json { throw ValidationError("give either --header or --json") }
        if let minTtl, minTtl < 0 { throw ValidationError("--min-ttl must not be negative") }
    }

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let name = ProviderCatalog.canonical(provider)
        let account = try await attempt(name, account: selection.account) { () throws(OAuthError) in
            try context.service.account(name, named: selection.account)
        }
        let held = try await attempt(name, account: account.id) { () async throws(OAuthError) in
            try await context.service.token(account, .live(minimum: minTtl))
        }
        if let warning = held.warning { context.output.note("warning: " + warning) }
        // Written from protected memory; the token never becomes a String.
        let isWritten: Bool
        if global.json {
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
            if header { Terminal.write("Authorization: Bearer ", to: .output) }
            isWritten = held.accessToken.withBytes { Terminal.write($0, to: .output) }
        }
        if !isWritten || !Terminal.write("\n", to: .output) { Output.failed() }
        if selection.account != nil {
            // A note that cannot be written must not cost the caller a token that is already out.
            do throws(OAuthError) { try await context.service.noteUse(of: account) } catch {
                context.logger.warning("lastUsedAt was not written: \(error)")
            }
        }
    }
}
