import Agent
import ArgumentParser
import Platform
import Vault

struct VaultInit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make the vault: choose where secrets are kept and what opens them.",
        discussion: "$ ai-usage-agent vault init --backend file --identity key-file")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @Option(help: "auto, keyring or file.") var backend: Backend?
    @Option(help: "key-file, passphrase, keyring or systemd-credential.") var identity: Source?
    @Option(
        name: .customLong("key-file"), help: "Absolute path of the key file (default: identity.txt in the configuration directory).",
        completion: .file())
    var keyFile: String?

    enum Backend: String, ExpressibleByArgument, CaseIterable { case auto, keyring, file }
    enum Source: String, ExpressibleByArgument, CaseIterable {
        case keyFile = "key-file"
        case passphrase, keyring
        case systemdCredential = "systemd-credential"
    }

    func validate() throws {
        if keyFile != nil, identity != nil, identity != .keyFile { throw ValidationError("--key-file goes with --identity key-file") }
    }

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let choice = VaultChoice(context)
        let identity: IdentitySource? = identity.flatMap { IdentitySource(rawValue: $0.rawValue) } ?? (keyFile == nil ? nil : .keyFile)
        let backend = self.backend.flatMap { Configuration.Backend(rawValue: $0.rawValue) }
        let record = try await choice.initialize(backend: backend, identity: identity, keyFile: keyFile)
        let inspection = try await attemptVault { () async throws(VaultError) in
            try await VaultInspection.run(context.service.vault)
        }
        context.output.result(VaultStatus.document(inspection, context), text: TerminalText.escapeLines(text(record, context)))
    }

    private func text(_ record: VaultRecord, _ context: CommandContext) -> String {
        let place = record.backend == .keyring ? "the desktop keyring" : "\(context.paths.sealedFile), encrypted"
        let key =
            switch record.identitySource {
            case .keyFile: "Its key is \(record.keyFile ?? "?"): keep a copy somewhere safe, without it nothing can be opened."
            case .passphrase: "Its key is behind your passphrase: without it nothing can be opened."
            case .keyring: "Its key is in the desktop keyring: a backup of the keyring is a backup of the vault."
            case .systemdCredential: "Its key is the systemd credential \(VaultSources.credentialName)."
            }
        return "The vault is ready. Secrets go to \(place).\n\(key)\nNext: ai-usage-agent auth login codex"
    }
}
