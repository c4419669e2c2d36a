import Agent
import ArgumentParser
import OAuth
import Platform
import Providers
import Vault

struct UsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "usage", abstract: "Show how much of each account's quota is used.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var selection: AccountOption
    @Argument(help: "Only this provider.") var provider: String?
    @Flag(help: "Add the provider's answer, without what names a person (with --json).") var raw = false
    @Flag(help: "Ask the provider now. This version always does; it keeps no readings.") var refresh = false

    func validate() throws {
        if selection.account != nil, provider == nil { throw ValidationError("--account needs a provider") }
    }

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let accounts = try await chosen(context)
        let snapshots = await UsageService(context.service).snapshots(accounts, includeRaw: raw)
        let document: JSONValue = [
            "schemaVersion": 1, "generatedAt": .string(context.now.wholeSeconds.description), "snapshots": .array(snapshots.map(\.json)),
        ]
        context.output.result(
            document, text: UsageText(style: context.output.style, columns: context.output.columns, now: context.now).render(snapshots))
        // A row with an error is shown; when there is nothing but errors a script should see it too.
        if let failure = snapshots.first?.failure, snapshots.allSatisfy({ $0.failure != nil }) {
            throw ExitCode(ErrorCode.exitCode(named: failure.code))
        }
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
