import Agent
import ArgumentParser
import Platform
import Vault

struct VaultMigrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Move all secrets to the other backend, or open the vault another way.",
        discussion: """
            $ ai-usage-agent vault migrate --to keyring
            $ ai-usage-agent vault migrate --to file --identity key-file
            Copied, compared, switched, removed. Where the secrets are there already, only what opens them changes.
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @Option(help: "keyring or file.") var to: Target
    @Option(help: "What opens the vault afterwards: keyring, key-file, passphrase or systemd-credential.") var identity: VaultInit.Source?
    @Option(name: .customLong("key-file"), help: "Absolute path of the key file.", completion: .file()) var keyFile: String?

    enum Target: String, ExpressibleByArgument, CaseIterable { case keyring, file }

    func validate() throws {
        if keyFile != nil, identity != nil, identity != .keyFile { throw ValidationError("--key-file goes with --identity key-file") }
    }

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let source: IdentitySource? = identity.flatMap { IdentitySource(rawValue: $0.rawValue) } ?? (keyFile == nil ? nil : .keyFile)
        let choice = source.map { VaultChoice(context).identity($0, keyFile: keyFile) }
        let target: BackendKind = to == .keyring ? .keyring : .file
        let migration = try await attemptVault { () async throws(VaultError) in
            try await VaultMaintenance(context.service.vault).migrate(to: target, choice)
        }
        let document: JSONValue = [
            "schemaVersion": 1, "from": .string(migration.from.rawValue), "to": .string(migration.to.rawValue),
            "identitySource": .string(migration.identitySource.rawValue), "accounts": .number(JSONNumber(migration.accounts)),
            "moved": .bool(!migration.wasThereAlready), "warning": .optional(migration.warning),
        ]
        if let warning = migration.warning { context.output.note("warning: \(warning); run the command again to try again") }
        let what = "\(migration.accounts) account\(migration.accounts == 1 ? "" : "s")"
        context.output.result(document, text: text(migration, what))
    }

    private func text(_ migration: VaultMaintenance.Migration, _ what: String) -> String {
        if migration.wasThereAlready {
            return "the secrets are in the \(migration.to.rawValue) already (\(what))"
                + (migration.warning == nil ? "; nothing is left elsewhere" : "")
        }
        if migration.from == migration.to { return "the vault is opened by \(migration.identitySource.rawValue) from now on (\(what))" }
        return "moved \(what) to the \(migration.to.rawValue), opened by \(migration.identitySource.rawValue)"
    }
}
