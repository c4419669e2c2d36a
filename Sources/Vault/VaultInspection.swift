package import Platform

/// What can be said of a vault without its key: for `vault status` and `status`.
package struct VaultInspection: Sendable {
    package let record: VaultRecord?
    package let accounts: Int
    /// Why the vault could not be opened now without asking anybody; nil if it could.
    package let lockedBecause: String?
    /// Accounts with a refresh that is durable in the journal and not yet committed.
    package let pending: Int
    package let findings: [String]

    /// - Throws: `corrupt` when auth.json cannot be read.
    package static func run(_ paths: VaultPaths, time: TimeSource) throws(VaultError) -> VaultInspection {
        let metadata = try MetadataStore(paths: paths, time: time).read()
        var findings: [String] = paths.ignoredVariables.map { "\($0) is relative and was ignored" }
        guard let record = metadata.vault else {
            return VaultInspection(record: nil, accounts: metadata.accounts.count, lockedBecause: nil, pending: 0, findings: findings)
        }
        if let sealed = try? PrivateDirectory.open(paths.data), record.sealedSha256 != nil,
            (try? sealed.exists(SealedFileBackend.fileName)) == false
        {
            findings.append("\(paths.sealedFile) is missing")
        }
        return VaultInspection(
            record: record, accounts: metadata.accounts.count, lockedBecause: lockedBecause(record, paths),
            pending: metadata.accounts.count { RotationJournal.hasRecord(paths, $0.id) }, findings: findings)
    }

    private static func lockedBecause(_ record: VaultRecord, _ paths: VaultPaths) -> String? {
        switch record.identitySource {
        case .passphrase: return "it needs its passphrase"
        // Asking the keyring would be slow and could wake it; the next command says what it finds.
        case .keyring: return nil
        case .systemdCredential: return "it needs the systemd credential"
        case .keyFile:
            let (folder, name) = IdentityLoader.split(record.keyFile ?? paths.defaultKeyFile)
            do throws(FileError) {
                _ = try PrivateDirectory.open(folder, trust: .notWritableByOthers).read(name, limit: 65536)
                return nil
            } catch { return error.description }
        }
    }
}
