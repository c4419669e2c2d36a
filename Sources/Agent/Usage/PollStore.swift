import Platform
import Vault

/// The `PollRecord` of each account, in `$XDG_STATE_HOME/ai-usage-agent/usage`: one file and one lock for each.
///
/// The lock is held from the decision to ask until the answer is written, so that whoever comes second finds the first one's
/// reading; the kernel frees it when its holder dies. Files are replaced as a whole. One that cannot be read counts as none.
struct PollStore: Sendable {
    let folder: String
    let time: TimeSource

    /// The name of an account's file. Nothing of an account but its random id is in it; a token of the environment, which may be
    /// another person's tomorrow, is told apart by a hash.
    static func name(_ account: AccountRecord, token: String?) -> String {
        let plain = account.id.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45
        }
        if plain, account.id.utf8.count <= 64, token == nil { return account.id }
        let text = Array("usage \(account.id) \(account.accountKey) \(token ?? "")".utf8)
        let digest = SHA256.hash(text.span)
        return "other-" + Hex.encode(digest.span).prefix(32)
    }

    /// The record as it stands; an empty one where there is none.
    func read(_ name: String) -> PollRecord {
        guard let directory = try? PrivateDirectory.open(folder) else { return PollRecord() }
        return read(name, directory)
    }

    private func read(_ name: String, _ directory: PrivateDirectory) -> PollRecord {
        guard let text = try? directory.read(name + ".json", limit: 1 << 20), let value = try? JSONValue(parsing: text) else {
            return PollRecord()
        }
        return PollRecord(value) ?? PollRecord()
    }

    /// The right to ask for one account, and its record.
    struct Turn: ~Copyable, Sendable {
        private let directory: PrivateDirectory
        private let name: String
        private let lock: FileLock

        fileprivate init(_ directory: PrivateDirectory, _ name: String, _ lock: consuming FileLock) {
            self.directory = directory
            self.name = name
            self.lock = lock
        }

        /// Not synced to the disk: after a crash of the machine the provider is asked again.
        func write(_ record: PollRecord) throws(FileError) {
            let text = Array((record.json.compact + "\n").utf8)
            try directory.replace(name + ".json", with: text.span, isDurable: false)
        }
    }

    /// Waits for the turn; nil if somebody else still has it when the patience is over.
    ///
    /// - Throws: `FileError` where the folder or the lock cannot be had: the floor could not be kept.
    func turn(_ name: String, patience: Duration) async throws(FileError) -> Turn? {
        let directory = try PrivateDirectory.open(folder, create: true)
        guard let lock = try await FileLock.acquire(directory, name + ".lock", .exclusive, patience: patience, time: time) else {
            return nil
        }
        return Turn(directory, name, lock)
    }

    /// Removes what nobody has asked about for a while: accounts that are gone.
    func sweep(_ keep: Set<String>, olderThan days: Int = 8) {
        guard let directory = try? PrivateDirectory.open(folder), let names = try? directory.names() else { return }
        let now = time.now()
        for file in names where file.hasSuffix(".json") {
            let name = String(file.dropLast(".json".count))
            guard !keep.contains(name) else { continue }
            let record = read(name, directory)
            // Also where nothing could be sent yet: without a network nobody forgets to wait.
            let last = [record.requestedAt, record.failure?.at, record.nextPollAt].compactMap { $0 }.max() ?? Timestamp(seconds: 0)
            // Held by somebody: not gone.
            guard now - last > days * 86400, let lock = try? FileLock.acquireNow(directory, name + ".lock", .exclusive) else { continue }
            if lock.isValid {
                try? directory.remove(file)
                try? directory.remove(name + ".lock")
            }
        }
    }
}
