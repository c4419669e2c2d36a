package import Platform

/// The locks that stand beside the data they guard. Order: account, then flight, then vault, then metadata.
package struct VaultLocks: Sendable {
    /// Which lock, by what it guards.
    package enum Name: Sendable {
        /// One refresh, login or logout of one account at a time, in this process and every other.
        case account(provider: String, accountKey: String, vaultId: String)
        /// Held shared by every refresh, exclusively by what changes the identity.
        case flight(FileLock.Mode)
        /// `secrets.age` (or the keyring's items) and then auth.json, while they are written.
        case vault
        /// auth.json, while it is read, changed and replaced.
        case metadata
    }

    /// Waiters give up a little after the longest flight must have ended (30 s).
    static let patience = Duration.seconds(35)

    static let vaultFile = "vault"
    static let accountPrefix = "account-"

    let data: PrivateDirectory
    private let locks: PrivateDirectory
    private let time: TimeSource

    /// Makes the data directory and its `locks` where they are missing.
    ///
    /// - Throws: `corrupt` where they are not ours alone, `storage`.
    package init(paths: VaultPaths, time: TimeSource) throws(VaultError) {
        self.time = time
        data = try translating { () throws(FileError) in try PrivateDirectory.open(paths.data, create: true) }
        let data = data
        locks = try translating { () throws(FileError) in try data.subdirectory("locks", create: true) }
    }

    /// - Throws: `busy` when somebody else holds it for longer than a flight may take.
    package func take(_ name: Name) async throws(VaultError) -> FileLock {
        let (file, mode) = fileAndMode(name)
        try checkInPlace()
        let lock: FileLock?
        do throws(FileError) {
            lock = try await FileLock.acquire(locks, file, mode, patience: VaultLocks.patience, time: time)
        } catch { throw VaultError(error) }
        guard let lock else {
            try checkInPlace()
            throw VaultError(
                .busy, "another process has held \(locks.file(file)) for more than 35 s",
                remedy: "see who it is with: fuser -v \(ShellWord.quote(locks.file(file)))")
        }
        return lock
    }

    /// A lock in a directory that was moved away keeps nobody out.
    ///
    /// - Throws: `superseded` where the directories are not those of their paths any more: open the vault anew.
    func checkInPlace() throws(VaultError) {
        guard data.isInPlace, locks.isInPlace else { throw VaultError.replaced(data.path) }
    }

    /// The lock if nobody has it now; nil if somebody does.
    func takeNow(_ name: Name) throws(VaultError) -> FileLock? {
        let (file, mode) = fileAndMode(name)
        return try translating { () throws(FileError) in try FileLock.acquireNow(locks, file, mode) }
    }

    private func fileAndMode(_ name: Name) -> (String, FileLock.Mode) {
        switch name {
        case .account(let provider, let accountKey, let vaultId):
            return (VaultLocks.accountFile(provider, accountKey, vaultId), .exclusive)
        case .flight(let mode): return ("flight", mode)
        case .vault: return (VaultLocks.vaultFile, .exclusive)
        case .metadata: return ("metadata", .exclusive)
        }
    }

    /// Named by identity, so that two first logins of one account meet; keyed, so that the name tells nobody who.
    static func accountFile(_ provider: String, _ accountKey: String, _ vaultId: String) -> String {
        let key = Array(vaultId.utf8)
        let message = Array("\(provider)\u{0}\(accountKey)".utf8)
        let tag = HMACSHA256.authenticate(message.span, key: key.span)
        return accountPrefix + Hex.encode(tag.span.extracting(first: 16))
    }
}
