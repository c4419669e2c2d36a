import Platform

/// The secrets in one file, `secrets.age`, sealed to the vault's identity: for hosts without a desktop keyring.
struct SealedFileBackend: SecretsBackend {
    static let fileName = "secrets.age"

    let directory: PrivateDirectory
    /// Tells a store that was never written from one that is gone.
    let metadata: MetadataStore
    let vaultId: String
    let machine: String
    let keys: VaultKeys

    func get(_ accountId: String) async throws(VaultError) -> SecretBundle? {
        try open().bundle(accountId)
    }

    func list() async throws(VaultError) -> [BundleFacts] {
        try open().facts()
    }

    func put(_ bundle: borrowing SecretBundle) async throws(VaultError) -> SealedState? {
        try write(replacing: bundle.facts.accountId, with: bundle.encoded())
    }

    func delete(_ accountId: String) async throws(VaultError) -> SealedState? {
        try write(replacing: accountId, with: nil)
    }

    /// The generation and hash of the file as it is; nil when there is none.
    func state() throws(VaultError) -> SealedState? {
        guard let file = try read() else { return nil }
        let generation = try file.withBytes { (bytes) throws(VaultError) in
            try SealedStore(opening: bytes, path: path, vaultId: vaultId, keys: keys).generation
        }
        return SealedState(generation: generation, sha256: file.withBytes { Hex.encode(SHA256.hash($0).span) })
    }

    private var path: String { directory.file(SealedFileBackend.fileName) }

    private func read() throws(VaultError) -> SecretBytes? {
        do throws(FileError) { return try directory.read(SealedFileBackend.fileName) } catch {
            if error.kind == .notFound { return nil }
            throw VaultError(error)
        }
    }

    private func open() throws(VaultError) -> SealedStore {
        guard let file = try read() else {
            if try metadata.read().vault?.sealedSha256 != nil {
                throw VaultError(
                    .unavailable, "\(path) is missing", remedy: "restore it from a backup; without it every account has to log in again")
            }
            return SealedStore(machine: machine)
        }
        return try file.withBytes { (bytes) throws(VaultError) in
            try SealedStore(opening: bytes, path: path, vaultId: vaultId, keys: keys)
        }
    }

    private func write(replacing accountId: String, with bundle: consuming SecretBytes?) throws(VaultError) -> SealedState? {
        let store = try open()
        let sealed = store.sealed(replacing: accountId, with: bundle, vaultId: vaultId, machine: machine, keys: keys)
        try translating { () throws(FileError) in
            try directory.sweepTemporaries(of: SealedFileBackend.fileName)
            try directory.replace(SealedFileBackend.fileName, with: sealed.span)
        }
        return SealedState(generation: store.generation + 1, sha256: Hex.encode(SHA256.hash(sealed.span).span))
    }
}
