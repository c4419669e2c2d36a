import Age
package import Platform

/// Looks at a vault as it stands and says what is wrong: asks nobody, takes no token out, changes nothing.
///
/// What cannot be looked at because of another fault is skipped, so that one fault is not reported as five.
package struct VaultAudit: Sendable {
    /// What a name leads to; tests plant other people's files with it.
    package typealias Look = @Sendable (String) -> FileFacts?

    package private(set) var faults: [VaultFault] = []
    /// What was not looked at, and why.
    package private(set) var skipped: [VaultFault.Check: String] = [:]
    /// auth.json as it was read; nil where it cannot be.
    package private(set) var metadata: Metadata?
    /// What the store holds, without the secrets; nil where it was not opened.
    package internal(set) var bundles: [BundleFacts]?
    /// Account id to what `fingerprint` made of its refresh token.
    package internal(set) var fingerprints: [String: String] = [:]

    let vault: Vault
    let look: Look
    let user: UInt32
    let fingerprint: @Sendable (borrowing SecretBytes) -> String

    private init(
        _ vault: Vault, _ look: @escaping Look, _ user: UInt32, _ fingerprint: @escaping @Sendable (borrowing SecretBytes) -> String
    ) {
        (self.vault, self.look, self.user, self.fingerprint) = (vault, look, user, fingerprint)
    }

    /// - Parameters:
    ///   - user: whose the files should be.
    ///   - fingerprint: how refresh tokens are told apart without being shown.
    package static func run(
        _ vault: Vault, look: @escaping Look = { FileFacts.at($0) }, user: UInt32 = Peer.ownUser,
        fingerprint: @escaping @Sendable (borrowing SecretBytes) -> String
    ) async -> VaultAudit {
        var attempt = 0
        while true {
            var audit = VaultAudit(vault, look, user, fingerprint)
            await audit.run()
            // Somebody may have written between two of our looks: only what stays wrong is wrong.
            let generation = audit.metadata?.vault?.generation
            attempt += 1
            if audit.faults.isEmpty || attempt == 3 || (try? vault.metadataStore.read())?.vault?.generation == generation { return audit }
        }
    }

    var paths: VaultPaths { vault.paths }

    mutating func add(_ fault: VaultFault) { faults.append(fault) }

    mutating func skip(_ checks: [VaultFault.Check], _ why: String) {
        for check in checks where skipped[check] == nil { skipped[check] = why }
    }

    func has(_ checks: VaultFault.Check...) -> Bool { faults.contains { checks.contains($0.check) } }

    private static let content: [VaultFault.Check] = [
        .metadataMissing, .metadataMalformed, .metadataNewerSchema, .metadataContainsSecret,
    ]
    static let ofVault: [VaultFault.Check] = [
        .unwritable, .folderMode, .folderUnusable, .metadataMAC, .sealedMissing, .sealedMalformed, .sealedForeign, .rollback, .cloned,
        .recipientMismatch, .leftoverTemporary,
        .identityMissing, .keyFileMode, .keyFileOwner, .keyBesideVault, .identityMalformed, .weakPassphraseFile, .identityUnavailable,
        .orphanSecret, .accountWithoutSecret, .duplicateItem, .intentLeft, .pendingCommit, .lockHeld, .refusedRemembered,
    ]

    private mutating func run() async {
        guard let directory = look(paths.data) else {
            if let why = FileFacts.obstacle(paths.data) {
                add(VaultFault(.unreadable, "\(paths.data): \(why)"))
                return skip(VaultFault.Check.allCases, "the data directory cannot be seen")
            }
            return skip(VaultFault.Check.allCases, "there is no vault yet")
        }
        checkDirectory(directory)
        checkFile(paths.metadataFile, .metadataSymlink, .metadataOwner, .metadataMode)
        checkFile(paths.sealedFile, .sealedSymlink, .sealedOwner, .sealedMode)
        guard !has(.directorySymlink, .directoryOwner, .directoryMode) else {
            return skip(VaultAudit.content + VaultAudit.ofVault, "the data directory has to be repaired first")
        }
        guard !has(.metadataSymlink, .metadataOwner, .metadataMode) else {
            return skip(VaultAudit.content + VaultAudit.ofVault, "auth.json has to be repaired first")
        }
        guard let metadata = readMetadata() else { return skip(VaultAudit.ofVault, "auth.json has to be repaired first") }
        self.metadata = metadata
        checkRoom()
        checkFolders()
        checkLeftovers()
        checkKeysBesideVault()
        guard let record = metadata.vault else {
            return skip(VaultAudit.ofVault.filter { $0 != .leftoverTemporary && $0 != .keyBesideVault }, "there is no vault yet")
        }
        await checkIdentityAndStore(record, metadata)
        await checkRotation(record, metadata)
    }

    private mutating func checkDirectory(_ facts: FileFacts) {
        guard facts.kind == .directory else {
            return add(
                VaultFault(
                    .directorySymlink, "\(paths.data) is a symbolic link or no directory", command: "ls -ld \(ShellWord.quote(paths.data))")
            )
        }
        if facts.owner != user { add(VaultFault(.directoryOwner, "\(paths.data) belongs to user \(facts.owner)")) }
        if facts.mode & 0o077 != 0 || facts.lacks(0o700) {
            add(VaultFault(.directoryMode, "\(paths.data) has mode \(facts.octal)", command: "chmod 700 \(ShellWord.quote(paths.data))"))
        }
    }

    mutating func checkFile(_ path: String, _ symlink: VaultFault.Check, _ owner: VaultFault.Check, _ mode: VaultFault.Check) {
        guard let facts = look(path) else { return }
        guard facts.kind == .file else {
            return add(VaultFault(symlink, "\(path) is a symbolic link or no regular file", command: "ls -ld \(ShellWord.quote(path))"))
        }
        if facts.owner != user { add(VaultFault(owner, "\(path) belongs to user \(facts.owner)")) }
        if facts.mode & 0o077 != 0 || facts.lacks(0o400) {
            add(VaultFault(mode, "\(path) has mode \(facts.octal)", command: "chmod 600 \(ShellWord.quote(path))"))
        }
    }

    /// Nil where it cannot be read, with the fault that says why.
    private mutating func readMetadata() -> Metadata? {
        guard look(paths.metadataFile) != nil else {
            guard let data = try? PrivateDirectory.open(paths.data), let lost = try? LostMetadata.error(in: data) else { return Metadata() }
            add(VaultFault(.metadataMissing, lost.message, remedy: lost.remedy))
            skip([.metadataMalformed, .metadataNewerSchema, .metadataContainsSecret], "auth.json is gone")
            return nil
        }
        let text: SecretBytes
        do throws(FileError) { text = try PrivateDirectory.open(paths.data).read(MetadataStore.fileName) } catch {
            add(VaultFault(error.isOfContent ? .metadataMalformed : .unreadable, error.description))
            return nil
        }
        let path = paths.metadataFile
        let parsed = text.withBytes { bytes in
            do throws(VaultError) { return Result<Metadata, VaultError>.success(try Metadata(parsing: bytes, path: path)) } catch {
                return .failure(error)
            }
        }
        let value = text.withBytes { try? JSONValue(parsing: $0) }
        for place in value.map({ SecretTraces.places(in: $0) }) ?? [] {
            add(VaultFault(.metadataContainsSecret, "\(path) at \(place)"))
        }
        switch parsed {
        case .success(let metadata): return metadata
        case .failure(let error):
            let isNewer = value?["schemaVersion"].number?.integer.map { $0 > Metadata.schemaVersion } ?? false
            add(VaultFault(isNewer ? .metadataNewerSchema : .metadataMalformed, error.message))
            return nil
        }
    }
}
