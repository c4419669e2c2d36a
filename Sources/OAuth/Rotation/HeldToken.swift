package import Platform
package import Vault

/// A live access token on its way to a caller, shared by all who waited for the same flight.
package final class HeldToken: Sendable {
    package let accessToken: SecretBytes
    /// `generation` tells which rotation the token is of; 0 in one that was borrowed or lent.
    package let facts: BundleFacts
    /// What the caller should tell the person although the token is good.
    package let warning: String?

    init(_ bundle: borrowing SecretBundle, warning: String? = nil) {
        accessToken = bundle.accessToken.duplicate()
        facts = bundle.facts
        self.warning = warning
    }

    /// A token that no vault holds: of the environment, or of another program.
    package init(borrowed accessToken: consuming SecretBytes, facts: BundleFacts, warning: String?) {
        self.accessToken = accessToken
        self.facts = facts
        self.warning = warning
    }

    /// A token that the agent gave to this process, as far as auth.json knows the account.
    package init(lent accessToken: consuming SecretBytes, _ account: AccountRecord, expiresAt: Timestamp?, _ warning: String?) {
        self.accessToken = accessToken
        self.warning = warning
        var facts = BundleFacts(
            accountId: account.id, provider: account.provider, accountKey: account.accountKey, authType: account.authType, clientId: "",
            issuer: nil, origins: [:], obtainedAt: account.lastRefreshAt ?? account.createdAt)
        facts.providerAccountId = account.providerAccountId
        facts.expiresAt = expiresAt
        self.facts = facts
    }

    /// Seconds that the access token lives; 0 or less when it is over.
    package func secondsLeft(at now: Timestamp) -> Int { facts.secondsLeft(at: now) }
}

extension BundleFacts {
    /// Of the access token; a token that never said when it ends counts as living.
    ///
    /// Never more than its whole lifetime; and nothing for a token that was obtained in the future: the clock was wrong
    /// then, so its end says nothing either. That costs one refresh.
    package func secondsLeft(at now: Timestamp) -> Int {
        if obtainedAt - now > 60 { return 0 }
        return min(expiresAt.map { $0 - now } ?? 86400, lifetime)
    }

    /// Whole lifetime of the access token in seconds.
    var lifetime: Int { expiresAt.map { $0 - obtainedAt } ?? 86400 }

    /// Whether the token can be handed out without a refresh to a caller that needs it to live `minimum` more seconds.
    package func isFresh(at now: Timestamp, minimum: Int?) -> Bool {
        let left = secondsLeft(at: now)
        if left > TokenLifetime.margin(lifetime: lifetime, minimum: minimum) { return true }
        // No second early refresh right after one: a server that hands out short tokens would be asked every time.
        return left > 0 && now - obtainedAt < 60 && now - obtainedAt >= 0
    }
}
