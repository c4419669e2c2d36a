import Agent
import ArgumentParser
import OAuth
import Platform
import Providers
import Vault

struct AuthLogout: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logout", abstract: "Remove an account from this machine; revoke it at the provider only when asked.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var selection: AccountOption
    @Argument(help: "The provider.", completion: .providers) var provider: String
    @Flag(help: "All accounts of the provider.") var all = false
    @Flag(help: "Also revoke the token at the provider. That can end other programs' logins too.") var revoke = false

    func validate() throws {
        if all, selection.account != nil { throw ValidationError("give either --account or --all") }
    }

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let name = ProviderCatalog.canonical(provider)
        let accounts = try await chosen(name, context)
        var results: [ActionResult] = []
        for account in accounts {
            let warning = try await remove(account, context)
            if let warning { context.output.note("warning: \(account.title): \(warning); it was removed here all the same") }
            results.append(ActionResult(account: account, action: "removed", warning: warning))
        }
        let names = results.map(\.account.title).joined(separator: ", ")
        context.output.result(
            ActionResult.document(name, results), text: "removed \(names)\(revoke ? "" : "; the provider was not told (--revoke does)")")
    }

    private func chosen(_ name: String, _ context: CommandContext) async throws(CommandFailure) -> [AccountRecord] {
        if !all {
            return [
                try await attempt(name, account: selection.account) { () throws(OAuthError) in
                    try context.service.account(name, named: selection.account)
                }
            ]
        }
        // Fails like any other command where there is nothing to log out of.
        _ = try await attempt(name) { () throws(OAuthError) in try context.service.account(name, named: nil) }
        let accounts = try await attempt { () throws(OAuthError) in try context.service.metadata() }.accounts.filter { $0.provider == name }
        let stored = accounts.filter { $0.owner != .environment }
        // Where there are none but those of the environment, the refusal says what to do.
        return stored.isEmpty ? accounts : stored
    }

    private func remove(_ account: AccountRecord, _ context: CommandContext) async throws(CommandFailure) -> String? {
        if account.owner != .vault {
            try await attempt(account.provider, account: account.id) { () async throws(OAuthError) in
                try await context.service.forget(account)
            }
            return revoke ? "it was not revoked: the login belongs to another program (\(account.source))" : nil
        }
        let byAgent = try await context.viaAgent(account.provider, account: account.id) { (agent) async throws(AgentClient.Failure) in
            let answer = try await agent.remove(account, revoke: revoke)
            return answer.isDone ? answer : nil
        }
        if let byAgent { return byAgent.warning }
        return try await attempt(account.provider, account: account.id) { () async throws(OAuthError) in
            try await context.service.remove(account, revoke: revoke)
        }
    }
}
