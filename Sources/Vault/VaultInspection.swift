import Platform

/// What can be said of a vault without its key: for `vault status` and `status`.
package struct VaultInspection: Sendable {
    /// Nil where there is no vault.
    package let record: VaultRecord?
    /// In auth.json, references to other programs' logins too.
    package let accounts: Int
    /// Why the vault could not be opened now without asking anybody; nil if it could.
    package let lockedBecause: String?
    /// Accounts with a refresh that is durable in the journal and not yet committed.
    package let pending: Int
    /// Sentences for people: what is wrong or odd.
    package let findings: [String]

    /// Asks the keyring of a vault that uses one whether it is open; it prompts nobody, and a silent one costs 3 s. Opens a
    /// file vault whose key lies open, to see whether it is this machine's newest.
    ///
    /// - Throws: `corrupt` when auth.json cannot be read.
    package static func run(_ vault: Vault) async throws(VaultError) -> VaultInspection {
        let (sources, paths) = (vault.sources, vault.paths)
        let metadata = try vault.metadataStore.read()
        var findings: [String] = paths.ignoredVariables.map { "\($0) is relative and was ignored" }
        guard let record = metadata.vault else {
            return VaultInspection(record: nil, accounts: metadata.accounts.count, lockedBecause: nil, pending: 0, findings: findings)
        }
        findings += fileFindings(record, paths)
        let lockedBecause = await lockedBecause(record, sources)
        // That a passphrase has to be asked for is as it should be.
        if let lockedBecause, lockedBecause != needsPassphrase { findings.append(lockedBecause) }
        if let suspicion = await StandingGlance(vault).suspicion(thoroughly: true) { findings.append(suspicion.description) }
        let waiting = metadata.accounts.count { $0.statusReason == "cloned_vault" }
        if waiting > 0 {
            findings.append("\(waiting) imported from another machine or vault, not refreshed before: ai-usage-agent vault adopt")
        }
        for account in metadata.keptAside(paths) {
            findings.append("the refresh of \(account.displayName) brought tokens of another account, kept aside: \(account.loginCommand)")
        }
        return VaultInspection(
            record: record, accounts: metadata.accounts.count, lockedBecause: lockedBecause,
            pending: metadata.pendingCommits(paths).count, findings: findings)
    }

    private static let needsPassphrase = "it needs its passphrase"

    private static func fileFindings(_ record: VaultRecord, _ paths: VaultPaths) -> [String] {
        guard let data = try? PrivateDirectory.open(paths.data) else { return [] }
        var findings: [String] = []
        let hasWaiting = (try? data.exists(SealedFileBackend.waitingName)) == true
        if record.sealedSha256 != nil, (try? data.exists(SealedFileBackend.fileName)) == false, !hasWaiting {
            findings.append("\(paths.sealedFile) is missing")
        }
        if hasWaiting { findings.append("a rekey was interrupted; it is completed by: ai-usage-agent vault rekey") }
        return findings
    }

    private static func lockedBecause(_ record: VaultRecord, _ sources: VaultSources) async -> String? {
        if record.backend == .keyring || record.identitySource == .keyring {
            if let problem = await KeyringProbe(sources).problem() { return problem.error.message }
        }
        let paths = sources.paths
        switch record.identitySource {
        case .passphrase: return needsPassphrase
        case .keyring: return nil
        case .systemdCredential:
            return sources.credentialsDirectory == nil ? "it needs the systemd credential, and $CREDENTIALS_DIRECTORY is not set" : nil
        case .keyFile:
            let (folder, name) = AbsolutePath.split(record.keyFile ?? paths.defaultKeyFile)
            do throws(FileError) {
                _ = try PrivateDirectory.open(folder, trust: .notWritableByOthers).read(name, limit: 65536)
                return nil
            } catch { return error.description }
        }
    }
}
