import Platform

extension VaultAudit {
    /// A lock that is free within this time is held by somebody at work.
    private static let patience = Duration.seconds(2)

    /// Journal and locks.
    mutating func checkRotation(_ record: VaultRecord, _ metadata: Metadata) async {
        for account in metadata.accounts where account.refusedFingerprint != nil {
            add(
                VaultFault(
                    .refusedRemembered, "\(account.displayName) of \(account.provider)",
                    command: account.loginCommand, account: account.id))
        }
        let held = await heldLocks()
        for name in held {
            let path = paths.locks + "/" + name
            add(VaultFault(.lockHeld, path, command: "fuser -v \(ShellWord.quote(path))"))
        }
        for account in metadata.pendingCommits(paths) {
            // Somebody is at it.
            if held.contains(VaultLocks.accountFile(account.provider, account.accountKey, record.id)) { continue }
            add(
                VaultFault(
                    .pendingCommit, "\(account.displayName) of \(account.provider)",
                    command: account.tokenCommand, account: account.id))
        }
        for account in metadata.accounts where account.owner == .vault && RotationJournal.mark(paths, account.id) == .intent {
            // Somebody is at it.
            if held.contains(VaultLocks.accountFile(account.provider, account.accountKey, record.id)) { continue }
            add(
                VaultFault(
                    .intentLeft, "\(account.displayName) of \(account.provider)",
                    command: account.refreshCommand, account: account.id))
        }
    }

    private func heldLocks() async -> [String] {
        guard let directory = try? PrivateDirectory.open(paths.locks), let names = try? directory.names() else { return [] }
        var held = names.filter { $0.hasPrefix(VaultLocks.accountPrefix) || ["flight", VaultLocks.vaultFile, "metadata"].contains($0) }
        let deadline = vault.time.elapsed() + VaultAudit.patience
        while true {
            held = held.filter { !VaultAudit.isFree(directory, $0) }
            if held.isEmpty || vault.time.elapsed() >= deadline { return held }
            await vault.time.sleep(.milliseconds(100))
        }
    }

    /// Refreshes share the lock of flights.
    private static func isFree(_ directory: PrivateDirectory, _ name: String) -> Bool {
        do throws(FileError) {
            // To open it would make it.
            guard try directory.exists(name) else { return true }
            switch try FileLock.acquireNow(directory, name, name == "flight" ? .shared : .exclusive) {
            case .some: return true
            case .none: return false
            }
        } catch { return true }
    }

    /// What a crash left of a replacement, where nobody is writing now.
    mutating func checkLeftovers() {
        for (directory, name) in VaultAudit.leftovers(paths, now: vault.time.now()) {
            add(VaultFault(.leftoverTemporary, directory.file(name)))
        }
    }

    private static func leftovers(_ paths: VaultPaths, now: Timestamp) -> [(PrivateDirectory, String)] {
        guard let locks = try? PrivateDirectory.open(paths.locks), isFree(locks, VaultLocks.vaultFile), isFree(locks, "metadata") else {
            return []
        }
        var found: [(PrivateDirectory, String)] = []
        for path in [paths.data, paths.data + "/journal", paths.state, paths.configuration] {
            guard let directory = try? PrivateDirectory.open(path, trust: path == paths.configuration ? .notWritableByOthers : .ours),
                let names = try? directory.temporaries()
            else { continue }
            // Who writes settings takes none of these locks, and is done within a moment.
            let isOld = { (name: String) in path != paths.configuration || (directory.age(of: name, now: now) ?? 0) > 60 }
            found += names.filter(isOld).map { (directory, $0) }
        }
        return found
    }

    /// Removes them, under the locks of everybody who makes such files.
    ///
    /// - Returns: what was removed.
    package static func sweep(_ vault: Vault) async throws(VaultError) -> [String] {
        let found = leftovers(vault.paths, now: vault.time.now())
        guard !found.isEmpty else { return [] }
        let locks = try VaultLocks(paths: vault.paths, time: vault.time)
        let vaultLock = try await locks.take(.vault)
        defer { extendLifetime(vaultLock) }
        let metadataLock = try await locks.take(.metadata)
        defer { extendLifetime(metadataLock) }
        return try translating { () throws(FileError) in
            var removed: [String] = []
            for (directory, name) in found where try directory.exists(name) && !holdsKey(directory.file(name)) {
                try directory.remove(name)
                removed.append(directory.file(name))
            }
            return removed
        }
    }
}
