import Age
import Platform

/// What a rekeying that was killed left beside its files: names that end in ".next".
///
/// Whoever opens a vault finds its way with them as they are; here they take their names, or go.
struct RekeyRemains: Sendable {
    let sources: VaultSources
    let time: TimeSource

    /// Tidies up after an identity was found in a waiting file. A failure leaves everything usable as it is and is tried again.
    func settle(_ keys: VaultKeys, _ fromWaiting: [UInt8]) async {
        guard let locks = try? VaultLocks(paths: sources.paths, time: time), let lock = try? await locks.take(.vault) else { return }
        defer { extendLifetime(lock) }
        try? settle(keys, locks.data, fromWaiting: fromWaiting)
    }

    /// The same for somebody who holds the vault lock.
    ///
    /// - Parameter fromWaiting: SHA-256 of the waiting file that the identity was read from; nil where it came from its own
    ///   place. Which of two passphrase files is the right one, only a passphrase tells.
    func settle(_ keys: VaultKeys, _ data: PrivateDirectory, fromWaiting: [UInt8]?) throws(VaultError) {
        guard let record = try MetadataStore(paths: sources.paths, time: time).read().vault, record.recipient == keys.recipient.text else {
            return
        }
        try translating { () throws(FileError) in
            try settleStore(record, keys, data)
            switch record.identitySource {
            case .passphrase:
                let name = IdentityLoader.passphraseFileName
                // Another one by now is somebody's who began anew: not ours to judge.
                if let fromWaiting {
                    guard let waiting = try? data.read(name + IdentityLoader.waitingSuffix),
                        waiting.withBytes({ SHA256.hash($0) }) == fromWaiting
                    else { return }
                }
                try settleFile(name, data) { _ in fromWaiting == nil }
            case .keyFile:
                let (folder, name) = AbsolutePath.split(record.keyFile ?? sources.paths.defaultKeyFile)
                try settleFile(name, try PrivateDirectory.open(folder, trust: .notWritableByOthers)) { directory in
                    (try? IdentityFiles.read(directory, name))?.recipient == keys.recipient
                }
            case .keyring, .systemdCredential: break
            }
        }
    }

    private func settleStore(_ record: VaultRecord, _ keys: VaultKeys, _ data: PrivateDirectory) throws(FileError) {
        func opens(_ name: String) -> Bool {
            guard let file = try? data.read(name) else { return false }
            return file.withBytes { bytes in (try? SealedStore(opening: bytes, path: name, vaultId: record.id, keys: keys)) != nil }
        }
        guard try data.exists(SealedFileBackend.waitingName) else { return }
        if !opens(SealedFileBackend.fileName), opens(SealedFileBackend.waitingName) {
            try data.rename(SealedFileBackend.waitingName, to: SealedFileBackend.fileName)
        } else {
            try data.remove(SealedFileBackend.waitingName)
        }
    }

    /// - Parameter isCurrent: whether the file under its own name opens the vault.
    private func settleFile(_ name: String, _ directory: PrivateDirectory, isCurrent: (PrivateDirectory) -> Bool) throws(FileError) {
        let waiting = name + IdentityLoader.waitingSuffix
        guard try directory.exists(waiting) else { return }
        if isCurrent(directory) {
            try directory.remove(waiting)
        } else {
            try directory.rename(waiting, to: name)
        }
    }
}
