import Age
import Platform

/// Makes a vault: the only place where an identity is ever created.
package struct VaultInitialization: Sendable {
    /// What a new vault is made of; the keys are handed on so that nobody is asked a second time.
    struct Made: Sendable {
        let record: VaultRecord
        let keys: VaultKeys
    }

    package enum Identity: Sendable, Equatable {
        /// A new standard age identity file at that absolute path, 0600; an existing one there is used.
        case keyFile(path: String)
        /// A new identity sealed under a passphrase in `identity.age`.
        case passphrase
    }

    /// log2 of scrypt's cost: about 0.6 s and 128 MiB.
    static let workFactor = 17

    let paths: VaultPaths
    let time: TimeSource
    let passphrase: PassphraseReader

    /// Writes the identity, tries it, and pins backend and source in auth.json.
    ///
    /// - Throws: `usage` when there is a vault already or the key file would stand beside what it opens.
    func run(_ choice: Identity) async throws(VaultError) -> Made {
        let store = MetadataStore(paths: paths, time: time)
        let locks = try VaultLocks(paths: paths, time: time)
        let vaultLock = try await locks.take(.vault)
        defer { extendLifetime(vaultLock) }
        try refuseExisting(try store.read(), locks.data)

        let identity: AgeIdentity
        var record: VaultRecord
        switch choice {
        case .keyFile(let path):
            identity = try makeKeyFile(path)
            record = VaultRecord(
                id: Random.uuid(), backend: .file, identitySource: .keyFile, keyFile: path, recipient: identity.recipient.text)
        case .passphrase:
            identity = try await makePassphraseFile(locks.data)
            record = VaultRecord(
                id: Random.uuid(), backend: .file, identitySource: .passphrase, keyFile: nil, recipient: identity.recipient.text)
        }
        let keys = VaultKeys(identity)
        record.mac = keys.metadataMAC(record)
        let made = Made(record: record, keys: keys)
        return try await store.update { (metadata) throws(VaultError) in
            if metadata.vault != nil { throw VaultInitialization.exists(paths) }
            metadata.vault = made.record
            return made
        }
    }

    private static func exists(_ paths: VaultPaths) -> VaultError {
        VaultError(.usage, "there is a vault already: \(paths.metadataFile)", remedy: "ai-usage-agent vault status")
    }

    private func refuseExisting(_ metadata: Metadata, _ data: PrivateDirectory) throws(VaultError) {
        guard metadata.vault == nil else { throw VaultInitialization.exists(paths) }
        if try translating({ () throws(FileError) in try data.exists(SealedFileBackend.fileName) }) {
            throw VaultError(
                .corrupt, "\(paths.sealedFile) is there, but auth.json does not know a vault",
                remedy: "restore auth.json, or move secrets.age away; nothing was changed")
        }
    }

    private func makeKeyFile(_ path: String) throws(VaultError) -> AgeIdentity {
        guard path.hasPrefix("/") else { throw VaultError(.usage, "--key-file needs an absolute path, not \"\(path)\"") }
        // The path as it is spelled must be the path as it is meant: no way around by "..", "." or "//".
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(where: { $0 == ".." || $0 == "." || $0.isEmpty }), !(path + "/").hasPrefix(paths.data + "/") else {
            throw VaultError(
                .usage, "the key file must not stand in \(paths.data), beside what it opens, and its path must be a plain one: \(path)",
                remedy: "leave --key-file out: \(paths.defaultKeyFile)")
        }
        let (folder, name) = IdentityLoader.split(path)
        guard !name.isEmpty else { throw VaultError(.usage, "--key-file names a directory: \(path)") }
        let directory = try translating { () throws(FileError) in
            try PrivateDirectory.open(folder, trust: .notWritableByOthers, create: true)
        }
        if try translating({ () throws(FileError) in try directory.exists(name) }) {
            let content = try translating { () throws(FileError) in try directory.read(name, limit: 65536) }
            do throws(AgeError) {
                return try content.withBytes { (bytes) throws(AgeError) in try AgeIdentity(identityFile: bytes) }
            } catch { throw VaultError(.corrupt, "\(path) exists and is no age identity file: \(error.detail); it was not changed") }
        }
        let identity = AgeIdentity.generate()
        let content = identity.identityFile(created: time.now().wholeSeconds.description)
        try translating { () throws(FileError) in
            try content.withBytes { (bytes: Span<UInt8>) throws(FileError) -> Void in try directory.create(name, with: bytes) }
        }
        return identity
    }

    private func makePassphraseFile(_ data: PrivateDirectory) async throws(VaultError) -> AgeIdentity {
        let name = IdentityLoader.passphraseFileName
        if try translating({ () throws(FileError) in try data.exists(name) }) {
            throw VaultError(
                .corrupt, "\(paths.passphraseIdentityFile) is there, but auth.json does not know a vault",
                remedy: "restore auth.json, or move identity.age away; nothing was changed")
        }
        let work = SealWork(AgeIdentity.generate(), try await passphrase.readNew(), created: time.now().wholeSeconds.description)
        let sealed = await onOwnThread { work.seal() }
        switch sealed {
        case .success(let bytes): try translating { () throws(FileError) in try data.create(name, with: bytes.span) }
        case .failure(let error):
            throw VaultError(.storage, "the passphrase could not be stretched: \(error.detail)", remedy: "128 MiB of memory are needed")
        }
        return work.identity.duplicate()
    }
}

/// One sealing under a passphrase, handed to a thread.
private final class SealWork: Sendable {
    let identity: AgeIdentity
    private let passphrase: SecretBytes
    private let created: String

    init(_ identity: consuming AgeIdentity, _ passphrase: consuming SecretBytes, created: String) {
        self.identity = identity
        self.passphrase = passphrase
        self.created = created
    }

    func seal() -> Result<[UInt8], AgeError> {
        let content = identity.identityFile(created: created)
        return content.withBytes { bytes in
            do throws(AgeError) {
                return .success(try AgeFile.seal(bytes, passphrase: passphrase, workFactor: VaultInitialization.workFactor))
            } catch { return .failure(error) }
        }
    }
}
