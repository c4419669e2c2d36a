import Agent
import ArgumentParser
import OAuth
import Platform
import Providers

struct AuthUse: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "use", abstract: "Pin the default account of a provider.")

    @OptionGroup var global: GlobalOptions
    @Argument(help: "The provider.", completion: .providers) var provider: String
    @Argument(help: "Account: its id, e-mail, label, or a unique beginning of one.", completion: .accounts) var account: String?
    @Flag(help: "Undo: the account that was used last is the default again.") var auto = false

    func validate() throws {
        if auto == (account != nil) { throw ValidationError("name an account, or give --auto") }
    }

    func run() async throws {
        let context = try CommandContext(global)
        let name = ProviderCatalog.canonical(provider)
        let chosen =
            auto
            ? nil : try await attempt(name, account: account) { () throws(OAuthError) in try context.service.account(name, named: account) }
        if auto { _ = try await attempt(name) { () throws(OAuthError) in try context.service.account(name, named: nil) } }
        try await attempt(name) { () async throws(OAuthError) in try await context.service.pin(name, chosen) }
        let current = try await attempt(name) { () throws(OAuthError) in try context.service.account(name, named: nil) }
        context.output.result(
            ActionResult.document(name, [ActionResult(account: current, action: auto ? "unpinned" : "pinned")]),
            text: "\(name) now uses \(current.title)\(auto ? ", the account used last" : " by default")")
    }
}
