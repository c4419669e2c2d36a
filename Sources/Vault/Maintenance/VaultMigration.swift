import Age
import Platform

/// `vault migrate`: everything copied, read back and compared, then the pin, then the old copy removed. Killed at any point
/// there is one complete store, the one that auth.json names.
extension VaultMaintenance {
    /// What a migration did.
    package struct Migration: Sendable {
        package let accounts: Int
        package let from: BackendKind
        package let to: BackendKind
        package let identitySource: IdentitySource
        /// It had been done; only leftovers of an interrupted one were removed.
        package let wasThereAlready: Bool
    }

    /// - Parameter choice: what opens the vault afterwards; nil keeps the present source where it goes with the target.
    /// - Throws: `usage` for a file vault with its key in the keyring; what the two backends can fail with.
    package func migrate(to target: BackendKind, _ choice: VaultInitialization.Identity?) async throws(VaultError) -> Migration {
        try await exclusively { (record, locks) async throws(VaultError) -> Migration in
            let destination = backend(target, locks)
            let source = backend(record.backend, locks)
            if record.backend == target {
                try await removeLeftovers(of: target == .file ? .keyring : .file, locks)
                return Migration(
                    accounts: try await source.list().count, from: target, to: target, identitySource: record.identitySource,
                    wasThereAlready: true)
            }
            if let suspicion = try open.suspicion(nil) { throw suspicion }
            let identity = try await prepareIdentity(record, target, choice, locks)
            let bundles = try await source.getAll()
            if target == .file, let file = destination as? SealedFileBackend { try file.discard() }
            let state = try await destination.putAll(bundles)
            try await compare(bundles, destination)
            try await pin(
                { record in
                    record.backend = target
                    record.identitySource = identity.source
                    record.keyFile = identity.keyFile
                    if target == .keyring { record.sealedSha256 = nil }
                }, open.keys, state)
            try await removeLeftovers(of: record.backend, locks)
            return Migration(
                accounts: bundles.count, from: record.backend, to: target, identitySource: identity.source, wasThereAlready: false)
        }
    }

    private func backend(_ kind: BackendKind, _ locks: VaultLocks) -> any SecretsBackend {
        switch kind {
        case .keyring: KeyringBackend(helper: vault.sources.keyring, mayAsk: vault.sources.mayAskPerson)
        case .file: open.sealedFile(in: locks.data)
        }
    }

    private func compare(_ bundles: [BundleBox], _ destination: any SecretsBackend) async throws(VaultError) {
        var copies: [String: BundleBox] = [:]
        for box in try await destination.getAll() { copies[box.bundle.facts.accountId] = box }
        for box in bundles {
            guard let copy = copies[box.bundle.facts.accountId], SecretBundle.equal(copy.bundle, box.bundle) else {
                throw VaultError(
                    .storage, "an account read back differs from what was written; nothing was switched", remedy: "run it again")
            }
        }
    }

    /// The same identity under its new source. It never changes here: `vault rekey` does that.
    private func prepareIdentity(
        _ record: VaultRecord, _ target: BackendKind, _ choice: VaultInitialization.Identity?, _ locks: VaultLocks
    ) async throws(VaultError) -> (source: IdentitySource, keyFile: String?) {
        let loader = IdentityLoader(sources: vault.sources)
        switch choice {
        case nil:
            if target == .keyring {
                try await loader.storeInKeyring(open.keys.identity)
                return (.keyring, nil)
            }
            guard record.identitySource != .keyring else {
                throw VaultError(
                    .usage, "the vault's key is in the keyring; a file vault needs it elsewhere",
                    remedy: "ai-usage-agent vault migrate --to file --identity key-file")
            }
            return (record.identitySource, record.keyFile)
        case .keyring:
            guard target == .keyring else { throw VaultError(.usage, "a file vault with its key in the keyring would need both") }
            try await loader.storeInKeyring(open.keys.identity)
            return (.keyring, nil)
        case .keyFile(let path):
            try IdentityFiles(sources: vault.sources, time: vault.time).writeKeyFile(open.keys.identity, path)
            return (.keyFile, path)
        case .passphrase:
            try await IdentityFiles(sources: vault.sources, time: vault.time).writePassphraseFile(
                open.keys.identity, try await vault.sources.passphrase.readNew(), locks.data)
            return (.passphrase, nil)
        case .systemdCredential:
            guard try loader.readCredential().recipient == open.keys.recipient else {
                throw VaultError(.foreign, "the systemd credential holds another identity than this vault's")
            }
            return (.systemdCredential, nil)
        }
    }

    /// What the store that is no longer pinned still holds.
    private func removeLeftovers(of kind: BackendKind, _ locks: VaultLocks) async throws(VaultError) {
        switch kind {
        case .file:
            try open.sealedFile(in: locks.data).discard()
        case .keyring:
            let keyring = KeyringBackend(helper: vault.sources.keyring, mayAsk: vault.sources.mayAskPerson)
            try await keyring.removeAll(
                accounts: try vault.metadataStore.read().accounts.map(\.id), identity: IdentityLoader.reference(open.keys.recipient))
        }
    }
}
