import Age
package import Platform

/// The two stores as one: metadata that anybody of this user may list, secrets behind the identity.
///
/// Reading metadata needs no key. `open()` loads the identity once per process and gives access to the secrets.
package actor Vault {
    package nonisolated let paths: VaultPaths
    package nonisolated let time: TimeSource
    package nonisolated let metadataStore: MetadataStore
    package nonisolated let sources: VaultSources
    nonisolated let machineId: String?
    private let allowNetworkFilesystem: Bool
    private var opening: Task<Result<OpenVault, VaultError>, Never>?

    package init(
        sources: VaultSources, time: TimeSource, machineId: String?, allowNetworkFilesystem: Bool = false
    ) {
        self.sources = sources
        paths = sources.paths
        self.time = time
        self.machineId = machineId
        self.allowNetworkFilesystem = allowNetworkFilesystem
        metadataStore = MetadataStore(paths: paths, time: time)
    }

    /// The vault with its identity loaded. Callers that come at once share one load (one prompt); a failure is not kept.
    ///
    /// - Throws: `missing` before `vault init`; `locked`, `unavailable`, `wrongPassphrase`, `foreign`, `corrupt`.
    package func open() async throws(VaultError) -> OpenVault { try await open(keeping: nil) }

    /// - Parameter keeper: is given the passphrase that opened the vault; nothing that was opened before is used then.
    func open(keeping keeper: PassphraseKeeper?) async throws(VaultError) -> OpenVault {
        if keeper != nil { opening = nil }
        let task = opening ?? Task { await self.load(keeper) }
        opening = task
        let result = await task.value
        if case .failure = result { opening = nil }
        return try result.get()
    }

    /// Forgets the identity and everything derived from it; who still holds an `OpenVault` keeps it until they let go.
    package func lock() { opening = nil }

    /// The vault as it is now, held so until the flight ends: a rekeying or a move before it is caught up with, one behind it
    /// waits. Take the account's lock first.
    package func beginFlight() async throws(VaultError) -> VaultFlight {
        let open = try await open()
        do throws(VaultError) {
            return VaultFlight(vault: open, lock: try await open.flightLock())
        } catch {
            guard error.code == .superseded else { throw error }
            lock()
            let again = try await self.open()
            return VaultFlight(vault: again, lock: try await again.flightLock())
        }
    }

    /// Makes a vault and keeps it open: whoever gave the passphrase is not asked again.
    ///
    /// - Throws: `usage` when there is one already, and what the source of the passphrase can fail with.
    package func initialize(_ backend: BackendKind, _ choice: VaultInitialization.Identity) async throws(VaultError) -> VaultRecord {
        let made = try await VaultInitialization(sources: sources, time: time).run(backend, choice)
        let open = try OpenVault(vault: self, record: made.record, keys: made.keys)
        opening = Task { .success(open) }
        return made.record
    }

    private func load(_ keeper: PassphraseKeeper?) async -> Result<OpenVault, VaultError> {
        do throws(VaultError) {
            guard let record = try metadataStore.read().vault else { throw Vault.missing }
            do throws(VaultError) {
                return .success(try await load(record, keeper))
            } catch {
                // A rekeying between the two readings changes record and identity together: look once more.
                guard error.code == .foreign, let again = try metadataStore.read().vault, again != record else { throw error }
                return .success(try await load(again, keeper))
            }
        } catch { return .failure(error) }
    }

    private func load(_ record: VaultRecord, _ keeper: PassphraseKeeper?) async throws(VaultError) -> OpenVault {
        var fromWaiting = false
        let keys = try await IdentityLoader(sources: sources, keeper: keeper).load(record, fromWaiting: &fromWaiting)
        if fromWaiting { await RekeyRemains(sources: sources, time: time).settle(keys) }
        return try OpenVault(vault: self, record: record, keys: keys, fromWaiting: fromWaiting)
    }

    package static let missing = VaultError(
        .missing, "there is no vault yet", remedy: "ai-usage-agent vault init --backend file --identity key-file")

    /// File systems on which locks and durable renames cannot be trusted (statfs f_type).
    package nonisolated var networkFilesystem: String? {
        guard let directory = try? PrivateDirectory.open(paths.data) else { return nil }
        return switch directory.filesystemMagic {
        case 0x6969: "NFS"
        case 0x517B, 0xFF53_4D42, 0xFE53_4D42: "SMB"
        case 0x0102_1997: "9P"
        case 0x00C3_6400: "Ceph"
        case 0x5346_414F: "AFS"
        default: nil
        }
    }

    /// - Throws: `unavailable` where a refresh could spend a token twice because locks do not hold.
    package nonisolated func checkFilesystem() throws(VaultError) {
        if let name = networkFilesystem, !allowNetworkFilesystem {
            throw VaultError(
                .unavailable, "\(paths.data) is on a network file system (\(name)), where locks between machines cannot be trusted",
                remedy: "set XDG_DATA_HOME to a local disk, or \"allowNetworkFilesystem\": true in config.json")
        }
    }
}

/// An open vault that nobody changes as a whole while this lives.
package struct VaultFlight: ~Copyable, Sendable {
    package let vault: OpenVault
    private let lock: FileLock

    fileprivate init(vault: OpenVault, lock: consuming FileLock) {
        self.vault = vault
        self.lock = lock
    }
}

/// A vault whose identity is in memory.
package final class OpenVault: Sendable {
    private let vault: Vault
    package let id: String
    package let keys: VaultKeys
    private let kind: BackendKind
    /// The identity was read from a file that a rekeying left waiting.
    let fromWaiting: Bool
    package let backend: any SecretsBackend
    package let journal: RotationJournal
    private let locks: VaultLocks
    /// The binding of the machine we run on.
    private let machine: String

    fileprivate init(vault: Vault, record: VaultRecord, keys: VaultKeys, fromWaiting: Bool = false) throws(VaultError) {
        self.vault = vault
        self.fromWaiting = fromWaiting
        self.keys = keys
        machine = keys.machineBinding(vault.machineId)
        id = record.id
        kind = record.backend
        locks = try VaultLocks(paths: vault.paths, time: vault.time)
        journal = try RotationJournal(data: locks.data, vaultId: record.id, keys: keys)
        switch record.backend {
        case .keyring: backend = KeyringBackend(helper: vault.sources.keyring, mayAsk: vault.sources.mayAskPerson)
        case .file:
            backend = SealedFileBackend(directory: locks.data, vault: vault, vaultId: record.id, machine: machine, keys: keys)
        }
    }

    /// What was written to this machine's stores, as far as it is remembered outside of them.
    private var memory: StateMemory { StateMemory(paths: vault.paths, vaultId: id) }

    /// Why a bundle must not be refreshed or written now: an older copy, or another machine's. Nil if it may.
    package func suspicion(_ facts: BundleFacts?) throws(VaultError) -> VaultError? {
        if let facts, facts.awaitsAdoption { return VaultError.cloned("this account") }
        if let file = backend as? SealedFileBackend { return try file.suspicion() }
        guard let facts else { return nil }
        // The memory first: whatever another process writes meanwhile makes the metadata newer, never older.
        let remembered = memory.read()?.generations[facts.accountId] ?? 0
        let recorded = try vault.metadataStore.read().account(id: facts.accountId)?.generation ?? 0
        let newest = max(remembered, recorded)
        guard facts.generation < newest else { return nil }
        return VaultError(
            .rollbackSuspected,
            "the keyring holds generation \(facts.generation) of this account, but generation \(newest) was written on this machine: it looks like a restored backup, whose tokens may be spent",
            remedy:
                "restore the newest keyring, or accept this one: ai-usage-agent vault adopt (then log in again where a token turns out to be spent)"
        )
    }

    /// The file backend of this vault, whether or not it is the pinned one.
    func sealedFile(in data: PrivateDirectory) -> SealedFileBackend {
        SealedFileBackend(directory: data, vault: vault, vaultId: id, machine: machine, keys: keys)
    }

    /// The lock of one account; see `VaultLocks` for the order.
    package func lock(provider: String, accountKey: String) async throws(VaultError) -> FileLock {
        try await locks.take(.account(provider: provider, accountKey: accountKey, vaultId: id))
    }

    /// Keeps everybody away who would change the vault as a whole, for as long as a refresh or a login takes to be stored.
    ///
    /// - Throws: `superseded` when the vault was rekeyed since it was opened, `busy`.
    package func flightLock() async throws(VaultError) -> FileLock {
        let lock = try await locks.take(.flight(.shared))
        try checkCurrent()
        return lock
    }

    /// - Throws: `superseded` when what we would seal could not be opened any more.
    private func checkCurrent() throws(VaultError) {
        guard let record = try vault.metadataStore.read().vault, record.id == id, record.recipient == keys.recipient.text,
            record.backend == kind
        else {
            throw VaultError.superseded(vault.paths)
        }
    }

    /// The account's secrets; nil if the store is whole and has none.
    package func bundle(_ accountId: String) async throws(VaultError) -> SecretBundle? {
        if let bundle = try await backend.get(accountId) { return bundle }
        // A store that has just been moved away is no empty one.
        try checkCurrent()
        return nil
    }

    /// Whether the keyring's item of that account is there and is no bundle: what a put of those facts left that was changed
    /// on its way.
    /// A damaged file is another matter: it holds every account and is not written over.
    package func hasDamagedItem(of facts: BundleFacts) async throws(VaultError) -> Bool {
        guard backend is KeyringBackend, let known = try vault.metadataStore.read().account(id: facts.accountId),
            known.accountKey == facts.accountKey, known.generation <= facts.generation
        else { return false }
        do throws(VaultError) {
            _ = try await backend.get(facts.accountId)
            return false
        } catch {
            if error.code == .corrupt { return true }
            throw error
        }
    }

    /// Makes a bundle the account's current one: secret first, read back and compared, then metadata. The caller holds
    /// the account lock.
    ///
    /// - Parameter change: what else becomes true of the metadata in the same write.
    package func commit(
        _ bundle: borrowing SecretBundle, _ change: @Sendable (inout Metadata) -> Void
    ) async throws(VaultError) {
        let vaultLock = try await locks.take(.vault)
        defer { extendLifetime(vaultLock) }
        try checkCurrent()
        if let suspicion = try suspicion(bundle.facts) { throw suspicion }
        let state = try await backend.put(bundle)
        guard try await isStored(bundle) else {
            if backend is KeyringBackend { throw VaultError.forgetfulKeyring(for: .vault) }
            throw VaultError(.storage, "the secrets read back differ from what was written", remedy: "check the disk: dmesg")
        }
        try await record(state, bundle.facts.accountId, bundle.facts.generation, change)
    }

    private func isStored(_ bundle: borrowing SecretBundle) async throws(VaultError) -> Bool {
        do throws(VaultError) {
            guard let stored = try await backend.get(bundle.facts.accountId) else { return false }
            return SecretBundle.equal(stored, bundle)
        } catch {
            if error.code == .corrupt, backend is KeyringBackend { return false }
            throw error
        }
    }

    /// Removes an account's secrets and then its metadata. The caller holds the account lock.
    package func remove(_ accountId: String) async throws(VaultError) {
        let vaultLock = try await locks.take(.vault)
        defer { extendLifetime(vaultLock) }
        try checkCurrent()
        if let suspicion = try suspicion(try await backend.get(accountId)?.facts) { throw suspicion }
        let state = try await backend.delete(accountId)
        try await record(state, accountId, nil) { $0.removeAccount(id: accountId) }
        try journal.remove(accountId)
    }

    private func record(
        _ state: SealedState?, _ accountId: String, _ generation: Int?, _ change: @Sendable (inout Metadata) -> Void
    ) async throws(VaultError) {
        let keys = keys
        try await vault.metadataStore.update { metadata in
            metadata.vault?.take(state, keys)
            change(&metadata)
        }
        // Last: a memory that lags behind is a store that is newer than remembered, which is no reason for distrust.
        try memory.note(state, account: accountId, generation: generation)
    }
}

extension VaultError {
    static func superseded(_ paths: VaultPaths) -> VaultError {
        VaultError(
            .superseded, "the vault in \(paths.data) was given another key or backend while this command ran",
            remedy: "run the command again; nothing was changed")
    }
}
