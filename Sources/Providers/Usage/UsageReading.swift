import OAuth
import Platform

/// What one answer of a usage endpoint means.
package enum UsageReading: Sendable, Equatable {
    case reading(Content)
    /// The access token was refused: one refresh, one retry.
    case unauthorized(message: String)
    case failed(bucket: UsageSnapshot.Bucket, code: String, message: String, retryAfter: Int?)

    package struct Content: Sendable, Equatable {
        package var plan: String?
        package var confidence = UsageSnapshot.Confidence.unknown
        package var bucket = UsageSnapshot.Bucket.unknown
        package var reason: String?
        package var message: String?
        package var windows: [UsageWindow] = []
        package var credits: UsageCredits?
        package init() {}
    }

    /// A 200 whose body says nothing.
    static let noObject = UsageReading.failed(
        bucket: .unknown, code: "provider_unavailable", message: "the usage endpoint answered something that is no JSON object",
        retryAfter: nil)

    /// The failures that are alike everywhere; nil for a 200.
    static func failure(status: Int, isHTML: Bool, retryAfter: Int?, body: borrowing SecretBytes) -> UsageReading? {
        let problem = ServerProblem(body)
        let words = "the usage endpoint answered \(status)" + (problem.map { ": \($0)" } ?? "")
        switch status {
        case 200 where isHTML:
            return .failed(
                bucket: .unknown, code: "provider_unavailable", message: "the usage endpoint answered a web page", retryAfter: retryAfter)
        case 200: return nil
        // A challenge or block page in front of the API: not a logout.
        case 401 where isHTML, 403 where isHTML:
            return .failed(
                bucket: .unknown, code: "provider_unavailable",
                message: "a challenge page stands in front of the usage endpoint; try again later", retryAfter: retryAfter)
        case 401:
            // A residency refusal is no dead token.
            if problem?.message?.lowercased().contains("region") == true {
                return .failed(bucket: .auth, code: "provider_unavailable", message: words, retryAfter: nil)
            }
            return .unauthorized(message: words)
        case 403:
            let isScope = (problem?.code ?? "").contains("scope") || (problem?.message ?? "").lowercased().contains("scope")
            return .failed(bucket: .auth, code: isScope ? "scope_missing" : "provider_unavailable", message: words, retryAfter: nil)
        case 429: return .failed(bucket: .rateLimit, code: "rate_limited", message: words, retryAfter: retryAfter)
        case 500...: return .failed(bucket: .overloaded, code: "provider_unavailable", message: words, retryAfter: retryAfter)
        default: return .failed(bucket: .unknown, code: "provider_unavailable", message: words, retryAfter: retryAfter)
        }
    }
}
