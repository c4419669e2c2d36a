import OAuth
import Platform

/// What one answer of a usage endpoint means.
package enum UsageReading: Sendable, Equatable {
    case reading(Content)
    /// The access token was refused: one refresh, one retry.
    case unauthorized(message: String)
    /// `code` as docs/auth-cli.md lists them; `message` made safe to show; `retryAfter` in seconds.
    case failed(bucket: UsageSnapshot.Bucket, code: String, message: String, retryAfter: Int?)

    /// A 200 whose body says nothing.
    static let noObject = UsageReading.failed(
        bucket: .unknown, code: "provider_unavailable", message: "the usage endpoint answered something that is no JSON object",
        retryAfter: nil)

    /// A 200 whose body is a refusal all the same; nil where it is none.
    static func refusal(_ value: JSONValue, retryAfter: Int?, body: borrowing SecretBytes) -> UsageReading? {
        guard let problem = ServerProblem(body) else { return nil }
        let words = "the usage endpoint answered 200: \(problem)"
        let type = (value["error"]["type"].string ?? problem.code ?? "").lowercased()
        if type.contains("rate_limit") { return .failed(bucket: .rateLimit, code: "rate_limited", message: words, retryAfter: retryAfter) }
        if type.contains("overloaded") {
            return .failed(bucket: .overloaded, code: "provider_unavailable", message: words, retryAfter: retryAfter)
        }
        if type.contains("authentication") { return .unauthorized(message: words) }
        return .failed(bucket: .unknown, code: "provider_unavailable", message: words, retryAfter: retryAfter)
    }

    /// Whether a body is a web page although nobody said so.
    private static func isPage(_ body: borrowing SecretBytes) -> Bool {
        body.withBytes { bytes in
            let first = bytes.indices.first { ![0x20, 0x09, 0x0A, 0x0D].contains(bytes[$0]) }
            return first.map { bytes[$0] == UInt8(ascii: "<") } ?? false
        }
    }

    /// The failures that are alike everywhere; nil for a 200.
    static func failure(status: Int, isHTML: Bool, retryAfter: Int?, body: borrowing SecretBytes) -> UsageReading? {
        let isHTML = isHTML || isPage(body)
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
