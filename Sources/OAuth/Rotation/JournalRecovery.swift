import Logging
import Platform
import Vault

/// Commits a durable RESULT, in the flight that made it or after a crash (recovery rule R1). Idempotent.
struct JournalRecovery: Sendable {
    let open: OpenVault
    let logger: Logger

    /// Looks at the account's record under its lock and brings the store up to date. Costs no request.
    ///
    /// - Returns: the RESULT's token where it fits and cannot be committed now (recovery rule R2).
    func run(_ accountId: String) async throws(VaultError) -> HeldToken? {
        guard try open.journal.isPending(accountId) else { return nil }
        guard let result = try open.journal.read(accountId) else {
            // Torn or not ours: it was never durable, so nobody has seen its token.
            logger.notice("an unreadable journal record was dropped", metadata: ["account": "\(accountId)"])
            try open.journal.clear(accountId)
            return nil
        }
        if try await open.hasDamagedItem(of: result.bundle.facts) {
            // Only the put of this result can have left it so: the record is the whole login now.
            if let waiting = await complete(result.bundle) { return waiting }
            try open.journal.clear(accountId)
            return nil
        }
        guard let stored = try await open.bundle(accountId) else {
            // Logged out since.
            try open.journal.clear(accountId)
            return nil
        }
        // Kept aside by a flight that was answered with somebody else's tokens: never committed, a login clears it.
        if result.bundle.facts.accountKey != stored.facts.accountKey { return nil }
        let isNext = result.bundle.facts.generation == stored.facts.generation + 1
        let spent = fingerprint(stored)
        // The second case: the store has it, and the crash came before the metadata.
        if isNext && spent == result.spentFingerprint || SecretBundle.equal(result.bundle, stored) {
            if let waiting = await complete(result.bundle) { return waiting }
        } else if result.bundle.facts.generation > stored.facts.generation {
            throw VaultError(
                .corrupt,
                "the journal of account \(accountId) does not fit the vault, which looks like an older copy",
                remedy: "put the newest secrets.age back, or log in again; nothing was changed")
        }
        try open.journal.clear(accountId)
        return nil
    }

    /// - Returns: the token where it cannot be committed now.
    private func complete(_ bundle: borrowing SecretBundle) async -> HeldToken? {
        do throws(VaultError) { try await commit(bundle, refreshedAt: bundle.facts.obtainedAt) } catch {
            return HeldToken(
                bundle, warning: "the new token is safe in the journal, but the vault could not be written: \(error.message)",
                failure: error)
        }
        logger.notice("a refresh that was interrupted was completed", metadata: ["account": "\(bundle.facts.accountId)"])
        return nil
    }

    /// Steps 7 and 8: the bundle, read back and compared, then the metadata.
    func commit(_ bundle: borrowing SecretBundle, refreshedAt: Timestamp) async throws(VaultError) {
        let id = bundle.facts.accountId
        let facts = bundle.facts
        let isRefreshable = fingerprint(bundle) != nil
        try await open.commit(bundle) { metadata in
            metadata.updateAccount(id: id) { record in
                record.scopes = facts.scopes
                record.expiresAt = facts.expiresAt
                record.generation = facts.generation
                record.plan = facts.plan ?? record.plan
                record.email = facts.email ?? record.email
                record.retryAt = nil
                record.retryCount = 0
                record.refreshable = isRefreshable
                record.lastRefreshAt = refreshedAt
                record.status = .active
                record.statusReason = nil
                record.refusedFingerprint = nil
            }
        }
    }

    private func fingerprint(_ bundle: borrowing SecretBundle) -> String? {
        switch bundle.refreshToken {
        case .some(let token): return open.keys.fingerprint(of: token)
        case .none: return nil
        }
    }
}
