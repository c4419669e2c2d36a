import Age
import Platform

/// The secrets in one file, `secrets.age`, sealed to the vault's identity: for hosts without a desktop keyring.
struct SealedFileBackend: SecretsBackend {
    static let fileName = "secrets.age"
    /// Prepared by a rekeying; the store as soon as auth.json names its recipient.
    static let waitingName = fileName + IdentityLoader.waitingSuffix

    let directory: PrivateDirectory
    let metadata: MetadataStore
    let memory: StateMemory
    let vaultId: String
    let machine: String
    let keys: VaultKeys
    /// What the last reading of the file came to, so that judging it costs no second one.
    private let judged = Guarded<Judgement?>(nil)

    private struct Judgement: Sendable {
        let suspicion: VaultError?
    }

    init(directory: PrivateDirectory, metadata: MetadataStore, vaultId: String, machine: String, keys: VaultKeys) {
        self.directory = directory
        self.metadata = metadata
        memory = StateMemory(paths: metadata.paths, vaultId: vaultId)
        self.vaultId = vaultId
        self.machine = machine
        self.keys = keys
    }

    func get(_ accountId: String) async throws(VaultError) -> SecretBundle? { try open().bundle(accountId) }

    func getAll() async throws(VaultError) -> [BundleBox] {
        let store = try open()
        var all: [BundleBox] = []
        for facts in try store.facts() {
            switch try store.bundle(facts.accountId) {
            case .some(let bundle): all.append(BundleBox(bundle))
            case .none: break
            }
        }
        return all
    }

    /// One bundle at a time: thousands of them at once would take a page for each of their tokens.
    func each(_ body: (borrowing SecretBundle) -> Void) throws(VaultError) { try open().each(body) }

    func list() async throws(VaultError) -> [BundleFacts] { try open().facts() }

    func put(_ bundle: borrowing SecretBundle) async throws(VaultError) -> SealedState? {
        let encoded = bundle.encoded()
        return try write([bundle.facts.accountId]) { encoded.withBytes($0) }
    }

    func putAll(_ bundles: [BundleBox]) async throws(VaultError) -> SealedState? {
        try write(bundles.map { $0.bundle.facts.accountId }) { emit in
            for box in bundles { box.bundle.encoded().withBytes(emit) }
        }
    }

    func delete(_ accountId: String) async throws(VaultError) -> SealedState? {
        try write([accountId]) { _ in }
    }

    /// Why the file should not be trusted with a refresh; nil if it is the newest one of this machine.
    func suspicion() throws(VaultError) -> VaultError? {
        if judged.withLock({ $0 }) == nil { _ = try open() }
        return judged.withLock { $0?.suspicion }
    }

    /// Takes the file as it is for the right one, on this machine: sealed again with the next generation.
    func adopt() throws(VaultError) -> SealedState {
        let record = try metadata.read().vault
        let store = try open()
        let generation = max(store.generation, highestKnown(record)) + 1
        return try replace(store.sealed(leavingOut: [], vaultId: vaultId, machine: machine, generation: generation, keys: keys) { _ in })
    }

    /// The store as it is, sealed to another identity with the next generation, for whoever puts it in force; nil before the
    /// first write.
    func sealedAgain(_ keys: VaultKeys, machine: String) throws(VaultError) -> (bytes: [UInt8], state: SealedState)? {
        guard try metadata.read().vault?.sealedSha256 != nil else { return nil }
        let store = try open()
        let sealed = store.sealed(
            leavingOut: [], vaultId: vaultId, machine: machine, generation: store.generation + 1, keys: keys
        ) { _ in }
        return (sealed.bytes, sealed.state)
    }

    /// Forgets a file that auth.json does not name, so that a migration starts from nothing.
    func discard() throws(VaultError) {
        try translating { () throws(FileError) in
            try directory.remove(SealedFileBackend.fileName)
            try directory.remove(SealedFileBackend.waitingName)
        }
    }

    private func highestKnown(_ record: VaultRecord?) -> Int {
        max(record?.generation ?? 0, memory.read()?.state?.generation ?? 0)
    }

    private var path: String { directory.file(SealedFileBackend.fileName) }

    private func read(_ name: String = fileName) throws(VaultError) -> SecretBytes? {
        do throws(FileError) { return try directory.read(name) } catch {
            if error.kind == .notFound { return nil }
            throw VaultError(error)
        }
    }

    private static func hash(_ file: borrowing SecretBytes) -> String { file.withBytes { Hex.encode(SHA256.hash($0).span) } }

    private func open() throws(VaultError) -> SealedStore {
        // What is remembered is read first: whatever another process writes meanwhile makes the file newer, never older.
        let record = try metadata.read().vault
        let remembered = memory.read()
        // A backend of its own identity only: with another one, everything read here would look like a stranger's.
        if let record, record.recipient != keys.recipient.text { throw VaultError.superseded(metadata.paths) }
        guard let file = try read() else {
            if let waiting = try openWaiting(record, remembered) { return waiting }
            try checkUnmoved(since: record)
            if record?.sealedSha256 != nil {
                throw VaultError(
                    .unavailable, "\(path) is missing", remedy: "restore it from a backup; without it every account has to log in again")
            }
            return SealedStore(machine: machine, generation: highestKnown(record))
        }
        do throws(VaultError) {
            return try open(file, path, record, remembered)
        } catch {
            // Still sealed to the identity before a rekeying that got as far as auth.json.
            guard error.code == .foreign else { throw error }
            if let waiting = try? openWaiting(record, remembered) { return waiting }
            try checkUnmoved(since: record)
            // It may have taken its name between our two looks.
            guard let again = try? read(), let store = try? open(again, path, record, remembered) else { throw error }
            return store
        }
    }

    /// - Throws: `superseded` when the vault was rekeyed or moved since auth.json was read: what was found then says nothing.
    private func checkUnmoved(since record: VaultRecord?) throws(VaultError) {
        let now = try metadata.read().vault
        if now?.recipient != record?.recipient || now?.backend != record?.backend { throw VaultError.superseded(metadata.paths) }
    }

    private func openWaiting(_ record: VaultRecord?, _ remembered: StateMemory.Content?) throws(VaultError) -> SealedStore? {
        guard let file = try read(SealedFileBackend.waitingName) else { return nil }
        return try open(file, directory.file(SealedFileBackend.waitingName), record, remembered)
    }

    private func open(
        _ file: borrowing SecretBytes, _ path: String, _ record: VaultRecord?, _ remembered: StateMemory.Content?
    ) throws(VaultError) -> SealedStore {
        let store = try file.withBytes { (bytes) throws(VaultError) in
            try SealedStore(opening: bytes, path: path, vaultId: vaultId, keys: keys)
        }
        let state = SealedState(generation: store.generation, sha256: SealedFileBackend.hash(file))
        let suspicion = record.flatMap { record in
            VaultStanding.suspicion(
                sealed: state, sealedMachine: store.machine, machine: machine, record: record, memory: remembered?.state, path: path)
        }
        judged.withLock { $0 = Judgement(suspicion: suspicion) }
        return store
    }

    private func write(_ accounts: [String], _ bundles: ((Span<UInt8>) -> Void) -> Void) throws(VaultError) -> SealedState? {
        let store = try open()
        if let suspicion = try suspicion() { throw suspicion }
        return try replace(
            store.sealed(
                leavingOut: accounts, vaultId: vaultId, machine: machine, generation: store.generation + 1, keys: keys, adding: bundles))
    }

    /// - Throws: `storage` also when what is read back is something else, or does not open: then nothing says that it is in force.
    private func replace(_ sealed: borrowing SealedStore.Sealed) throws(VaultError) -> SealedState {
        let bytes = sealed.bytes
        try translating { () throws(FileError) in
            try directory.sweepTemporaries(of: SealedFileBackend.fileName)
            try directory.replace(SealedFileBackend.fileName, with: bytes.span)
            // Whatever waited is older than this.
            try directory.remove(SealedFileBackend.waitingName)
        }
        judged.withLock { $0 = nil }
        guard let file = try read(), sealed.isWhole(in: file, keys.identity) else {
            throw VaultError(.storage, "\(path) read back is not what was written", remedy: "check disk and memory: dmesg")
        }
        return sealed.state
    }
}
