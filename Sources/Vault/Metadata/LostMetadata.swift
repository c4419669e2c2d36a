import Platform

/// An auth.json that is gone although a vault was made here. Taken for an empty store, it would say that there is no login,
/// and the next command would make a second vault over the first.
enum LostMetadata {
    /// What is left of the vault, in the words of an error; nil where nothing is.
    ///
    /// A `vault init` behind a passphrase writes identity.age just before auth.json, under the vault lock: while somebody holds
    /// that, identity.age alone says nothing.
    static func error(in data: PrivateDirectory) throws(VaultError) -> VaultError? {
        try translating { () throws(FileError) in
            let beginAnew = "restore auth.json from a backup, or begin anew by moving \(data.path) away; nothing was changed"
            for name in [SealedFileBackend.fileName, SealedFileBackend.waitingName] where try data.exists(name) {
                return corrupt(data, "\(name) is there", beginAnew)
            }
            let locks = try? data.subdirectory("locks")
            // The lock of an account is first taken by a login into a vault.
            if let locks, try locks.names().contains(where: { $0.hasPrefix(VaultLocks.accountPrefix) }) {
                return corrupt(data, "\(locks.path) shows that accounts were stored", beginAnew)
            }
            let name = IdentityLoader.passphraseFileName
            guard try data.exists(name), try !isBeingMade(locks) else { return nil }
            let path = data.file(name)
            return corrupt(
                data, "\(name) is there",
                "restore auth.json from a backup; or, if nobody has logged in since a vault init that was interrupted: mv \(ShellWord.quote(path)) \(ShellWord.quote(path + ".old")); nothing was changed"
            )
        }
    }

    private static func isBeingMade(_ locks: PrivateDirectory?) throws(FileError) -> Bool {
        guard let locks else { return false }
        switch try FileLock.acquireNow(locks, VaultLocks.vaultFile, .exclusive) {
        case .some: return false
        case .none: return true
        }
    }

    private static func corrupt(_ data: PrivateDirectory, _ what: String, _ remedy: String) -> VaultError {
        VaultError(.corrupt, "\(data.file(MetadataStore.fileName)): auth.json is gone, but \(what)", remedy: remedy)
    }
}
