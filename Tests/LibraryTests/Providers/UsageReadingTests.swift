import Platform
import Testing

@testable import Providers

@Suite("A usage answer that is no reading says what is to be done")
struct UsageReadingTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let status: Int
        var html = false
        var retryAfter: Int?
        var body = ""
        let expected: String
        var testDescription: String { name }
    }

    @Test(
        "A length of a window is kept or left out, and is the same when it was stored",
        arguments: ["999999999.4", "999999999.6", "-0.4", "1e9"])
    func windowMinutes(_ minutes: String) throws {
        let now = Timestamp(seconds: 1_790_000_000)
        let value = try JSONValue(parsing: #"{"usageWindows":[{"id":"a","windowMinutes":\#(minutes)}]}"#)
        let content = UsageReading.Content(value, now: now)
        #expect(UsageReading.Content(.object(content.json), now: now) == content)
    }

    static let rows: [Row] = [
        .init(name: "200", status: 200, body: "{}", expected: "reading"),
        .init(name: "200 page", status: 200, html: true, body: "<html>", expected: "unknown provider_unavailable"),
        .init(name: "401", status: 401, expected: "unauthorized"),
        .init(
            name: "401 expired", status: 401,
            body: #"{"error":{"code":"token_expired","message":"Provided authentication token is expired."}}"#, expected: "unauthorized"),
        .init(name: "401 revoked", status: 401, body: #"{"error":{"code":"token_invalidated"}}"#, expected: "unauthorized"),
        .init(
            name: "401 region", status: 401, body: #"{"detail":"Workspace is not authorized in this region."}"#,
            expected: "auth provider_unavailable"),
        .init(
            name: "401 region in error", status: 401, body: #"{"error":{"message":"Workspace is not authorized in this REGION"}}"#,
            expected: "auth provider_unavailable"),
        .init(name: "401 page", status: 401, html: true, body: "<html>", expected: "unknown provider_unavailable"),
        .init(name: "403", status: 403, expected: "auth provider_unavailable"),
        .init(name: "403 JSON", status: 403, body: #"{"detail":"no entitlement"}"#, expected: "auth provider_unavailable"),
        .init(name: "403 challenge", status: 403, html: true, body: "<html>Just a moment", expected: "unknown provider_unavailable"),
        .init(
            name: "403 challenge with Retry-After", status: 403, html: true, retryAfter: 9, body: "<html>",
            expected: "unknown provider_unavailable 9"),
        .init(name: "403 scope", status: 403, body: #"{"error":"insufficient_scope"}"#, expected: "auth scope_missing"),
        .init(
            name: "403 scope in words", status: 403, body: #"{"error":{"message":"Missing Scope: user.profile"}}"#,
            expected: "auth scope_missing"),
        .init(name: "429", status: 429, expected: "rate_limit rate_limited"),
        .init(name: "429 with Retry-After", status: 429, retryAfter: 77, body: "{}", expected: "rate_limit rate_limited 77"),
        .init(name: "429 page", status: 429, html: true, body: "<html>", expected: "rate_limit rate_limited"),
        .init(name: "500", status: 500, expected: "overloaded provider_unavailable"),
        .init(name: "502 page", status: 502, html: true, expected: "overloaded provider_unavailable"),
        .init(name: "503", status: 503, retryAfter: 5, expected: "overloaded provider_unavailable 5"),
        .init(name: "529", status: 529, expected: "overloaded provider_unavailable"),
        .init(name: "404", status: 404, expected: "unknown provider_unavailable"),
        .init(name: "400", status: 400, expected: "unknown provider_unavailable"),
        .init(name: "302", status: 302, expected: "unknown provider_unavailable"),
        .init(name: "204", status: 204, expected: "unknown provider_unavailable"),
    ]

    static func word(_ reading: UsageReading?) -> String {
        switch reading {
        case nil, .reading: "reading"
        case .unauthorized: "unauthorized"
        case .failed(let bucket, let code, _, let retryAfter): "\(bucket.rawValue) \(code)" + (retryAfter.map { " \($0)" } ?? "")
        }
    }

    @Test("401 alone asks for a refresh; a challenge page is no logout; a scope asks for a login; 429 and 5xx wait", arguments: rows)
    func failure(_ row: Row) throws {
        let body = SecretBytes(row.body)
        #expect(
            UsageReadingTests.word(UsageReading.failure(status: row.status, isHTML: row.html, retryAfter: row.retryAfter, body: body))
                == row.expected)
        // Both providers judge the same way.
        let now = Timestamp(seconds: 1_790_000_000)
        let codex = CodexProvider(ProviderSettings()).readUsage(
            status: row.status, isHTML: row.html, retryAfter: row.retryAfter, body: body, now: now)
        let other = OpenIDProvider(name: "acme", settings: ProviderSettings()).readUsage(
            status: row.status, isHTML: row.html, retryAfter: row.retryAfter, body: body, now: now)
        #expect(UsageReadingTests.word(codex) == row.expected)
        #expect(UsageReadingTests.word(other) == row.expected)
    }

    @Test("A message has the status and the server's words, made safe to show")
    func message() {
        let reading = UsageReading.failure(status: 403, isHTML: false, retryAfter: nil, body: SecretBytes(#"{"error":"x\u001b[2J"}"#))
        guard case .failed(_, _, let message, _) = reading else {
            Issue.record("no failure")
            return
        }
        #expect(message == #"the usage endpoint answered 403: x\u{1b}[2j"#)
    }

    @Test("A usage request names the workspace, the residency and ourselves")
    func headers() {
        let provider = CodexProvider(ProviderSettings())
        func headers(_ claims: JSONObject?, account: String? = "acc") -> [String] {
            provider.usageHeaders(providerAccountId: account, accessClaims: claims.map { [CodexIdentity.namespace: .object($0)] }).map {
                "\($0.name): \($0.value)"
            }
        }
        let plain = ["originator: ai-usage-agent", "ChatGPT-Account-Id: acc"]
        #expect(headers(nil) == plain)
        #expect(headers(nil, account: nil) == ["originator: ai-usage-agent"])
        #expect(headers(["chatgpt_account_is_fedramp": true]) == plain + ["X-OpenAI-Fedramp: true"])
        #expect(headers(["chatgpt_compute_residency": "eu"]) == plain + ["x-openai-internal-codex-residency: eu"])
        #expect(headers(["chatgpt_compute_residency": "no_constraint"]) == plain)
        #expect(headers(["chatgpt_compute_residency": "eu\r\nX: y", "chatgpt_account_is_fedramp": "true"]) == plain)
    }
}
