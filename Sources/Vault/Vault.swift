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
    private let machineId: String?
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
    package func open() async throws(VaultError) -> OpenVault {
        let task = opening ?? Task { await self.load() }
        opening = task
        let result = await task.value
        if case .failure = result { opening = nil }
        return try result.get()
    }

    /// Makes a vault and keeps it open: whoever gave the passphrase is not asked again.
    ///
    /// - Throws: `usage` when there is one already, and what the source of the passphrase can fail with.
    package func initialize(_ backend: BackendKind, _ choice: VaultInitialization.Identity) async throws(VaultError) -> VaultRecord {
        let made = try await VaultInitialization(sources: sources, time: time).run(backend, choice)
        let open = try OpenVault(vault: self, record: made.record, keys: made.keys, machineId: machineId)
        opening = Task { .success(open) }
        return made.record
    }

    private func load() async -> Result<OpenVault, VaultError> {
        do throws(VaultError) {
            guard let record = try metadataStore.read().vault else { throw Vault.missing }
            let keys = try await IdentityLoader(sources: sources).load(record)
            return .success(try OpenVault(vault: self, record: record, keys: keys, machineId: machineId))
        } catch { return .failure(error) }
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

/// A vault whose identity is in memory.
package final class OpenVault: Sendable {
    private let vault: Vault
    package let id: String
    package let keys: VaultKeys
    package let backend: any SecretsBackend
    package let journal: RotationJournal
    private let locks: VaultLocks
    /// The binding of the machine we run on.
    private let machine: String

    fileprivate init(vault: Vault, record: VaultRecord, keys: VaultKeys, machineId: String?) throws(VaultError) {
        self.vault = vault
        self.keys = keys
        machine = keys.machineBinding(machineId)
        id = record.id
        locks = try VaultLocks(paths: vault.paths, time: vault.time)
        journal = try RotationJournal(data: locks.data, vaultId: record.id, keys: keys)
        switch record.backend {
        case .keyring: backend = KeyringBackend(helper: vault.sources.keyring, mayAsk: vault.sources.mayAskPerson)
        case .file:
            backend = SealedFileBackend(directory: locks.data, vault: vault, vaultId: record.id, machine: machine, keys: keys)
        }
    }

    /// Why a bundle must not be refreshed or written now: an older copy, or another machine's. Nil if it may.
    package func suspicion(_ facts: BundleFacts?) throws(VaultError) -> VaultError? {
        if let facts, facts.awaitsAdoption { return VaultError.cloned("this account") }
        if let file = backend as? SealedFileBackend { return try file.suspicion() }
        guard let facts, let known = try vault.metadataStore.read().account(id: facts.accountId), facts.generation < known.generation else {
            return nil
        }
        return VaultError(
            .rollbackSuspected,
            "the keyring holds generation \(facts.generation) of this account, but generation \(known.generation) was written: it looks like a restored backup",
            remedy: "ai-usage-agent vault adopt, then log in again if the token turns out to be spent")
    }

    /// The file backend of this vault, whether or not it is the pinned one.
    func sealedFile(in data: PrivateDirectory) -> SealedFileBackend {
        SealedFileBackend(directory: data, vault: vault, vaultId: id, machine: machine, keys: keys)
    }

    /// The lock of one account; see `VaultLocks` for the order.
    package func lock(provider: String, accountKey: String) async throws(VaultError) -> FileLock {
        try await locks.take(.account(provider: provider, accountKey: accountKey, vaultId: id))
    }

    package func flightLock(_ mode: FileLock.Mode = .shared) async throws(VaultError) -> FileLock { try await locks.take(.flight(mode)) }

    /// The account's secrets; nil if the store is whole and has none.
    package func bundle(_ accountId: String) async throws(VaultError) -> SecretBundle? { try await backend.get(accountId) }

    /// Makes a bundle the account's current one: secret first, read back and compared, then metadata. The caller holds
    /// the account lock.
    ///
    /// - Parameter change: what else becomes true of the metadata in the same write.
    package func commit(
        _ bundle: borrowing SecretBundle, _ change: @Sendable (inout Metadata) -> Void
    ) async throws(VaultError) {
        let vaultLock = try await locks.take(.vault)
        defer { extendLifetime(vaultLock) }
        if let suspicion = try suspicion(bundle.facts) { throw suspicion }
        let state = try await backend.put(bundle)
        guard let stored = try await backend.get(bundle.facts.accountId), SecretBundle.equal(stored, bundle) else {
            throw VaultError(.storage, "the secrets read back differ from what was written", remedy: "check the disk: dmesg")
        }
        try await record(state, change)
    }

    /// Removes an account's secrets and then its metadata. The caller holds the account lock.
    package func remove(_ accountId: String) async throws(VaultError) {
        let vaultLock = try await locks.take(.vault)
        defer { extendLifetime(vaultLock) }
        if let suspicion = try suspicion(try await backend.get(accountId)?.facts) { throw suspicion }
        let state = try await backend.delete(accountId)
        try await record(state) { $0.removeAccount(id: accountId) }
        try journal.remove(accountId)
    }

    private func record(_ state: SealedState?, _ change: @Sendable (inout Metadata) -> Void) async throws(VaultError) {
        let keys = keys
        try await vault.metadataStore.update { metadata in
            metadata.vault?.take(state, keys)
            change(&metadata)
        }
        // Last: a memory that lags behind is a store that is newer than remembered, which is no reason for distrust.
        if let state { try StateMemory(paths: vault.paths).write(.init(vaultId: id, state: state)) }
    }
}
