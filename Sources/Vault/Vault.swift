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
    private let isHeldElsewhere: @Sendable () async -> Bool
    private var opening: Task<Result<OpenVault, VaultError>, Never>?
    /// A descriptor gives its passphrase once, and a vault that is rekeyed meanwhile has to be opened again: a login that is
    /// waiting for its browser would be lost.
    private let keeper: PassphraseKeeper?

    /// Reads nothing yet.
    ///
    /// - Parameters:
    ///   - machineId: the text of /etc/machine-id; nil where there is none.
    ///   - isHeldElsewhere: whether somebody who serves this vault was told to lock it; asked before a key
    ///     is read that no person has to give.
    package init(
        sources: VaultSources, time: TimeSource, machineId: String?, allowNetworkFilesystem: Bool = false,
        isHeldElsewhere: @escaping @Sendable () async -> Bool = { false }
    ) {
        self.sources = sources
        self.isHeldElsewhere = isHeldElsewhere
        paths = sources.paths
        self.time = time
        self.machineId = machineId
        self.allowNetworkFilesystem = allowNetworkFilesystem
        metadataStore = MetadataStore(paths: paths, time: time)
        if case .descriptor = sources.passphrase.source { keeper = PassphraseKeeper() } else { keeper = nil }
    }

    /// The vault with its identity loaded. Callers that come at once share one load (one prompt); a failure is not kept.
    ///
    /// - Throws: `missing` before `vault init`; `locked`, `unavailable`, `wrongPassphrase`, `foreign`, `corrupt`.
    package func open() async throws(VaultError) -> OpenVault { try await open(keeping: nil) }

    /// - Parameter keeper: is given the passphrase that opened the vault; nothing that was opened before is used then.
    func open(keeping keeper: PassphraseKeeper?) async throws(VaultError) -> OpenVault {
        if isHeld { throw Vault.held }
        if keeper != nil { opening = nil }
        // Begun here and not on another thread: most identities are read without waiting for anybody.
        let task = opening ?? Task.immediate { await self.load(keeper ?? self.keeper) }
        opening = task
        let result = await task.value
        // Only its own: another opening may have begun, or succeeded, meanwhile.
        if case .failure = result, opening == task { opening = nil }
        return try result.get()
    }

    /// Forgets the identity and everything derived from it; who still holds an `OpenVault` keeps it until they let go.
    package func lock() { opening = nil }

    /// A service was told to lock: not even a key that lies open is read before `unlock`.
    private var isHeld = false
    /// How often it was told to: a lock during an unlock wins.
    private var holds = 0

    /// What everybody is told while the vault is held.
    package static let held = VaultError(.locked, "the agent holds the vault locked", remedy: "ai-usage-agent vault unlock")

    /// Whether the identity is in memory.
    package var isOpen: Bool { opening != nil }

    /// Forgets the identity and refuses to load it again; a refresh that has been sent is still stored.
    package func hold() {
        isHeld = true
        holds += 1
        opening = nil
    }

    /// Loads the identity, also of a vault that is held locked.
    ///
    /// - Parameter passphrase: asked for nowhere else then.
    /// - Throws: as `open`; what was open before stays open. `locked` where it was held again meanwhile.
    package func unlock(_ passphrase: consuming SecretBytes?) async throws(VaultError) {
        var keeper: PassphraseKeeper?
        if let passphrase = passphrase.take() {
            keeper = PassphraseKeeper()
            keeper?.keep(passphrase)
        }
        let before = holds
        let open = try await load(keeper ?? self.keeper).get()
        guard holds == before else { throw Vault.held }
        opening = Task { .success(open) }
        isHeld = false
    }

    /// The vault as it is now, held so until the flight ends: a rekeying or a move before it is caught up with, one behind it
    /// waits. Take the account's lock first.
    ///
    /// - Throws: as `open`; `busy` where the vault is being changed for longer than 35 s; `superseded`.
    package func beginFlight() async throws(VaultError) -> VaultFlight {
        // The lock first: behind it nobody can change the vault while it is opened anew.
        let lock = try await VaultLocks(paths: paths, time: time).take(.flight(.shared))
        let open = try await open()
        do throws(VaultError) {
            try open.checkCurrent()
            return VaultFlight(vault: open, lock: lock)
        } catch {
            guard error.code == .superseded else { throw error }
            opening = nil
            let again = try await self.open()
            try again.checkCurrent()
            return VaultFlight(vault: again, lock: lock)
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
            if opensByItself(record), await isHeldElsewhere() { throw Vault.held }
            do throws(VaultError) {
                return .success(try await load(record, keeper))
            } catch {
                // A rekeying or a move between the two readings changes record and identity together: look once more.
                guard error.code == .foreign || error.code == .unavailable, let again = try metadataStore.read().vault,
                    !again.isOpened(like: record)
                else { throw error }
                return .success(try await load(again, keeper))
            }
        } catch { return .failure(error) }
    }

    /// Whether nobody is asked for anything: a passphrase that a person gives is as good here as at the agent.
    private func opensByItself(_ record: VaultRecord) -> Bool {
        guard record.identitySource == .passphrase else { return true }
        if case .command = sources.passphrase.source { return true }
        return false
    }

    private func load(_ record: VaultRecord, _ keeper: PassphraseKeeper?) async throws(VaultError) -> OpenVault {
        var fromWaiting: [UInt8]?
        let keys = try await IdentityLoader(sources: sources, keeper: keeper).load(record, fromWaiting: &fromWaiting)
        if let fromWaiting { await RekeyRemains(sources: sources, time: time).settle(keys, fromWaiting) }
        return try OpenVault(vault: self, record: record, keys: keys, fromWaiting: fromWaiting)
    }

    /// What everybody is told before there is a vault.
    package static let missing = VaultError(
        .missing, "there is no vault yet", remedy: "ai-usage-agent vault init --backend file --identity key-file")

    /// File systems on which locks and durable renames cannot be trusted (statfs f_type).
    package nonisolated var networkFilesystem: String? {
        guard let directory = try? PrivateDirectory.open(paths.data) else { return nil }
        return Vault.networkFilesystem(magic: directory.filesystemMagic)
    }

    /// The name of a network file system by its f_type; nil for every other.
    package static func networkFilesystem(magic: Int64) -> String? {
        switch magic {
        case 0x6969: "NFS"
        case 0x517B, 0xFF53_4D42, 0xFE53_4D42: "SMB"
        case 0x0102_1997: "9P"
        case 0x00C3_6400: "Ceph"
        case 0x5346_414F: "AFS"
        default: nil
        }
    }

    /// Whether the disk would take a login: asked before the person does their part, whose tokens would exist nowhere else.
    ///
    /// - Throws: `storage`.
    package nonisolated func checkWritable() throws(VaultError) {
        let locks = try VaultLocks(paths: paths, time: time)
        try translating { () throws(FileError) in try locks.data.probe(bytes: 64 << 10) }
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
///
/// It does not hold the `Vault`, which holds it: with the last of both the keys are wiped.
package final class OpenVault: Sendable {
    private let metadata: MetadataStore
    /// Of the vault, as in auth.json.
    package let id: String
    /// In memory for as long as this object, also after `Vault.lock`.
    package let keys: VaultKeys
    private let kind: BackendKind
    /// Of the file that a rekeying left waiting, where the identity was read from it.
    let fromWaiting: [UInt8]?
    /// The one that auth.json pins. What writes to it holds the vault's lock and notes the write, as `commit` does.
    package let backend: any SecretsBackend
    /// Written under the account's lock, or while every flight is kept away.
    package let journal: RotationJournal
    private let locks: VaultLocks
    /// The binding of the machine we run on.
    private let machine: String

    fileprivate init(vault: Vault, record: VaultRecord, keys: VaultKeys, fromWaiting: [UInt8]? = nil) throws(VaultError) {
        metadata = vault.metadataStore
        self.fromWaiting = fromWaiting
        self.keys = keys
        machine = keys.machineBinding(vault.machineId)
        id = record.id
        kind = record.backend
        locks = try VaultLocks(paths: vault.paths, time: vault.time)
        journal = try RotationJournal(data: locks.data, vaultId: record.id, keys: keys)
        switch record.backend {
        case .keyring: backend = KeyringBackend(helper: vault.sources.keyring, vaultId: record.id, mayAsk: vault.sources.mayAskPerson)
        case .file:
            backend = SealedFileBackend(directory: locks.data, metadata: metadata, vaultId: record.id, machine: machine, keys: keys)
        }
    }

    /// What was written to this machine's stores, as far as it is remembered outside of them.
    private var memory: StateMemory { StateMemory(paths: metadata.paths, vaultId: id) }

    /// Why a bundle must not be refreshed or written now: an older copy, or another machine's. Nil if it may.
    ///
    /// - Throws: what reading auth.json and the store can fail with; the reason itself is returned and not thrown.
    package func suspicion(_ facts: BundleFacts?) throws(VaultError) -> VaultError? {
        if let facts, facts.awaitsAdoption { return VaultError.cloned("this account") }
        return try suspicion(store: [facts].compactMap { $0 })
    }

    /// Why the store as a whole must not be given a new beginning: what is remembered of its accounts would be forgotten.
    ///
    /// - Parameter bundles: everything that it holds. One that waits to be adopted does so afterwards, too.
    func suspicion(store bundles: [BundleFacts]) throws(VaultError) -> VaultError? {
        if let file = backend as? SealedFileBackend { return try file.suspicion() }
        guard !bundles.isEmpty else { return nil }
        // The memory first: whatever another process writes meanwhile makes the metadata newer, never older.
        let remembered = memory.read()?.generations ?? [:]
        let recorded = Dictionary(try metadata.read().accounts.map { ($0.id, $0.generation) }) { max($0, $1) }
        for facts in bundles {
            let newest = max(remembered[facts.accountId] ?? 0, recorded[facts.accountId] ?? 0)
            guard facts.generation < newest else { continue }
            return VaultError(
                .rollbackSuspected,
                "the keyring holds generation \(facts.generation) of account \(facts.accountId), but generation \(newest) was written on this machine: it looks like a restored backup, whose tokens may be spent",
                remedy:
                    "restore the newest keyring, or accept this one: ai-usage-agent vault adopt (then log in again where a token turns out to be spent)"
            )
        }
        return nil
    }

    /// The file backend of this vault, whether or not it is the pinned one.
    func sealedFile(in data: PrivateDirectory) -> SealedFileBackend {
        SealedFileBackend(directory: data, metadata: metadata, vaultId: id, machine: machine, keys: keys)
    }

    /// The lock of one account; see `VaultLocks` for the order.
    ///
    /// - Throws: `busy` after 35 s, `storage`.
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

    /// - Throws: `superseded` when what we would seal could not be opened any more, or what we read is no longer the store.
    func checkCurrent() throws(VaultError) {
        try locks.checkInPlace()
        guard let record = try metadata.read().vault, record.id == id, record.recipient == keys.recipient.text,
            record.backend == kind
        else {
            throw VaultError.superseded(metadata.paths)
        }
    }

    /// The account's secrets; nil if the store is whole and has none.
    ///
    /// - Throws: as `SecretsBackend`; `superseded` where the store was moved meanwhile.
    package func bundle(_ accountId: String) async throws(VaultError) -> SecretBundle? {
        if let bundle = try await backend.get(accountId) { return bundle }
        // A store that has just been moved away is no empty one.
        try checkCurrent()
        return nil
    }

    /// Every bundle of the store, from one reading of it.
    ///
    /// - Throws: as `SecretsBackend`.
    package func each(_ body: (borrowing SecretBundle) -> Void) async throws(VaultError) {
        if let file = backend as? SealedFileBackend { return try file.each(body) }
        for box in try await backend.getAll() { body(box.bundle) }
    }

    /// Whether the keyring's item of that account is there and is no bundle: what a put of those facts left that was changed
    /// on its way.
    /// A damaged file is another matter: it holds every account and is not written over.
    package func hasDamagedItem(of facts: BundleFacts) async throws(VaultError) -> Bool {
        guard backend is KeyringBackend, let known = try metadata.read().account(id: facts.accountId),
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
    /// - Throws: `rollbackSuspected`, `clonedVault`, `superseded` and `busy` before anything is written; `storage`, also behind the
    ///   secret: it is in force then, and the metadata lag behind.
    package func commit(
        _ bundle: borrowing SecretBundle, _ change: @Sendable (inout Metadata) -> Void
    ) async throws(VaultError) {
        let vaultLock = try await locks.take(.vault)
        defer { extendLifetime(vaultLock) }
        try checkCurrent()
        if let suspicion = try suspicion(bundle.facts) { throw suspicion }
        let state = try await backend.put(bundle)
        try await record(state, bundle.facts.accountId, bundle.facts.generation, change)
    }

    /// Removes an account's secrets, then its metadata and its journal record. The caller holds the account lock.
    ///
    /// - Throws: as `commit`.
    package func remove(_ accountId: String) async throws(VaultError) {
        let vaultLock = try await locks.take(.vault)
        defer { extendLifetime(vaultLock) }
        try checkCurrent()
        // One that waits to be adopted may go: nobody's token is spent by forgetting it here.
        var facts = try await backend.get(accountId)?.facts
        facts?.awaitsAdoption = false
        if let suspicion = try suspicion(facts) { throw suspicion }
        let state = try await backend.delete(accountId)
        try await record(state, accountId, nil) { $0.removeAccount(id: accountId) }
        try journal.remove(accountId)
    }

    private func record(
        _ state: SealedState?, _ accountId: String, _ generation: Int?, _ change: @Sendable (inout Metadata) -> Void
    ) async throws(VaultError) {
        let keys = keys
        try await metadata.update { metadata in
            metadata.vault?.take(state, keys)
            change(&metadata)
        }
        // Last: a memory that lags behind is a store that is newer than remembered, which is no reason for distrust.
        try memory.note(state, account: accountId, generation: generation)
    }
}

extension VaultError {
    static func replaced(_ directory: String) -> VaultError {
        VaultError(
            .superseded, "\(directory) was moved away or replaced while this ran",
            remedy: "run the command again; of an agent that goes on saying so: ai-usage-agent agent stop")
    }

    static func superseded(_ paths: VaultPaths) -> VaultError {
        VaultError(
            .superseded, "the vault in \(paths.data) was given another key or backend while this command ran",
            remedy: "run the command again; nothing was changed")
    }
}
