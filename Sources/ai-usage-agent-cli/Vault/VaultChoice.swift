import Agent
import Platform
import Vault

/// Which vault is made, at `vault init` and before a first login: never one that nobody chose.
struct VaultChoice {
    let context: CommandContext

    init(_ context: CommandContext) { self.context = context }

    /// The agent, if it can store a login: then nobody has to open the vault here.
    ///
    /// - Throws: exit 4 when it is locked.
    func openAgent() async throws(CommandFailure) -> AgentContact? {
        let metadata = try await attemptVault { () throws(VaultError) in try context.service.vault.metadataStore.read() }
        guard metadata.vault != nil, let status = try await context.agentStatus() else { return nil }
        if status["locked"]?.bool == true { throw CommandFailure(Vault.held) }
        return context.agent
    }

    /// Makes sure that there is a vault and that it opens, before a login spends anything.
    func ensureOpen() async throws(CommandFailure) {
        let metadata = try await attemptVault { () throws(VaultError) in try context.service.vault.metadataStore.read() }
        if let record = metadata.vault {
            // Before the person does their part: what the keyring would not keep must not be granted.
            let probe = KeyringProbe(context.service.vault.sources)
            if record.backend == .keyring {
                try await attemptVault { () async throws(VaultError) in try await probe.check(for: .vault) }
            }
        } else {
            let record = try await initialize(backend: nil, identity: nil, keyFile: nil)
            let place = record.backend == .keyring ? "in the desktop keyring" : context.paths.sealedFile
            context.output.note(
                "made a vault: \(place), opened by \(record.identitySource.rawValue)\(record.keyFile.map { " " + $0 } ?? "")"
            )
        }
        let suspicion = try await attemptVault { () async throws(VaultError) in try await openAsItIs() }
        if let suspicion { throw CommandFailure(suspicion) }
    }

    /// Opens the vault and judges it; one that is rekeyed or moved at this moment is opened again, since nothing has been done yet.
    private func openAsItIs() async throws(VaultError) -> VaultError? {
        let vault = context.service.vault
        var attempts = 0
        while true {
            do throws(VaultError) { return try await vault.open().suspicion(nil) } catch {
                attempts += 1
                guard error.code == .superseded, attempts < VaultChoice.mostOpenings else { throw error }
                await vault.lock()
            }
        }
    }

    /// Somebody who rekeys in a loop is not waited for for ever.
    private static let mostOpenings = 5

    /// - Throws: exit 4 when nobody chose and nobody can be asked.
    func initialize(backend: Configuration.Backend?, identity: IdentitySource?, keyFile: String?) async throws(CommandFailure)
        -> VaultRecord
    {
        let metadata = try await attemptVault { () throws(VaultError) in try context.service.vault.metadataStore.read() }
        if metadata.vault != nil {
            throw CommandFailure.usage("there is a vault already: \(context.paths.metadataFile)", remedy: "ai-usage-agent vault status")
        }
        let wanted = backend ?? context.configuration.backend
        let (decided, why) = try await decide(wanted)
        let source = try await chooseIdentity(identity, decided)
        if decided == .file, source == .keyring {
            // A sealed file whose key is in the keyring would need both, and add nothing.
            throw CommandFailure.usage(
                "--backend file does not go with --identity keyring", remedy: "ai-usage-agent vault init --backend file --identity key-file"
            )
        }
        let choice = self.identity(source, keyFile: keyFile)
        let record = try await attemptVault { () async throws(VaultError) in try await context.service.vault.initialize(decided, choice) }
        if let why { context.output.note("there is no desktop keyring (\(why)); the secrets go to an encrypted file") }
        return record
    }

    /// The named source with what it needs from options and configuration.
    func identity(_ source: IdentitySource, keyFile: String?) -> VaultInitialization.Identity {
        switch source {
        case .keyFile: .keyFile(path: keyFile ?? context.configuration.keyFile ?? context.paths.defaultKeyFile)
        case .passphrase: .passphrase
        case .keyring: .keyring
        case .systemdCredential: .systemdCredential
        }
    }

    /// `auto`: a Secret Service that is there decides for the keyring, also when it is locked (then that is said, and
    /// nothing is made); only where none can be reached at all the encrypted file takes its place.
    ///
    /// - Returns: the backend, and why it is the file where that was not asked for.
    private func decide(_ wanted: Configuration.Backend) async throws(CommandFailure) -> (BackendKind, String?) {
        switch wanted {
        case .keyring: return (.keyring, nil)
        case .file: return (.file, nil)
        case .auto:
            switch await KeyringProbe(context.service.vault.sources).run() {
            case .ready: return (.keyring, nil)
            case .absent(let why): return (.file, why)
            case .unusable(let error): throw CommandFailure(error)
            }
        }
    }

    private func chooseIdentity(_ named: IdentitySource?, _ backend: BackendKind) async throws(CommandFailure) -> IdentitySource {
        if let named { return named }
        if backend == .keyring {
            // Where the secrets are is where their key belongs, unless one other source was named.
            return configuredSource ?? .keyring
        }
        if let configuredSource { return configuredSource }
        return try await ask()
    }

    /// Exactly one source in config.json is a choice; a longer list is only an order of trying.
    private var configuredSource: IdentitySource? {
        guard let sources = context.configuration.identity, sources.count == 1 else { return nil }
        return sources[0]
    }

    /// Somebody who mistypes is asked again; somebody who leans on a key is not asked for ever.
    private static let mostQuestions = 3

    private func ask() async throws(CommandFailure) -> IdentitySource {
        let hasPerson = Terminal.hasForeground && Terminal.isTerminal(.input)
        if hasPerson {
            let question = """
                There is no vault yet. The secrets will be encrypted in \(context.paths.sealedFile). What opens them?
                  1  a passphrase that you type when it is needed
                  2  a key file: \(context.paths.defaultKeyFile)
                Choose [1]:\u{20}
                """
            for _ in 0..<VaultChoice.mostQuestions {
                guard let answer = await onOwnThread({ Terminal.ask(question) }) else { break }
                switch answer {
                case "", "1": return .passphrase
                case "2": return .keyFile
                default: Terminal.write("Type 1 or 2.\n", to: .error)
                }
            }
            throw CommandFailure.usage(
                "nothing was chosen; no vault was made", remedy: "ai-usage-agent vault init --backend file --identity key-file")
        }
        throw CommandFailure(
            code: "vault_missing", message: "there is no vault yet, nobody chose what opens it, and there is no terminal to ask",
            remedy: "ai-usage-agent vault init --backend file --identity key-file", exitCode: 4)
    }
}
