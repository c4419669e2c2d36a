import Vault

/// Recovery rule R6: the secret of an account is gone from a store that is open, unlocked and whole.
extension Vault {
    /// Notes that the account needs a login, so that another one becomes the default.
    ///
    /// - Returns: what the caller ends with. An older copy of the store knows nothing of a younger account: then that is said,
    ///   and nothing is noted.
    nonisolated func noteMissingSecret(of account: AccountRecord, _ open: OpenVault) async -> OAuthError {
        do throws(VaultError) {
            if let suspicion = try open.suspicion(nil) { return OAuthError(suspicion) }
            try await setStatus(of: account, from: .active, to: .needsLogin, AccountRecord.secretMissing)
        } catch { return OAuthError(error) }
        return OAuthError.secretMissing(account)
    }

    /// Takes that back: somebody has restored the store. The token that was found is good also where that cannot be written.
    nonisolated func noteFoundSecret(of account: AccountRecord) async {
        guard account.statusReason == AccountRecord.secretMissing else { return }
        try? await setStatus(of: account, from: .needsLogin, to: .active, nil)
    }

    private nonisolated func setStatus(
        of account: AccountRecord, from old: AccountStatus, to new: AccountStatus, _ reason: String?
    ) async throws(VaultError) {
        try await metadataStore.update { metadata in
            metadata.updateAccount(id: account.id) { record in
                // A login that was stored meanwhile has another generation, and knows better.
                guard record.status == old, record.generation == account.generation else { return }
                record.status = new
                record.statusReason = reason
            }
        }
    }
}
