import Age
package import Platform

/// The two stores as one: metadata that anybody of this user may list, secrets behind the identity.
///
/// Reading metadata needs no key. `open()` loads the identity once per process and gives access to the secrets.
package actor Vault {
    package nonisolated let paths: VaultPaths
    package nonisolated let time: TimeSource
    package nonisolated let metadataStore: MetadataStore
    private let loader: IdentityLoader
    private let machineId: String?
    private let allowNetworkFilesystem: Bool
    private var opening: Task<Result<OpenVault, VaultError>, Never>?

    package init(
        paths: VaultPaths, time: TimeSource, passphrase: PassphraseReader, machineId: String?, allowNetworkFilesystem: Bool = false
    ) {
        self.paths = paths
        self.time = time
        self.machineId = machineId
        self.allowNetworkFilesystem = allowNetworkFilesystem
        metadataStore = MetadataStore(paths: paths, time: time)
        loader = IdentityLoader(paths: paths, passphrase: passphrase)
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
    package func initialize(_ choice: VaultInitialization.Identity) async throws(VaultError) -> VaultRecord {
        let made = try await VaultInitialization(paths: paths, time: time, passphrase: loader.passphrase).run(choice)
        let open = try OpenVault(vault: self, record: made.record, keys: made.keys, machineId: machineId)
        opening = Task { .success(open) }
        return made.record
    }

    private func load() async -> Result<OpenVault, VaultError> {
        do throws(VaultError) {
            guard let record = try metadataStore.read().vault else { throw Vault.missing }
            guard record.backend == .file else {
                throw VaultError(
                    .unavailable, "the vault keeps its secrets in the desktop keyring, which this version cannot read",
                    remedy: "use the version of ai-usage-agent that made the vault")
            }
            return .success(try OpenVault(vault: self, record: record, keys: try await loader.load(record), machineId: machineId))
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

    fileprivate init(vault: Vault, record: VaultRecord, keys: VaultKeys, machineId: String?) throws(VaultError) {
        self.vault = vault
        self.keys = keys
        id = record.id
        locks = try VaultLocks(paths: vault.paths, time: vault.time)
        journal = try RotationJournal(data: locks.data, vaultId: record.id, keys: keys)
        backend = SealedFileBackend(
            directory: locks.data, metadata: vault.metadataStore, vaultId: record.id, machine: keys.machineBinding(machineId), keys: keys)
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
        let state = try await backend.delete(accountId)
        try await record(state) { $0.removeAccount(id: accountId) }
        try journal.remove(accountId)
    }

    private func record(_ state: SealedState?, _ change: @Sendable (inout Metadata) -> Void) async throws(VaultError) {
        let keys = keys
        try await vault.metadataStore.update { metadata in
            if let state, var record = metadata.vault {
                record.generation = state.generation
                record.sealedSha256 = state.sha256
                record.mac = keys.metadataMAC(record)
                metadata.vault = record
            }
            change(&metadata)
        }
    }
}
