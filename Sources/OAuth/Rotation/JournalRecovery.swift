import Logging
import Platform
import Vault

/// Judges what the journal holds against the store, and commits a durable RESULT: in the flight that made it, or after a
/// crash (recovery rule R1). Idempotent.
struct JournalRecovery: Sendable {
    /// How old a record of intent may be for a second try at once: servers' grace is a matter of seconds.
    static let young = Duration.seconds(60)

    let open: OpenVault
    let time: TimeSource
    let logger: Logger

    /// What the content means for the stored bundle.
    func judge(_ content: JournalContent, stored: borrowing SecretBundle) -> RotationMachine.Journal {
        switch content {
        case .empty: return .empty
        case .result(let result): return judge(result, stored)
        case .intent(let intent):
            // For a token that is not there any more: a login or another refresh came after it.
            guard intent.fingerprint == fingerprint(stored), intent.generation == stored.facts.generation else { return .empty }
            let isSameBoot = intent.boot != nil && intent.boot == ProcessMark.boot
            let age = time.elapsed() - intent.writtenAt
            let holderLives =
                isSameBoot && age < RefreshFlight.patience && intent.holder != ProcessMark.own && intent.holder?.isAlive == true
            return .intent(
                attempt: intent.attempt, isYoung: isSameBoot && age >= .seconds(-1) && age < JournalRecovery.young, holderLives: holderLives
            )
        }
    }

    private func judge(_ result: JournalResult, _ stored: borrowing SecretBundle) -> RotationMachine.Journal {
        let isPaidWithStored = fingerprint(stored) == result.spentFingerprint
        let facts = result.bundle.facts
        if facts.accountKey != stored.facts.accountKey { return isPaidWithStored ? .aside : .stale }
        if facts.generation == stored.facts.generation + 1, isPaidWithStored { return .result }
        // The store has it, and the crash came before the metadata.
        if SecretBundle.equal(result.bundle, stored) { return .result }
        return facts.generation > stored.facts.generation ? .unfitting : .stale
    }

    /// Commits a RESULT that waits, for who needs the newest token without a flight. Costs no request.
    func complete(_ accountId: String) async throws(VaultError) {
        guard case .result(let result) = try open.journal.look(accountId), let stored = try await open.bundle(accountId),
            judge(result, stored) == .result
        else { return }
        try await commit(result.bundle)
        logger.notice("a refresh that was interrupted was completed", metadata: ["account": "\(accountId)"])
        try open.journal.clear(accountId)
    }

    /// Steps 7 and 8: the bundle, read back and compared, then the metadata.
    func commit(_ bundle: borrowing SecretBundle) async throws(VaultError) {
        let id = bundle.facts.accountId
        let facts = bundle.facts
        let isRefreshable = fingerprint(bundle) != nil
        try await open.commit(bundle) { metadata in
            metadata.updateAccount(id: id) { record in
                record.scopes = facts.scopes
                record.expiresAt = facts.expiresAt
                record.loginExpiresAt = facts.loginExpiresAt
                record.generation = facts.generation
                record.plan = facts.plan ?? record.plan
                record.email = facts.email ?? record.email
                record.retryAt = nil
                record.retryCount = 0
                record.refreshable = isRefreshable
                record.lastRefreshAt = facts.obtainedAt
                record.status = .active
                record.statusReason = nil
                record.refusedFingerprint = nil
            }
        }
    }

    func fingerprint(_ bundle: borrowing SecretBundle) -> String? {
        open.keys.fingerprint(ofRefreshTokenIn: bundle)
    }
}
