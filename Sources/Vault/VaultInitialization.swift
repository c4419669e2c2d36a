import Age
import Platform

/// Makes a vault: the only place where an identity is ever created.
package struct VaultInitialization: Sendable {
    /// What a new vault is made of; the keys are handed on so that nobody is asked a second time.
    struct Made: Sendable {
        let record: VaultRecord
        let keys: VaultKeys
    }

    /// What shall open the new vault.
    package enum Identity: Sendable, Equatable {
        /// A new standard age identity file at that absolute path, 0600; an existing one there is used.
        case keyFile(path: String)
        /// A new identity sealed under a passphrase in `identity.age`.
        case passphrase
        /// A new identity in an item of the Secret Service.
        case keyring
        /// The identity that systemd hands over; it is never made here.
        case systemdCredential
    }

    let sources: VaultSources
    let time: TimeSource

    private var paths: VaultPaths { sources.paths }

    /// Writes the identity, tries it, and pins backend and source in auth.json.
    ///
    /// - Throws: `usage` when there is a vault already or the key file would stand beside what it opens.
    func run(_ backend: BackendKind, _ choice: Identity) async throws(VaultError) -> Made {
        let store = MetadataStore(paths: paths, time: time)
        let locks = try VaultLocks(paths: paths, time: time)
        let vaultLock = try await locks.take(.vault)
        defer { extendLifetime(vaultLock) }
        try refuseExisting(try store.read(), locks.data)

        if backend == .keyring { try await KeyringProbe(sources).check(for: .newVault) }

        let identity: AgeIdentity
        var source = IdentitySource.keyFile
        var keyFile: String?
        let loader = IdentityLoader(sources: sources)
        let files = IdentityFiles(sources: sources, time: time)
        switch choice {
        case .keyring:
            identity = AgeIdentity.generate()
            try await loader.storeInKeyring(identity, for: .newVault)
            source = .keyring
        case .systemdCredential:
            identity = try loader.readCredential()
            source = .systemdCredential
        case .keyFile(let path):
            identity = try makeKeyFile(files, path)
            keyFile = path
        case .passphrase:
            identity = try await makePassphraseFile(files, locks.data)
            source = .passphrase
        }
        var record = VaultRecord(
            id: Random.uuid(), backend: backend, identitySource: source, keyFile: keyFile, recipient: identity.recipient.text)
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

    /// A new key file, or the one that stands there: it may open another vault, too.
    private func makeKeyFile(_ files: IdentityFiles, _ path: String) throws(VaultError) -> AgeIdentity {
        let (folder, name) = try files.checkKeyFilePath(path)
        let directory = try translating { () throws(FileError) in
            try PrivateDirectory.open(folder, trust: .notWritableByOthers, create: true)
        }
        if try translating({ () throws(FileError) in try directory.exists(name) }) {
            let identity = try IdentityFiles.read(directory, name)
            try IdentityFiles.noteSharing(directory, name)
            return identity
        }
        let identity = AgeIdentity.generate()
        try files.writeKeyFile(identity, path)
        return identity
    }

    private func makePassphraseFile(_ files: IdentityFiles, _ data: PrivateDirectory) async throws(VaultError) -> AgeIdentity {
        if try translating({ () throws(FileError) in try data.exists(IdentityLoader.passphraseFileName) }) {
            throw VaultError(
                .corrupt, "\(paths.passphraseIdentityFile) is there, but auth.json does not know a vault",
                remedy: "restore auth.json, or move identity.age away; nothing was changed")
        }
        let identity = AgeIdentity.generate()
        try await files.writePassphraseFile(identity, try await sources.passphrase.readNew(), data)
        return identity
    }
}
