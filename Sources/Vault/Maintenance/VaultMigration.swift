import Age
import Platform

/// `vault migrate`: everything copied, read back and compared, then the pin, then the old copy removed. Killed at any point
/// there is one complete store, the one that auth.json names.
extension VaultMaintenance {
    /// What a migration did.
    package struct Migration: Sendable {
        /// How many were copied, or are there.
        package let accounts: Int
        package let from: BackendKind
        package let to: BackendKind
        /// In force now.
        package let identitySource: IdentitySource
        /// It had been done; only leftovers of an interrupted one were removed.
        package let wasThereAlready: Bool
        /// What is still where nothing should be left; running it again tries again.
        package let warning: String?
    }

    /// - Parameter choice: what opens the vault afterwards; nil keeps the present source where it goes with the target.
    /// - Throws: `usage` for a file vault with its key in the keyring; what the two backends can fail with.
    package func migrate(to target: BackendKind, _ choice: VaultInitialization.Identity?) async throws(VaultError) -> Migration {
        let passphrase = SecretBox(try await newPassphrase(target, choice))
        return try await exclusively { (record, locks) async throws(VaultError) -> Migration in
            let destination = backend(target, locks)
            let source = backend(record.backend, locks)
            if record.backend == target {
                try await refuseDistrusted()
                let warning = await removeLeftovers(of: target == .file ? .keyring : .file, locks, mayBeAbsent: true)
                if let choice, !isPresent(choice, record) {
                    return try await changeSource(record, choice, passphrase, locks, leftovers: warning)
                }
                return Migration(
                    accounts: try await source.list().count, from: target, to: target, identitySource: record.identitySource,
                    wasThereAlready: true, warning: warning)
            }
            if target == .keyring { try await KeyringProbe(vault.sources).check(for: .move) }
            let bundles = try await source.getAll()
            if let suspicion = try open.suspicion(store: bundles.map { $0.bundle.facts }) { throw suspicion }
            // What is there and cannot be read must not be left behind: asked for by its name, it says why.
            let readable = Set(bundles.map { $0.bundle.facts.accountId })
            for account in try vault.metadataStore.read().accounts where !readable.contains(account.id) {
                _ = try await source.get(account.id)
            }
            let identity = try await prepareIdentity(record, target, choice, passphrase, locks)
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
            let warning = await removeLeftovers(of: record.backend, locks)
            await vault.lock()
            return Migration(
                accounts: bundles.count, from: record.backend, to: target, identitySource: identity.source, wasThereAlready: false,
                warning: warning)
        }
    }

    /// Asked for before anybody has to wait for us; nil where none is needed.
    private func newPassphrase(
        _ target: BackendKind, _ choice: VaultInitialization.Identity?
    ) async throws(VaultError) -> SecretBytes? {
        guard choice == .passphrase, let record = try vault.metadataStore.read().vault,
            record.backend != target || record.identitySource != .passphrase
        else { return nil }
        return try await vault.sources.passphrase.readNew()
    }

    /// Whether the identity stands there already.
    private func isPresent(_ choice: VaultInitialization.Identity, _ record: VaultRecord) -> Bool {
        switch choice {
        case .keyFile(let path): record.identitySource == .keyFile && (record.keyFile ?? paths.defaultKeyFile) == path
        case .passphrase: record.identitySource == .passphrase
        case .keyring: record.identitySource == .keyring
        case .systemdCredential: record.identitySource == .systemdCredential
        }
    }

    /// The same backend and the same identity, found elsewhere from now on.
    private func changeSource(
        _ record: VaultRecord, _ choice: VaultInitialization.Identity, _ passphrase: SecretBox, _ locks: VaultLocks, leftovers: String?
    ) async throws(VaultError) -> Migration {
        let identity = try await prepareIdentity(record, record.backend, choice, passphrase, locks)
        try await pin(
            { record in
                record.identitySource = identity.source
                record.keyFile = identity.keyFile
            }, open.keys, nil)
        let warning =
            record.identitySource == .keyring ? await forget([IdentityLoader.reference(open.keys.recipient)], mayBeAbsent: false) : nil
        return Migration(
            accounts: try await open.backend.list().count, from: record.backend, to: record.backend, identitySource: identity.source,
            wasThereAlready: false, warning: warning ?? leftovers)
    }

    private func backend(_ kind: BackendKind, _ locks: VaultLocks) -> any SecretsBackend {
        switch kind {
        case .keyring: KeyringBackend(helper: vault.sources.keyring, vaultId: open.id, mayAsk: vault.sources.mayAskPerson)
        case .file: open.sealedFile(in: locks.data)
        }
    }

    /// - Throws: `storage` when an account read back is not the one that was written.
    func compare(_ bundles: [BundleBox], _ destination: any SecretsBackend) async throws(VaultError) {
        var copies: [String: BundleBox] = [:]
        for box in try await destination.getAll() { copies[box.bundle.facts.accountId] = box }
        for box in bundles {
            guard let copy = copies[box.bundle.facts.accountId], SecretBundle.equal(copy.bundle, box.bundle) else {
                if destination is KeyringBackend { throw VaultError.forgetfulKeyring(for: .move) }
                throw VaultError(
                    .storage, "an account read back differs from what was written", remedy: "run it again")
            }
        }
    }

    /// The same identity under its new source. It never changes here: `vault rekey` does that.
    private func prepareIdentity(
        _ record: VaultRecord, _ target: BackendKind, _ choice: VaultInitialization.Identity?, _ passphrase: SecretBox, _ locks: VaultLocks
    ) async throws(VaultError) -> (source: IdentitySource, keyFile: String?) {
        let loader = IdentityLoader(sources: vault.sources)
        switch choice {
        case nil:
            if target == .keyring {
                try await loader.storeInKeyring(open.keys.identity, for: .move)
                return (.keyring, nil)
            }
            guard record.identitySource != .keyring else {
                throw VaultError(
                    .usage, "the vault's key is in the keyring; a file vault needs it elsewhere",
                    remedy: "ai-usage-agent vault migrate --to file --identity key-file")
            }
            return (record.identitySource, record.keyFile)
        case .keyring:
            guard target == .keyring else {
                throw VaultError(
                    .usage, "a file vault with its key in the keyring would need both",
                    remedy: "ai-usage-agent vault migrate --to file --identity key-file")
            }
            try await loader.storeInKeyring(open.keys.identity, for: .move)
            return (.keyring, nil)
        case .keyFile(let path):
            try IdentityFiles(sources: vault.sources, time: vault.time).writeKeyFile(open.keys.identity, path)
            return (.keyFile, path)
        case .passphrase:
            guard let passphrase = passphrase.take() else { throw VaultError.superseded(paths) }
            try await IdentityFiles(sources: vault.sources, time: vault.time).writePassphraseFile(
                open.keys.identity, passphrase, locks.data)
            return (.passphrase, nil)
        case .systemdCredential:
            guard try loader.readCredential().recipient == open.keys.recipient else {
                throw VaultError(
                    .foreign, "the systemd credential holds another identity than this vault's",
                    remedy:
                        "make it of this vault's own key: systemd-creds encrypt --name=\(VaultSources.credentialName) KEY-FILE CREDENTIAL")
            }
            return (.systemdCredential, nil)
        }
    }

    /// Removes what the store that is no longer pinned still holds.
    ///
    /// - Parameter mayBeAbsent: a keyring that is not there at all holds nothing.
    /// - Returns: what could not be removed; nil where nothing is left.
    private func removeLeftovers(of kind: BackendKind, _ locks: VaultLocks, mayBeAbsent: Bool = false) async -> String? {
        do throws(VaultError) {
            switch kind {
            case .file:
                try open.sealedFile(in: locks.data).discard()
                return nil
            case .keyring:
                // An identity that opens this vault from the keyring stays there.
                let metadata = try vault.metadataStore.read()
                let identity = metadata.vault?.identitySource == .keyring ? nil : IdentityLoader.reference(open.keys.recipient)
                return await forget(metadata.accounts.map(\.id) + [identity].compactMap { $0 }, mayBeAbsent: mayBeAbsent)
            }
        } catch { return "the old copy could not be removed: \(error.message)" }
    }

    /// Removes items from the keyring.
    private func forget(_ references: [String], mayBeAbsent: Bool) async -> String? {
        let keyring = KeyringBackend(helper: vault.sources.keyring, vaultId: open.id, mayAsk: vault.sources.mayAskPerson)
        do throws(VaultError) {
            try await keyring.removeAll(references)
            return nil
        } catch {
            if mayBeAbsent, error.code == .missing { return nil }
            return "what is in the keyring could not be removed: \(error.message)"
        }
    }
}
