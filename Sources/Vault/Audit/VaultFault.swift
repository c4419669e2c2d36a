/// One thing that is wrong with a vault, for whoever puts it into words.
package struct VaultFault: Sendable, Equatable {
    /// What is looked at; the raw values are the ids of `auth doctor`.
    package enum Check: String, Sendable, CaseIterable {
        case directoryMode = "vault.dir.mode"
        case directoryOwner = "vault.dir.owner"
        case directorySymlink = "vault.dir.symlink"
        case unreadable = "vault.unreadable"
        case unwritable = "vault.unwritable"
        case folderMode = "vault.folder.mode"
        case folderUnusable = "vault.folder.unusable"
        case metadataMissing = "vault.metadata.missing"
        case metadataMode = "vault.metadata.mode"
        case metadataOwner = "vault.metadata.owner"
        case metadataSymlink = "vault.metadata.symlink"
        case metadataMalformed = "vault.metadata.malformed"
        case metadataNewerSchema = "vault.metadata.newer-schema"
        case metadataContainsSecret = "vault.metadata.contains-secret"
        case metadataMAC = "vault.metadata.mac"
        case sealedMissing = "vault.sealed.missing"
        case sealedMode = "vault.sealed.mode"
        case sealedOwner = "vault.sealed.owner"
        case sealedSymlink = "vault.sealed.symlink"
        case sealedMalformed = "vault.sealed.malformed"
        case sealedForeign = "vault.sealed.foreign"
        case rollback = "vault.rollback"
        case cloned = "vault.cloned"
        case recipientMismatch = "vault.recipient-mismatch"
        case leftoverTemporary = "vault.leftover-temp"
        case identityMissing = "identity.missing"
        case keyFileMode = "identity.keyfile.mode"
        case keyFileOwner = "identity.keyfile.owner"
        case keyBesideVault = "identity.keyfile.beside-vault"
        case identityMalformed = "identity.keyfile.malformed"
        case weakPassphraseFile = "identity.passphrase.weak-kdf"
        case identityUnavailable = "identity.source-unavailable"
        case orphanSecret = "backend.orphan-secret"
        case accountWithoutSecret = "backend.account-without-secret"
        case duplicateItem = "backend.duplicate-item"
        case intentLeft = "rotation.intent-left"
        case pendingCommit = "rotation.pending-commit"
        case lockHeld = "rotation.lock-held"
        case refusedRemembered = "rotation.refused-remembered"
    }

    package let check: Check
    /// What was seen: paths, modes, names; never a secret.
    package let evidence: String
    /// A command that repairs it, where there is one.
    package let command: String?
    /// A command or a sentence that holds one, where `command` does not say it.
    package let remedy: String?
    /// The id of an account.
    package let account: String?

    init(_ check: Check, _ evidence: String, command: String? = nil, remedy: String? = nil, account: String? = nil) {
        self.check = check
        self.evidence = evidence
        self.command = command
        self.remedy = remedy
        self.account = account
    }
}
