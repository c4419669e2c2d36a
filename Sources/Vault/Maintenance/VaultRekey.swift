import Age
import Platform

/// `vault rekey`: a new identity, everything sealed to it, and the old one forgotten only after that was read back.
///
/// The new key and the new `secrets.age` are made beside the old ones, under names that end in ".next". Replacing auth.json,
/// which names the recipient, is the one moment of change; then they take their names. Killed before it, the old vault is
/// whole; after it, the new one is.
package struct VaultRekey: Sendable {
    /// What a rekeying did.
    package struct Outcome: Sendable {
        /// How many the store holds; in a file vault they are sealed to the new key.
        package let accounts: Int
        /// The new one.
        package let recipient: String
        package let source: IdentitySource
        /// Where the new key stands; nil for every other source.
        package let keyFile: String?
        /// What still holds the old identity, or could not be removed; nil if nothing does.
        package let warning: String?
    }

    private let maintenance: VaultMaintenance
    private let keeper: PassphraseKeeper
    private let newKeyFile: String?
    private let newPassphrase: PassphraseReader?

    /// - Parameters:
    ///   - newKeyFile: where the new key goes; nil replaces the old key file, if this program made it.
    ///   - newPassphrase: what the new key is sealed under; nil keeps the passphrase.
    /// - Throws: what opening the vault can fail with.
    package init(_ vault: Vault, newKeyFile: String?, newPassphrase: PassphraseReader?) async throws(VaultError) {
        keeper = PassphraseKeeper()
        maintenance = try await VaultMaintenance(vault, keeping: keeper)
        self.newKeyFile = newKeyFile
        self.newPassphrase = newPassphrase
    }

    private var sources: VaultSources { maintenance.vault.sources }
    private var files: IdentityFiles { IdentityFiles(sources: sources, time: maintenance.vault.time) }
    private var loader: IdentityLoader { IdentityLoader(sources: sources) }

    /// - Throws: `usage` where the key cannot be replaced by us, `pendingCommit`, `rollbackSuspected`, `clonedVault`, `storage`.
    package func run() async throws(VaultError) -> Outcome {
        // Asked for before anybody has to wait for us.
        let passphrase = SecretBox(try await passphrase())
        return try await maintenance.exclusively { (record, locks) async throws(VaultError) -> Outcome in
            let open = maintenance.open
            let target = try keyFileTarget(record)
            let bundles = try await open.backend.getAll()
            if let suspicion = try open.suspicion(store: bundles.map { $0.bundle.facts }) { throw suspicion }
            try maintenance.refuseUnresolved(bundles)
            try RekeyRemains(sources: sources, time: maintenance.vault.time).settle(open.keys, locks.data, fromWaiting: open.fromWaiting)

            let identity = AgeIdentity.generate()
            let keys = VaultKeys(identity.duplicate())
            try await stage(identity, record, target, passphrase, locks.data)
            let state = record.backend == .file ? try stageStore(open.sealedFile(in: locks.data), keys, locks.data) : nil
            try await replace(record, target, keys, state, bundles)
            try takeNames(record, target, locks.data)
            try await maintenance.rememberAll(state)
            await maintenance.vault.lock()
            return Outcome(
                accounts: bundles.count, recipient: keys.recipient.text, source: record.identitySource, keyFile: target?.path,
                warning: await forget(record, target))
        }
    }

    private func passphrase() async throws(VaultError) -> SecretBytes? {
        guard let record = try maintenance.vault.metadataStore.read().vault else { throw Vault.missing }
        guard record.identitySource == .passphrase else {
            if newPassphrase != nil {
                throw VaultError(
                    .usage, "no passphrase opens this vault",
                    remedy: "ai-usage-agent vault migrate --to \(record.backend.rawValue) --identity passphrase")
            }
            return nil
        }
        if let newPassphrase { return try await newPassphrase.readNew() }
        return keeper.take()
    }

    /// Where the new key file goes.
    private struct KeyFileTarget {
        let path: String
        /// It takes the place of the old one.
        let replaces: Bool
    }

    private func keyFileTarget(_ record: VaultRecord) throws(VaultError) -> KeyFileTarget? {
        switch record.identitySource {
        case .systemdCredential:
            throw VaultError(
                .usage, "the vault's key is a systemd credential, which this program cannot replace",
                remedy: "ai-usage-agent vault migrate --to \(record.backend.rawValue) --identity key-file, then vault rekey")
        case .passphrase, .keyring:
            if newKeyFile != nil { throw VaultError(.usage, "no key file opens this vault", remedy: "leave --key-file out") }
            return nil
        case .keyFile:
            let path = record.keyFile ?? sources.paths.defaultKeyFile
            if let newKeyFile, newKeyFile != path {
                _ = try files.checkKeyFilePath(newKeyFile)
                return KeyFileTarget(path: newKeyFile, replaces: false)
            }
            let (folder, name) = AbsolutePath.split(path)
            let directory = try translating { () throws(FileError) in try PrivateDirectory.open(folder, trust: .notWritableByOthers) }
            // One that a person made may open other files, too.
            guard try IdentityFiles.isOurs(directory, name) else {
                throw VaultError(
                    .usage, "the key file \(path) may open other things: this program did not make it, or another vault was made with it",
                    remedy:
                        "name another for the new key: ai-usage-agent vault rekey --key-file \(otherKeyFile(than: path, record))")
            }
            return KeyFileTarget(path: path, replaces: true)
        }
    }

    /// A place for a key that is neither the one in use nor likely to be anybody's.
    private func otherKeyFile(than path: String, _ record: VaultRecord) -> String {
        let usual = sources.paths.defaultKeyFile
        guard path == usual else { return usual }
        return "\(AbsolutePath.split(usual).folder)/identity-\(record.id.prefix(8)).txt"
    }

    /// Makes the new identity durable beside the old one and reads it back.
    private func stage(
        _ identity: borrowing AgeIdentity, _ record: VaultRecord, _ target: KeyFileTarget?, _ passphrase: SecretBox,
        _ data: PrivateDirectory
    ) async throws(VaultError) {
        switch record.identitySource {
        case .keyring: try await loader.storeInKeyring(identity, for: .vault)
        case .systemdCredential: break
        case .keyFile:
            guard let target else { return }
            let path = target.replaces ? target.path + IdentityLoader.waitingSuffix : target.path
            try files.writeKeyFile(identity, path, replacing: target.replaces)
            let (folder, name) = AbsolutePath.split(path)
            let directory = try translating { () throws(FileError) in try PrivateDirectory.open(folder, trust: .notWritableByOthers) }
            try expect(try IdentityFiles.read(directory, name).recipient, identity)
        case .passphrase:
            guard let passphrase = passphrase.take() else {
                throw VaultError(.locked, "the passphrase is not known any more", remedy: "run the command again")
            }
            let name = IdentityLoader.passphraseFileName + IdentityLoader.waitingSuffix
            try await files.writePassphraseFile(identity, passphrase.duplicate(), data, name: name)
            let written = try translating { () throws(FileError) in try data.read(name, limit: 65536) }
            try expect(try await loader.open(written, name, passphrase).recipient, identity)
        }
    }

    private func expect(_ found: AgeRecipient, _ identity: borrowing AgeIdentity) throws(VaultError) {
        guard found == identity.recipient else {
            throw VaultError(
                .storage, "the new key read back differs from what was written; the old one is still in force",
                remedy: "check the disk: dmesg")
        }
    }

    /// Seals the store to the new identity beside the old one, reads it back and compares.
    ///
    /// - Returns: nil where nothing was stored yet.
    private func stageStore(_ file: SealedFileBackend, _ keys: VaultKeys, _ data: PrivateDirectory) throws(VaultError) -> SealedState? {
        guard let sealed = try file.sealedAgain(keys, machine: keys.machineBinding(maintenance.vault.machineId)) else { return nil }
        try translating { () throws(FileError) in
            try data.sweepTemporaries(of: SealedFileBackend.fileName)
            try data.replace(SealedFileBackend.waitingName, with: sealed.bytes.span)
        }
        let written = try translating { () throws(FileError) in try data.read(SealedFileBackend.waitingName) }
        let same = written.withBytes { bytes in
            constantTimeEqual(bytes, sealed.bytes.span)
                && (try? SealedStore(opening: bytes, path: SealedFileBackend.waitingName, vaultId: maintenance.open.id, keys: keys)) != nil
        }
        guard same else {
            throw VaultError(
                .storage, "the secrets read back differ from what was written; the old key is still in force",
                remedy: "check the disk: dmesg")
        }
        return sealed.state
    }

    /// The moment of change.
    private func replace(
        _ record: VaultRecord, _ target: KeyFileTarget?, _ keys: VaultKeys, _ state: SealedState?, _ bundles: [BundleBox]
    ) async throws(VaultError) {
        // Fingerprints are keyed by the identity: a refusal that is remembered must still be recognised.
        let old = maintenance.open.keys
        var fingerprints: [String: (old: String, new: String)] = [:]
        for box in bundles {
            guard let before = old.fingerprint(ofRefreshTokenIn: box.bundle), let after = keys.fingerprint(ofRefreshTokenIn: box.bundle)
            else { continue }
            fingerprints[box.bundle.facts.accountId] = (before, after)
        }
        let known = fingerprints
        let path = target?.path
        try await maintenance.vault.metadataStore.update { metadata in
            guard var record = metadata.vault else { return }
            record.recipient = keys.recipient.text
            record.keyFile = path
            record.take(state, keys)
            metadata.vault = record
            for account in metadata.accounts where account.refusedFingerprint != nil {
                metadata.updateAccount(id: account.id) { account in
                    account.refusedFingerprint = known[account.id].flatMap { $0.old == account.refusedFingerprint ? $0.new : nil }
                }
            }
        }
    }

    private func takeNames(_ record: VaultRecord, _ target: KeyFileTarget?, _ data: PrivateDirectory) throws(VaultError) {
        try translating { () throws(FileError) in
            if try data.exists(SealedFileBackend.waitingName) {
                try data.rename(SealedFileBackend.waitingName, to: SealedFileBackend.fileName)
            }
            if record.identitySource == .passphrase {
                try data.rename(
                    IdentityLoader.passphraseFileName + IdentityLoader.waitingSuffix, to: IdentityLoader.passphraseFileName)
            }
            if let target, target.replaces {
                let (folder, name) = AbsolutePath.split(target.path)
                try PrivateDirectory.open(folder, trust: .notWritableByOthers).rename(name + IdentityLoader.waitingSuffix, to: name)
            }
        }
    }

    /// Removes the old identity where it is not replaced by name.
    private func forget(_ record: VaultRecord, _ target: KeyFileTarget?) async -> String? {
        if record.identitySource == .keyring, let old = AgeRecipient(record.recipient) {
            let keyring = KeyringBackend(helper: sources.keyring, vaultId: record.id, mayAsk: sources.mayAskPerson)
            do throws(VaultError) {
                try await keyring.removeAll([IdentityLoader.reference(old)])
            } catch { return "the old key could not be removed from the keyring: \(error.message)" }
        }
        if let target, !target.replaces {
            return
                "the old key file \(record.keyFile ?? sources.paths.defaultKeyFile) no longer opens this vault; remove it if nothing else needs it"
        }
        return nil
    }
}
