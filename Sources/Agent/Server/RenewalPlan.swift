import OAuth
import Platform
import Vault

/// When which account's token is renewed ahead of its end, so that nobody who asks has to wait for it.
///
/// A failure is tried again after 30 s, then after twice as long each time, half an hour at most; each account has a moment
/// of its own within a minute, so that a hundred do not ask at once.
struct RenewalPlan: Sendable {
    private struct Item: Sendable {
        var generation: Int
        var due: Timestamp
        var failures = 0
        var lastCode: String?
    }

    /// Of seconds before a token counts as ending.
    static let lead = 120
    private static let spread = 60
    private static let firstPause = 30
    private static let longestPause = 1800

    private var items: [String: Item] = [:]

    /// The next renewal; nil if none is planned.
    var next: Timestamp? { items.values.map(\.due).min() }

    /// Whether this account is to be looked at now.
    func isDue(_ account: AccountRecord, at now: Timestamp) -> Bool {
        guard let item = items[account.id] else { return true }
        // A clock that was set back must not put it off for ever.
        return item.generation != account.generation || item.due <= now || item.due - now > 31 * 86400
    }

    mutating func retain(_ accounts: [AccountRecord]) {
        let ids = Set(accounts.map(\.id))
        items = items.filter { ids.contains($0.key) }
    }

    /// The token lives: it is renewed shortly before it would be too short for a caller.
    ///
    /// - Returns: whether it failed before.
    mutating func plan(_ facts: BundleFacts, isRefreshable: Bool, at now: Timestamp) -> Bool {
        let hadFailed = (items[facts.accountId]?.failures ?? 0) > 0
        let lifetime = facts.expiresAt.map { $0 - facts.obtainedAt } ?? 86400
        let margin = TokenLifetime.margin(lifetime: lifetime, minimum: RenewalPlan.minimum)
        let spread = Int(Random.number(below: UInt64(min(RenewalPlan.spread, max(1, lifetime / 20)))))
        let end = facts.expiresAt ?? facts.obtainedAt + 86400
        // Not within a minute after it was obtained (a server whose tokens are short would be asked without a pause), and never
        // at once again for the same token.
        let due = max(end + -(margin - spread), facts.obtainedAt + 61, now + 1)
        items[facts.accountId] = Item(generation: facts.generation, due: isRefreshable ? due : max(end, now) + 30 * 86400)
        return hadFailed
    }

    /// Seconds that a token must have left to be left alone (at most half its lifetime counts): two minutes more than callers
    /// are content with.
    static let minimum = 300 + lead

    /// - Returns: whether this failure is news.
    mutating func failed(_ account: AccountRecord, code: String, at now: Timestamp) -> Bool {
        var item = items[account.id] ?? Item(generation: account.generation, due: now)
        let isNews = item.lastCode != code
        let pause = min(RenewalPlan.longestPause, RenewalPlan.firstPause << min(item.failures, 6))
        item.generation = account.generation
        item.failures += 1
        item.lastCode = code
        item.due = now + (pause + Int(Random.number(below: UInt64(max(1, pause / 4)))))
        items[account.id] = item
        return isNews
    }
}
