import Agent
import ArgumentParser
import Platform
import Vault

struct VaultRekeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rekey", abstract: "Give the vault a new key; the old one opens nothing afterwards.",
        discussion: """
            Everything is sealed to the new key and read back before the old one is forgotten. Refreshes wait meanwhile.
            Older copies of the vault stay open to whoever has the old key.
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @Option(
        name: .customLong("key-file"), help: "Absolute path of the new key file (default: it replaces the old one).", completion: .file())
    var keyFile: String?
    @Option(
        name: .customLong("new-passphrase-fd"),
        help: ArgumentHelp("Seal the new key under the passphrase from this descriptor (default: the present one).", valueName: "n"))
    var newPassphraseFd: PassphraseDescriptor?

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let new = newPassphraseFd.map { context.anotherPassphrase($0, option: "--new-passphrase-fd") }
        let outcome = try await attemptVault { () async throws(VaultError) in
            try await VaultRekey(context.service.vault, newKeyFile: keyFile, newPassphrase: new).run()
        }
        if let warning = outcome.warning { context.output.note("warning: " + warning) }
        let what = "\(outcome.accounts) account\(outcome.accounts == 1 ? "" : "s")"
        context.output.result(
            [
                "schemaVersion": 1, "recipient": .string(outcome.recipient), "identitySource": .string(outcome.source.rawValue),
                "keyFile": .optional(outcome.keyFile), "accounts": .number(JSONNumber(outcome.accounts)),
                "warning": .optional(outcome.warning),
            ],
            text: "the vault has a new key (\(outcome.source.rawValue)\(outcome.keyFile.map { ": \($0)" } ?? "")); \(what) sealed to it"
                + (outcome.source == .keyFile
                    ? "\nKeep a copy of the new key file somewhere safe; copies of the old one open only old copies of the vault." : ""))
    }
}

struct VaultChangePassphrase: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "change-passphrase", abstract: "Open the vault with another passphrase from now on.",
        discussion: """
            $ ai-usage-agent vault change-passphrase
            $ ai-usage-agent vault change-passphrase --passphrase-fd 3 --new-passphrase-fd 4 3<old 4<new
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @Option(name: .customLong("new-passphrase-fd"), help: ArgumentHelp("Read the new passphrase from this descriptor.", valueName: "n"))
    var newPassphraseFd: PassphraseDescriptor?

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let new = context.anotherPassphrase(newPassphraseFd, option: "--new-passphrase-fd")
        try await attemptVault { () async throws(VaultError) in
            try await VaultMaintenance(context.service.vault).changePassphrase(new)
        }
        context.output.result(
            ["schemaVersion": 1, "changed": true],
            text:
                "the passphrase was changed. Older copies of identity.age still open with the old one; ai-usage-agent vault rekey makes them useless"
        )
    }
}
