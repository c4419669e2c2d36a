import Agent
import ArgumentParser
import OAuth
import Platform
import Providers
import Vault

struct AuthRefresh: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "refresh", abstract: "Force one refresh now.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var selection: AccountOption
    @Argument(help: "The provider.", completion: .providers) var provider: String

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let name = ProviderCatalog.canonical(provider)
        let account = try await attempt(name, account: selection.account) { () throws(OAuthError) in
            try context.service.account(name, named: selection.account)
        }
        let warning = try await refresh(account, context)
        let current = try await attempt { () throws(OAuthError) in try context.service.metadata() }.account(id: account.id) ?? account
        if let warning { context.output.note("warning: " + warning) }
        let left = current.expiresAt.map { Moments.length($0 - context.now) } ?? "an unknown time"
        context.output.result(
            ActionResult.document(name, [ActionResult(account: current, action: "refreshed", warning: warning)]),
            text: "refreshed \(current.title); the new token lives \(left)")
    }

    private func refresh(_ account: AccountRecord, _ context: CommandContext) async throws(CommandFailure) -> String? {
        if account.owner == .vault {
            let byAgent = try await context.viaAgent(account.provider, account: account.id) { (agent) async throws(AgentClient.Failure) in
                let answer = try await agent.refresh(account)
                return answer.isDone ? answer : nil
            }
            if let byAgent { return byAgent.warning }
        }
        return try await attempt(account.provider, account: account.id) { () async throws(OAuthError) in
            try await context.service.token(account, .new)
        }.warning
    }
}
