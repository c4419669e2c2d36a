import Age
import Platform

/// `vault change-passphrase`: the same identity under another passphrase. Killed at any point, one of the two opens it.
extension VaultMaintenance {
    /// - Throws: `usage` where no passphrase opens the vault, or for a passphrase that is too short; `rollbackSuspected`,
    ///   `clonedVault`.
    package func changePassphrase(_ reader: PassphraseReader) async throws(VaultError) {
        guard let record = try vault.metadataStore.read().vault else { throw Vault.missing }
        guard record.identitySource == .passphrase else {
            throw VaultError(
                .usage, "this vault is opened by \(record.identitySource.rawValue), not by a passphrase",
                remedy: "ai-usage-agent vault migrate --to \(record.backend.rawValue) --identity passphrase")
        }
        // Asked for before anybody has to wait for us.
        let passphrase = try await reader.readNew()
        let box = SecretBox(passphrase)
        try await exclusively { (_, locks) async throws(VaultError) -> Void in
            try await refuseDistrusted()
            guard let passphrase = box.take() else {
                throw VaultError(.locked, "the passphrase is not known any more", remedy: "run the command again")
            }
            try RekeyRemains(sources: vault.sources, time: vault.time).settle(open.keys, locks.data, fromWaiting: open.fromWaiting)
            let name = IdentityLoader.passphraseFileName + IdentityLoader.waitingSuffix
            let files = IdentityFiles(sources: vault.sources, time: vault.time)
            try await files.writePassphraseFile(open.keys.identity, passphrase.duplicate(), locks.data, name: name)
            let written = try translating { () throws(FileError) in try locks.data.read(name, limit: 65536) }
            guard try await IdentityLoader(sources: vault.sources).open(written, name, passphrase).recipient == open.keys.recipient else {
                throw VaultError(
                    .storage, "the key read back differs from what was written; the old passphrase is still in force",
                    remedy: "check disk and memory: dmesg")
            }
            try translating { () throws(FileError) in try locks.data.rename(name, to: IdentityLoader.passphraseFileName) }
        }
    }
}
