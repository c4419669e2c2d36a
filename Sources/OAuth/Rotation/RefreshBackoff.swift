import Platform
import Vault

/// How long an automatic refresh stays away from a server that answered badly: 5 s, doubling to half an hour, or what
/// Retry-After says. `auth refresh` and a 401 always may ask.
enum RefreshBackoff {
    private static let first = 5
    private static let longest = 1800
    /// A server may say more than our own longest pause, but not for ever.
    private static let longestAsked = 86400

    static func seconds(afterFailures count: Int, retryAfter: Int?) -> Int {
        if let retryAfter { return min(max(retryAfter, 1), longestAsked) }
        return min(first << min(max(count, 0), 10), longest)
    }

    /// - Throws: `providerUnavailable`, or `rateLimited` where that was the reason, while the account is to be left alone.
    static func check(_ record: AccountRecord?, now: Timestamp) throws(OAuthError) {
        guard let record, let retryAt = record.retryAt else { return }
        let left = retryAt - now
        // A clock that was set back must not keep a login away for longer than was ever meant.
        guard left > 0, left <= longestAsked else { return }
        throw OAuthError(
            record.isRateLimited ? .rateLimited : .providerUnavailable,
            "\(record.provider) did not refresh a moment ago and is asked again in \(left) s",
            remedy: "wait, or ask now: ai-usage-agent auth refresh \(record.provider)", retryAfter: left)
    }
}
