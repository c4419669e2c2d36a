import Agent
import Platform
import Vault

/// Which vault is made, at `vault init` and before a first login: never one that nobody chose.
struct VaultChoice {
    let context: CommandContext

    init(_ context: CommandContext) { self.context = context }

    /// Makes sure that there is a vault and that it opens, before a login spends anything.
    func ensureOpen() async throws(CommandFailure) {
        let metadata = try await attemptVault { () throws(VaultError) in try context.service.vault.metadataStore.read() }
        if metadata.vault == nil {
            let record = try await initialize(backend: nil, identity: nil, keyFile: nil)
            context.output.note(
                "made a vault: \(context.paths.sealedFile), opened by \(record.identitySource.rawValue)\(record.keyFile.map { " " + $0 } ?? "")"
            )
        }
        _ = try await attemptVault { () async throws(VaultError) in try await context.service.vault.open() }
    }

    /// - Throws: exit 4 when nobody chose and nobody can be asked.
    func initialize(backend: Configuration.Backend?, identity: IdentitySource?, keyFile: String?) async throws(CommandFailure)
        -> VaultRecord
    {
        let metadata = try await attemptVault { () throws(VaultError) in try context.service.vault.metadataStore.read() }
        if metadata.vault != nil {
            throw CommandFailure.usage("there is a vault already: \(context.paths.metadataFile)", remedy: "ai-usage-agent vault status")
        }
        let backend = backend ?? context.configuration.backend
        if backend == .keyring {
            throw CommandFailure(
                code: "vault_unavailable",
                message: "this version keeps secrets in an encrypted file only; the desktop keyring is not supported yet",
                remedy: "ai-usage-agent vault init --backend file --identity key-file", exitCode: 4)
        }
        let source: IdentitySource
        if let named = identity ?? configuredSource {
            source = named
        } else {
            source = try await ask()
        }
        let choice: VaultInitialization.Identity
        switch source {
        case .keyFile: choice = .keyFile(path: keyFile ?? context.configuration.keyFile ?? context.paths.defaultKeyFile)
        case .passphrase: choice = .passphrase
        case .keyring:
            // A sealed file whose key is in the keyring would need both, and add nothing.
            throw CommandFailure.usage(
                "--backend file does not go with --identity keyring", remedy: "ai-usage-agent vault init --backend file --identity key-file"
            )
        case .systemdCredential:
            throw CommandFailure(
                code: "vault_unavailable", message: "systemd credentials are not supported by this version yet",
                remedy: "ai-usage-agent vault init --backend file --identity key-file", exitCode: 4)
        }
        return try await attemptVault { () async throws(VaultError) in try await context.service.vault.initialize(choice) }
    }

    /// Exactly one source in config.json is a choice; a longer list is only an order of trying.
    private var configuredSource: IdentitySource? {
        guard let sources = context.configuration.identity, sources.count == 1 else { return nil }
        return sources[0]
    }

    private func ask() async throws(CommandFailure) -> IdentitySource {
        let hasPerson = Terminal.hasForeground && Terminal.isTerminal(.input)
        if hasPerson {
            let question = """
                There is no vault yet. The secrets will be encrypted in \(context.paths.sealedFile). What opens them?
                  1  a passphrase that you type when it is needed
                  2  a key file: \(context.paths.defaultKeyFile)
                Choose [1]:\u{20}
                """
            switch await onOwnThread({ Terminal.ask(question) }) {
            case "", "1": return .passphrase
            case "2": return .keyFile
            default: throw CommandFailure.usage("nothing was chosen; no vault was made")
            }
        }
        throw CommandFailure(
            code: "vault_missing", message: "there is no vault yet, nobody chose what opens it, and there is no terminal to ask",
            remedy: "ai-usage-agent vault init --backend file --identity key-file", exitCode: 4)
    }
}
