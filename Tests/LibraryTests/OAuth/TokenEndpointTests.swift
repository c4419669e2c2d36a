import Platform
import Providers
import Testing

@testable import OAuth

@Suite("An answer of a token endpoint has exactly one class")
struct TokenEndpointTests {
    static let html = ["content-type": "text/html; charset=utf-8"]

    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let status: Int
        let body: String
        var headers: [String: String] = [:]
        let codex: String
        /// Of a server that config.json describes; the same where nothing is said.
        var other: String?
        var testDescription: String { name }
    }

    /// A JSON error as OpenAI writes it.
    static func openAI(_ code: String, type: String = "invalid_request_error") -> String {
        #"{"error":{"message":"m","type":"\#(type)","param":null,"code":"\#(code)"}}"#
    }

    static let rows: [Row] = [
        // As Codex's server answers (docs/providers.md).
        .init(name: "401 reused", status: 401, body: openAI("refresh_token_reused"), codex: "refused refresh_token_reused"),
        .init(name: "400 reused", status: 400, body: openAI("refresh_token_reused"), codex: "refused refresh_token_reused"),
        .init(name: "401 expired", status: 401, body: #"{"code":"refresh_token_expired"}"#, codex: "refused refresh_token_expired"),
        .init(name: "401 invalidated", status: 401, body: openAI("refresh_token_invalidated"), codex: "refused refresh_token_invalidated"),
        .init(name: "401 token_expired", status: 401, body: openAI("token_expired"), codex: "refused token_expired"),
        .init(name: "401 capitals", status: 401, body: openAI("Refresh_Token_Reused"), codex: "refused refresh_token_reused"),
        .init(name: "401 anything else", status: 401, body: #"{"detail":"Unauthorized"}"#, codex: "refused status 401", other: "transient"),
        .init(name: "401 unknown code", status: 401, body: openAI("no_such_thing"), codex: "refused no_such_thing", other: "transient"),
        .init(
            name: "401 hostile code", status: 401, body: openAI("\\u001b[2J" + String(repeating: "x", count: 60_000)),
            codex: #"refused \u{1b}[2j"# + String(repeating: "x", count: 91) + "…", other: "transient"),
        .init(name: "401 empty", status: 401, body: "", codex: "refused status 401", other: "transient"),
        .init(name: "401 page", status: 401, body: "<html>", headers: html, codex: "transient"),
        .init(
            name: "400 invalid_grant", status: 400, body: #"{"error":"invalid_grant","error_description":"x"}"#,
            codex: "refused invalid_grant"),
        .init(name: "401 invalid_grant", status: 401, body: #"{"error":"invalid_grant"}"#, codex: "refused invalid_grant"),
        .init(
            name: "400 empty token", status: 400,
            body: #"{"error":{"message":"Invalid 'refresh_token': empty string","type":"invalid_request_error","code":null}}"#,
            codex: "transient"),
        .init(name: "400 session over", status: 400, body: openAI("app_session_terminated"), codex: "refused app_session_terminated"),
        .init(
            name: "400 invalid_refresh_token", status: 400, body: openAI("invalid_refresh_token"), codex: "refused invalid_refresh_token"),
        .init(
            name: "403 region", status: 403, body: openAI("unsupported_country_region_territory", type: "request_forbidden"),
            codex: "transient"),
        .init(name: "403 page", status: 403, body: "<html>Just a moment", headers: html, codex: "transient"),
        .init(name: "403 with a dead code", status: 403, body: #"{"error":"invalid_grant"}"#, codex: "transient"),
        // RFC 6749 section 5.2.
        .init(name: "401 invalid_client", status: 401, body: #"{"error":"invalid_client"}"#, codex: "client"),
        .init(name: "400 invalid_client", status: 400, body: #"{"error":"invalid_client"}"#, codex: "client"),
        .init(name: "unauthorized_client", status: 400, body: #"{"error":"unauthorized_client"}"#, codex: "client"),
        .init(name: "unsupported_grant_type", status: 400, body: #"{"error":"unsupported_grant_type"}"#, codex: "client"),
        .init(name: "invalid_scope", status: 400, body: #"{"error":"invalid_scope"}"#, codex: "client"),
        .init(name: "invalid_request", status: 400, body: #"{"error":"invalid_request"}"#, codex: "client"),
        .init(name: "400 empty", status: 400, body: "", codex: "transient"),
        .init(name: "400 text", status: 400, body: "invalid_grant", codex: "transient"),
        .init(name: "400 list", status: 400, body: #"["invalid_grant"]"#, codex: "transient"),
        .init(name: "400 number", status: 400, body: #"{"error":5}"#, codex: "transient"),
        .init(name: "400 twice", status: 400, body: #"{"error":"x","error":"invalid_grant"}"#, codex: "transient"),
        // Everything else is a whole answer that changes nothing.
        .init(name: "404", status: 404, body: "", codex: "transient"), .init(name: "405", status: 405, body: "", codex: "transient"),
        .init(name: "301", status: 301, body: "", headers: ["location": "/x"], codex: "transient"),
        .init(name: "307", status: 307, body: "", headers: ["location": "https://evil.example"], codex: "transient"),
        .init(name: "304", status: 304, body: "", codex: "transient"),
        .init(name: "429", status: 429, body: "", codex: "limited"),
        .init(name: "429 seconds", status: 429, body: "{}", headers: ["retry-after": "120"], codex: "limited 120"),
        .init(name: "429 negative", status: 429, body: "{}", headers: ["retry-after": "-5"], codex: "limited 0"),
        .init(name: "429 date", status: 429, body: "{}", headers: ["retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"], codex: "limited"),
        .init(name: "429 invalid_grant", status: 429, body: #"{"error":"invalid_grant"}"#, codex: "limited"),
        .init(name: "500", status: 500, body: "", codex: "transient"),
        .init(name: "502 page", status: 502, body: "<html>", headers: html, codex: "transient"),
        .init(name: "503", status: 503, body: "", headers: ["retry-after": "30"], codex: "transient 30"),
        .init(name: "500 invalid_grant", status: 500, body: #"{"error":"invalid_grant"}"#, codex: "transient"),
        .init(name: "530", status: 530, body: "error code: 1016", codex: "transient"),
        // 2xx: granted, or nobody knows.
        .init(name: "200", status: 200, body: #"{"access_token":"at"}"#, codex: "granted at"),
        .init(name: "201", status: 201, body: #"{"access_token":"at"}"#, codex: "granted at"),
        .init(name: "200 page type", status: 200, body: #"{"access_token":"at"}"#, headers: html, codex: "granted at"),
        .init(name: "200 page", status: 200, body: "<html>", headers: html, codex: "ambiguous"),
        .init(name: "200 empty", status: 200, body: "", codex: "ambiguous"),
        .init(name: "204", status: 204, body: "", codex: "ambiguous"),
        .init(name: "200 cut", status: 200, body: #"{"access_token":"at"#, codex: "ambiguous"),
        .init(name: "200 error", status: 200, body: #"{"error":"invalid_grant"}"#, codex: "ambiguous"),
        .init(name: "200 twice", status: 200, body: #"{"access_token":"a","access_token":"b"}"#, codex: "ambiguous"),
    ]

    static func word(_ outcome: consuming TokenOutcome) -> String {
        switch consume outcome {
        case .granted(let tokens): return "granted " + oauthText(tokens.accessToken)
        case .refused(let reason): return "refused " + reason
        case .clientRefused: return "client"
        case .transient(_, let retryAfter, let limited): return (limited ? "limited" : "transient") + (retryAfter.map { " \($0)" } ?? "")
        case .ambiguous: return "ambiguous"
        case .notSent: return "not sent"
        }
    }

    @Test("Every answer that was ever seen, and every one the RFCs allow, has its class", arguments: rows)
    func classify(_ row: Row) throws {
        let codex = try CodexProvider(ProviderSettings()).client()
        #expect(TokenEndpointTests.word(TokenEndpoint.classify(oauthResponse(row.status, row.body, row.headers), codex)) == row.codex)
        var settings = ProviderSettings()
        settings.clientId = "cli"
        let configured = try OpenIDProvider(name: "acme", settings: settings).client()
        let other = TokenEndpoint.classify(oauthResponse(row.status, row.body, row.headers), configured)
        #expect(TokenEndpointTests.word(other) == row.other ?? row.codex)
    }

    @Test("Of a client that brings no codes of its own, only invalid_grant ends a login")
    func plainClient() {
        let rows: [(String, String)] = [("invalid_grant", "refused invalid_grant"), ("refresh_token_reused", "transient")]
        for (code, expected) in rows {
            let outcome = TokenEndpoint.classify(oauthResponse(401, #"{"error":"\#(code)"}"#), VaultHouse.client())
            #expect(TokenEndpointTests.word(outcome) == expected)
        }
    }

    @Test(
        "A request without an answer is safe to repeat only where it cannot have been sent",
        arguments: [(false, "not sent"), (true, "ambiguous")])
    func unanswered(_ sent: Bool, _ expected: String) async throws {
        let server = OAuthServer([.failure(.cut, sent: sent)])
        let outcome = try await TokenEndpoint(http: server, deadline: .seconds(30)).refresh(SecretBytes("rt"), client: VaultHouse.client())
        #expect(TokenEndpointTests.word(outcome) == expected)
    }

    @Test("A deadline above 30 seconds is cut to 30, a shorter one is kept", arguments: [(300, 30), (30, 30), (7, 7)])
    func deadline(_ given: Int, _ expected: Int) async throws {
        let server = OAuthServer([.reply(500, "")])
        _ = try await TokenEndpoint(http: server, deadline: .seconds(given)).refresh(SecretBytes("rt"), client: VaultHouse.client())
        #expect(await server.seen.first?.deadline == .seconds(expected))
    }

    @Test("Bodies are forms: the exchange carries the verifier and the same redirect URI, the refresh no scope, both encoded")
    func bodies() async throws {
        let server = OAuthServer([.reply(500, ""), .reply(500, "")])
        let endpoint = TokenEndpoint(http: server, deadline: .seconds(30))
        _ = try await endpoint.exchange(
            code: SecretBytes("a&b/c"), verifier: SecretBytes("ver_-~."), redirectURI: "http://localhost:1455/auth/callback",
            state: "s", client: VaultHouse.client())
        _ = try await endpoint.refresh(SecretBytes("rt+1=&x"), client: VaultHouse.client { $0.clientId = "c&d" })
        let seen = await server.seen
        #expect(
            seen.map(\.body) == [
                "grant_type=authorization_code&client_id=cli&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback&code=a%26b%2Fc&code_verifier=ver_-~.",
                "grant_type=refresh_token&client_id=c%26d&refresh_token=rt%2B1%3D%26x",
            ])
        #expect(seen.allSatisfy { $0.method == "POST" && $0.contentType == "application/x-www-form-urlencoded" })
    }

    /// A body, the code and message found in it.
    static let problems: [(String, String?, String?)] = [
        (#"{"error":{"code":"X_Y","message":"m","type":"t"}}"#, "x_y", "m"), (#"{"error":{"type":"T"}}"#, "t", nil),
        (#"{"error":"E","error_description":"d"}"#, "e", "d"),
        (#"{"code":"C","message":"m"}"#, "c", "m"), (#"{"detail":"d"}"#, nil, "d"), (#"{"error":"a","code":"b"}"#, "a", nil),
    ]

    @Test("The server's own words are looked for where servers put them", arguments: problems)
    func problem(_ body: String, _ code: String?, _ message: String?) {
        let problem = ServerProblem(SecretBytes(body))
        #expect(problem?.code == code)
        #expect(problem?.message == message)
    }

    @Test(
        "A body that says nothing is no problem of the server's",
        arguments: ["", "[]", "{}", #"{"error":null}"#, "<html>", "5", #"{"detail":[{"msg":"x"}]}"#])
    func noProblem(_ body: String) {
        #expect(ServerProblem(SecretBytes(body)) == nil)
    }

    @Test("The server's words cannot drive a terminal")
    func hostile() {
        let problem = ServerProblem(SecretBytes(#"{"error":"x\u001b[2J","error_description":"\u202eevil\u0007"}"#))
        #expect(problem?.description == #"x\u{1b}[2j: \u{202e}evil\u{7}"#)
    }
}
