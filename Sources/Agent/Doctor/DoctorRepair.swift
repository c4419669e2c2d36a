import OAuth
import Platform
import Vault

/// `--fix`: what is safe to repair, and nothing else. No secret is ever deleted.
extension Doctor {
    /// Repairs what the findings name.
    ///
    /// - Returns: a sentence for each thing that was done, or that failed.
    package func repair(_ findings: [Finding]) async -> [String] {
        var done: [String] = []
        let found = Set(findings.filter { $0.status == .warning || $0.status == .error }.map(\.check))
        for (check, path, bits) in modes where found.contains(check) {
            guard let facts = host.look(path), facts.mode & bits != 0, facts.kind == .file || facts.kind == .directory else { continue }
            do throws(FileError) {
                try FileMode.remove(bits, of: path)
                done.append("\(check.rawValue): \(path) had mode \(facts.octal), has \(host.look(path)?.octal ?? "?") now")
            } catch { done.append("\(check.rawValue): not done: \(error)") }
        }
        // What stood behind a wrong mode is seen in the next round.
        guard done.isEmpty else { return done }
        if found.contains(.vaultLeftoverTemp) {
            do throws(VaultError) {
                done += try await VaultAudit.sweep(service.vault).map { "\(DoctorCheck.vaultLeftoverTemp.rawValue): removed \($0)" }
            } catch { done.append("\(DoctorCheck.vaultLeftoverTemp.rawValue): not done: \(error)") }
        }
        for finding in findings where finding.check == .rotationPendingCommit && finding.status == .warning {
            if let sentence = await commit(finding.account) { done.append(sentence) }
        }
        return done
    }

    private var modes: [(DoctorCheck, String, Int)] {
        let record = (try? service.vault.metadataStore.read())?.vault
        var all: [(DoctorCheck, String, Int)] = [
            (.vaultDirMode, paths.data, 0o077), (.vaultMetadataMode, paths.metadataFile, 0o077),
            (.vaultSealedMode, paths.sealedFile, 0o077),
        ]
        all += VaultAudit.folders(paths).map { (.vaultFolderMode, $0, 0o077) }
        // What a link leads to is what is read.
        all += [paths.configuration, paths.configurationFile].map { (.configWritableByOthers, ForeignFile.canonical($0) ?? $0, 0o022) }
        switch record?.identitySource {
        case .keyFile:
            let path = record?.keyFile ?? paths.defaultKeyFile
            // auth.json may have been edited: nothing is changed but this vault's own key, and its folder only where it is ours.
            guard let recipient = record?.recipient, VaultAudit.holdsKey(path, of: recipient) else { break }
            all.append((.identityKeyfileMode, path, 0o077))
            if path == paths.defaultKeyFile { all.append((.identityKeyfileMode, paths.configuration, 0o022)) }
        case .passphrase: all.append((.identityKeyfileMode, paths.passphraseIdentityFile, 0o077))
        default: break
        }
        return all
    }

    /// Nobody is asked for a passphrase: then the next command that is commits them.
    private func commit(_ accountId: String?) async -> String? {
        let check = DoctorCheck.rotationPendingCommit.rawValue
        guard let accountId, let metadata = try? service.vault.metadataStore.read(), let account = metadata.account(id: accountId) else {
            return nil
        }
        guard metadata.vault?.identitySource != .passphrase else {
            return "\(check): not done: the vault needs its passphrase; \(account.tokenCommand)"
        }
        do throws(OAuthError) {
            try await service.tokens.commitPending(account)
            let isWaiting = (try? service.vault.metadataStore.read())?.pendingCommits(paths).contains { $0.id == account.id } ?? true
            guard !isWaiting else {
                return "\(check): not done: the record in the journal is none that can be committed; log in again: \(account.loginCommand)"
            }
            return "\(check): the tokens of \(TerminalText.escape(account.displayName, limit: 60)) are in the store now"
        } catch { return "\(check): not done: \(error.message)" }
    }
}
