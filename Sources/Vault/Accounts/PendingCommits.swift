/// Accounts whose newest tokens wait in the journal, as auth.json itself cannot say: it is what could not be written.
extension Metadata {
    /// The same with `pending_commit` as the status of those that would be active.
    package func showingPending(_ paths: VaultPaths) -> Metadata {
        var shown = self
        for account in accounts where account.status == .active && RotationJournal.hasRecord(paths, account.id) {
            shown.updateAccount(id: account.id) { record in
                record.status = .pendingCommit
                record.statusReason = "the next token or refresh commits it"
            }
        }
        return shown
    }
}
