import Agent
import ArgumentParser
import OAuth
import Platform
import Providers
import Vault

struct AuthAccess: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "access", abstract: "Say whether the agent hands out an account's token.",
        discussion: "Own accounts are handed out, references to other programs' logins are not, unless this says otherwise.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var selection: AccountOption
    @Argument(help: "The provider.", completion: .providers) var provider: String
    @Argument(help: "on or off.") var access: Access

    enum Access: String, CaseIterable, ExpressibleByArgument {
        case on, off
    }

    func run() async throws {
        let context = try CommandContext(global)
        let name = ProviderCatalog.canonical(provider)
        let account = try await attempt(name, account: selection.account) { () throws(OAuthError) in
            try context.service.account(name, named: selection.account)
        }
        guard account.owner != .environment else {
            throw CommandFailure.usage("\(account.id) stands in a variable; the agent never has it")
        }
        let isOn = access == .on
        try await attemptVault { () async throws(VaultError) in
            try await context.service.vault.metadataStore.update { $0.updateAccount(id: account.id) { $0.agentAccess = isOn } }
        }
        context.output.result(
            ActionResult.document(name, [ActionResult(account: account, action: isOn ? "access_on" : "access_off")]),
            text: "the agent \(isOn ? "hands out" : "does not hand out") \(account.title)")
    }
}
