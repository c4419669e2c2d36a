/// Accounts whose newest tokens wait in the journal, as auth.json itself cannot say: it is what could not be written.
extension Metadata {
    /// The same with `pending_commit` as the status of those that would be active.
    package func showingPending(_ paths: VaultPaths) -> Metadata {
        var shown = self
        for account in accounts where account.status == .active && RotationJournal.mayHoldResult(paths, account.id) {
            shown.updateAccount(id: account.id) { record in
                record.status = .pendingCommit
                record.statusReason = "the next token or refresh commits it"
            }
        }
        return shown
    }

    /// Accounts with a RESULT that the next token commits.
    package func pendingCommits(_ paths: VaultPaths) -> [AccountRecord] {
        accounts.filter { !$0.holdsTokensOfAnother && RotationJournal.mayHoldResult(paths, $0.id) }
    }

    /// Accounts with a RESULT that nobody will ever commit: the tokens in it are somebody else's.
    func keptAside(_ paths: VaultPaths) -> [AccountRecord] {
        accounts.filter { $0.holdsTokensOfAnother && RotationJournal.mayHoldResult(paths, $0.id) }
    }
}

extension AccountRecord {
    /// The refresh was answered with the tokens of another account; only a login or a logout ends that.
    fileprivate var holdsTokensOfAnother: Bool { status == .needsLogin && statusReason == AccountRecord.identityMismatch }

    /// The `statusReason` of such an account.
    package static let identityMismatch = "identity_mismatch"
}

extension VaultError {
    /// Why the vault as a whole is left alone while a RESULT waits; nil where none does.
    static func pending(_ metadata: Metadata, _ paths: VaultPaths) -> VaultError? {
        let pending = metadata.pendingCommits(paths)
        if let first = pending.first {
            return VaultError(
                .pendingCommit, "\(pending.count) refresh waits in the journal",
                remedy: "commit it first: \(first.tokenCommand)")
        }
        guard let aside = metadata.keptAside(paths).first else { return nil }
        return VaultError(
            .pendingCommit,
            "the journal holds tokens of another account, with which the refresh of \(aside.displayName) (\(aside.provider)) was answered",
            remedy: "log in to \(aside.displayName) again: \(aside.loginCommand), or forget it: \(aside.logoutCommand)")
    }
}
