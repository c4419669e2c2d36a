import Agent
import ArgumentParser
import Platform
import Vault

struct VaultAdopt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt", abstract: "Accept a restored or copied vault as the right one on this machine.",
        discussion: """
            A restored backup can hold refresh tokens that were spent since, and a copy on a second machine makes two holders
            of one single-use token. After this the next refresh is tried; where it is refused, log in again.
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let accounts = try await attemptVault { () async throws(VaultError) in try await VaultMaintenance(context.service.vault).adopt() }
        context.output.result(
            ["schemaVersion": 1, "accounts": .number(JSONNumber(accounts.count))],
            text:
                "adopted; the next refresh of \(accounts.count == 1 ? "the account" : "each of the \(accounts.count) accounts") shows whether its token was spent"
        )
    }
}
