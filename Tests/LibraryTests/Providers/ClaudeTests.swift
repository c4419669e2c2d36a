import OAuth
import Platform
import Testing

@testable import Providers

@Suite("Claude's answers")
struct ClaudeTests {
    // MARK: - Who it is

    private static func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text) }

    private static let profile = """
        {"account":{"uuid":"a-1","email":"ann@example.org","display_name":"Ann"},
        "organization":{"uuid":"o-1","name":"Ann's Organization","organization_type":"claude_max"}}
        """
    private static let owner = #"{"account":{"uuid":"a-1","email_address":"ann@example.org"},"organization":{"uuid":"o-1","name":"X"}}"#

    @Test(
        "The key is person and organization, from the profile or the token answer; without both nobody is named",
        arguments: [
            (profile, "null", "a-1:o-1 ann@example.org max"), ("null", owner, "a-1:o-1 ann@example.org -"),
            (profile, owner, "a-1:o-1 ann@example.org max"), (#"{"account":{"uuid":"a-1"}}"#, "null", "nobody"),
            (#"{"account":null,"organization":null}"#, owner, "a-1:o-1 ann@example.org -"),
            (#"{"account":{"uuid":""},"organization":{"uuid":"o-1"}}"#, "null", "nobody"), ("null", "null", "nobody"),
            ("{}", "[]", "nobody"),
            (#"{"account":{"uuid":"a-1","email":7},"organization":{"uuid":"o-2","organization_type":"team"}}"#, "null", "a-1:o-2 - team"),
        ])
    func identity(_ profile: String, _ owner: String, _ expected: String) throws {
        let found = ClaudeIdentity().identity(owner: try Self.json(owner), profile: try Self.json(profile))
        let words = found.map { "\($0.accountKey) \($0.email ?? "-") \($0.plan ?? "-")" } ?? "nobody"
        #expect(words == expected)
    }

    @Test("No client id is shipped, and every endpoint is the provider's unless an issuer stands for all of them")
    func client() throws {
        let bare = try ClaudeProvider(ProviderSettings()).client()
        #expect(bare.clientId.isEmpty && bare.whyNoClientId != nil)
        let endpoints = try bare.knownEndpoints()
        #expect(endpoints.authorization.description == "https://claude.ai/oauth/authorize")
        #expect(endpoints.token.description == "https://platform.claude.com/v1/oauth/token")
        #expect(endpoints.profile?.description == "https://api.anthropic.com/api/oauth/profile")
        #expect(endpoints.usage?.description == "https://api.anthropic.com/api/oauth/usage")
        #expect(bare.codePage?.description == "https://platform.claude.com/oauth/code/callback")
        var settings = ProviderSettings()
        settings.issuer = "https://gateway.example/x/"
        let moved = try ClaudeProvider(settings).client().knownEndpoints()
        #expect(moved.origins.values.allSatisfy { $0 == "https://gateway.example" }, "\(moved.origins)")
    }

    // MARK: - Usage

    private static let answers: [(name: String, body: String, expected: String)] = [
        (
            "limits",
            #"""
            {"five_hour":{"utilization":1.0,"resets_at":null},"limits":[
            {"kind":"session","percent":41,"resets_at":"2026-09-21T17:18:40.512345+00:00"},
            {"kind":"weekly_all","percent":63,"resets_at":null},
            {"kind":"weekly_scoped","percent":12,"resets_at":null,"scope":{"model":{"id":null,"display_name":"Fable 2"}}},
            {"kind":"amber_tide","percent":3,"resets_at":null}]}
            """#,
            "ok() percentOnly - | session session '5 h' 41 300 11120 | weekly weekly 'weekly' 63 10080 -"
                + " | weekly-fable-2 scoped 'Fable 2, weekly' 12 10080 - | amber-tide other 'amber-tide' 3 - -"
        ),
        (
            "flat members",
            #"""
            {"five_hour":{"utilization":100.5,"resets_at":null},"seven_day":{"utilization":63.0,"resets_at":null},
            "seven_day_opus":{"utilization":0,"resets_at":null},"seven_day_sonnet":null,"tangelo":null,
            "cinder_cove":{"utilization":7,"resets_at":null},"wattle_ember":{"utilization":null}}
            """#,
            "usage_window(limit_reached) percentOnly - | session session '5 h' 100.5 300 - | weekly weekly 'weekly' 63 10080 -"
                + " | weekly-opus scoped 'opus, weekly' 0 10080 - | cinder-cove other 'cinder-cove' 7 - -"
        ),
        (
            "money",
            #"""
            {"extra_usage":{"is_enabled":true,"monthly_limit":1,"used_credits":2},"spend":{"enabled":true,
            "used":{"amount_minor":1234,"currency":"USD","exponent":2},"limit":{"amount_minor":5000},"balance":null}}
            """#, "ok() unknown - | credits false - e2 5000 1234"
        ),
        (
            "older money without a limit",
            #"{"extra_usage":{"is_enabled":true,"monthly_limit":null,"used_credits":1234.0,"decimal_places":2}}"#,
            "ok() unknown - | credits true - e2 - 1234"
        ),
        (
            "credits used up", #"{"extra_usage":{"is_enabled":false,"disabled_reason":"out_of_credits"}}"#,
            "billing(out_of_credits) unknown -"
        ),
        (
            "a refusal with status 200", #"{"type":"error","error":{"type":"rate_limit_error","message":"x"}}"#,
            "failed rate_limit rate_limited"
        ),
        ("another refusal", #"{"error":{"type":"api_error"}}"#, "failed unknown provider_unavailable"),
        ("nothing", "{}", "unknown(no_windows) unknown -"), ("no object", "[]", "failed unknown provider_unavailable"),
        ("no JSON", "<html>", "failed unknown provider_unavailable"),
        (
            "wrong types", #"{"limits":[7,{"kind":"session","percent":"x"}],"spend":1,"five_hour":[]}"#,
            "ok() unknown - | session session '5 h' - 300 -"
        ),
    ]

    @Test(
        "Every shape that was seen has its reading: limits before flat members, null is not zero, money in minor units", arguments: answers)
    func usage(_ answer: (name: String, body: String, expected: String)) {
        let reading = ClaudeUsage.read(SecretBytes(answer.body), retryAfter: nil, now: CodexUsageTests.now)
        #expect(CodexUsageTests.line(reading) == answer.expected, "\(answer.name)")
    }
}
