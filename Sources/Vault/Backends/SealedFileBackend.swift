import Platform

/// The secrets in one file, `secrets.age`, sealed to the vault's identity: for hosts without a desktop keyring.
struct SealedFileBackend: SecretsBackend {
    static let fileName = "secrets.age"

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

    init(directory: PrivateDirectory, vault: Vault, vaultId: String, machine: String, keys: VaultKeys) {
        self.directory = directory
        metadata = vault.metadataStore
        memory = StateMemory(paths: vault.paths)
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
        return try replace(
            store.sealed(leavingOut: [], vaultId: vaultId, machine: machine, generation: generation, keys: keys) { _ in }, generation)
    }

    /// Forgets a file that auth.json does not name, so that a migration starts from nothing.
    func discard() throws(VaultError) {
        try translating { () throws(FileError) in
            try directory.remove(SealedFileBackend.fileName)
        }
    }

    private func highestKnown(_ record: VaultRecord?) -> Int {
        let remembered = memory.read().flatMap { $0.vaultId == vaultId ? $0.state.generation : nil }
        return max(record?.generation ?? 0, remembered ?? 0)
    }

    private var path: String { directory.file(SealedFileBackend.fileName) }

    private func read() throws(VaultError) -> SecretBytes? {
        do throws(FileError) { return try directory.read(SealedFileBackend.fileName) } catch {
            if error.kind == .notFound { return nil }
            throw VaultError(error)
        }
    }

    private static func hash(_ file: borrowing SecretBytes) -> String { file.withBytes { Hex.encode(SHA256.hash($0).span) } }

    private func open() throws(VaultError) -> SealedStore {
        // What is remembered is read first: whatever another process writes meanwhile makes the file newer, never older.
        let record = try metadata.read().vault
        let remembered = memory.read()
        guard let file = try read() else {
            if record?.sealedSha256 != nil {
                throw VaultError(
                    .unavailable, "\(path) is missing", remedy: "restore it from a backup; without it every account has to log in again")
            }
            return SealedStore(machine: machine, generation: highestKnown(record))
        }
        let store = try file.withBytes { (bytes) throws(VaultError) in
            try SealedStore(opening: bytes, path: path, vaultId: vaultId, keys: keys)
        }
        let state = SealedState(generation: store.generation, sha256: SealedFileBackend.hash(file))
        let suspicion = record.flatMap { record in
            VaultStanding.suspicion(
                sealed: state, sealedMachine: store.machine, machine: machine, record: record, memory: remembered, path: path)
        }
        judged.withLock { $0 = Judgement(suspicion: suspicion) }
        return store
    }

    private func write(_ accounts: [String], _ bundles: ((Span<UInt8>) -> Void) -> Void) throws(VaultError) -> SealedState? {
        let store = try open()
        if let suspicion = try suspicion() { throw suspicion }
        let generation = store.generation + 1
        return try replace(
            store.sealed(leavingOut: accounts, vaultId: vaultId, machine: machine, generation: generation, keys: keys, adding: bundles),
            generation)
    }

    private func replace(_ sealed: [UInt8], _ generation: Int) throws(VaultError) -> SealedState {
        try translating { () throws(FileError) in
            try directory.sweepTemporaries(of: SealedFileBackend.fileName)
            try directory.replace(SealedFileBackend.fileName, with: sealed.span)
        }
        let state = SealedState(generation: generation, sha256: Hex.encode(SHA256.hash(sealed.span).span))
        judged.withLock { $0 = nil }
        return state
    }
}
