import Platform
import Testing

@testable import Providers

@Suite("Codex's usage answers become windows by their length, whatever form they come in")
struct CodexUsageTests {
    static let now = Timestamp(seconds: 1_790_000_000)

    static func read(_ body: String) -> UsageReading { CodexUsage.read(SecretBytes(body), now: now) }

    /// A reading in one line: bucket(reason) confidence plan | id kind title percent minutes reset | credits.
    static func line(_ reading: UsageReading) -> String {
        guard case .reading(let content) = reading else {
            if case .failed(let bucket, let code, _, _) = reading { return "failed \(bucket.rawValue) \(code)" }
            return "unauthorized"
        }
        func number(_ value: Double?) -> String { value.map { $0 == $0.rounded() && abs($0) < 1e9 ? String(Int($0)) : String($0) } ?? "-" }
        func number(_ value: Int?) -> String { value.map(String.init) ?? "-" }
        let windows = content.windows.map {
            "\($0.id) \($0.kind.rawValue) '\($0.title)' \(number($0.usedPercent)) \(number($0.windowMinutes)) \(number($0.resetsAt.map { $0 - now }))"
        }
        let credits = content.credits.map {
            "\($0.unlimited.map { "\($0)" } ?? "-") \(number($0.balanceMinor)) e\(number($0.exponent)) \(number($0.limitMinor)) \(number($0.usedMinor))"
        }
        let head = "\(content.bucket.rawValue)(\(content.reason ?? "")) \(content.confidence.rawValue) \(content.plan ?? "-")"
        return ([head] + windows + (credits.map { ["credits " + $0] } ?? [])).joined(separator: " | ")
    }

    static func window(_ percent: String, _ seconds: String, _ reset: String = #","reset_at":1790009120"#) -> String {
        #"{"used_percent":\#(percent),"limit_window_seconds":\#(seconds)\#(reset)}"#
    }

    static func limits(
        _ primary: String, _ secondary: String = "null", _ rest: String = "", head: String = #""allowed":true,"limit_reached":false"#
    ) -> String {
        #"{"plan_type":"plus","rate_limit":{\#(head),"primary_window":\#(primary),"secondary_window":\#(secondary)}\#(rest)}"#
    }

    static let session = "session session '5 h' 37 300 9120"
    static let ok = "ok() percentOnly plus | " + session
    static let base = limits(window("37", "18000"))

    static func with(_ rest: String) -> String { limits(window("37", "18000"), "null", "," + rest) }

    static let goldenBodies: [(String, String, String)] = [
        (
            "session and week", limits(window("37", "18000"), window("12", "604800", #","reset_at":1790400000"#)),
            ok + " | weekly weekly 'weekly' 12 10080 400000"
        ),
        ("week in the first slot", limits(window("12", "604800")), "ok() percentOnly plus | weekly weekly 'weekly' 12 10080 9120"),
        ("month", limits(window("5", "2628000")), "ok() percentOnly plus | monthly monthly 'monthly' 5 43800 9120"),
        ("both slots null", limits("null"), "unknown(no_windows) unknown plus"),
        ("no rate_limit", #"{"plan_type":"free"}"#, "unknown(no_windows) unknown free"),
        ("rate_limit null", #"{"plan_type":"free","rate_limit":null}"#, "unknown(no_windows) unknown free"),
        ("nothing at all", "{}", "unknown(no_windows) unknown -"),
        (
            "wrong types", #"{"plan_type":7,"rate_limit":[1],"additional_rate_limits":{},"credits":"x","spend_control":1}"#,
            "unknown(no_windows) unknown -"
        ),
        ("float percent", limits(window("37.25", "18000")), "ok() percentOnly plus | session session '5 h' 37.25 300 9120"),
        ("numbers as texts", limits(window(#""37""#, #""18000""#, #","reset_at":"1790009120""#)), ok),
        ("numbers as floats", limits(window("37.0", "18000.0", #","reset_at":1790009120.9"#)), ok),
        ("percent null", limits(window("null", "18000")), "ok() unknown plus | session session '5 h' - 300 9120"),
        ("percent absent", limits(#"{"limit_window_seconds":18000}"#), "ok() unknown plus | session session '5 h' - 300 -"),
        ("percent zero is not null", limits(window("0", "18000")), "ok() percentOnly plus | session session '5 h' 0 300 9120"),
        (
            "over 100 is not clamped", limits(window("137", "18000")),
            "usage_window(limit_reached) percentOnly plus | session session '5 h' 137 300 9120"
        ),
        (
            "exactly 100", limits(window("100", "18000")),
            "usage_window(limit_reached) percentOnly plus | session session '5 h' 100 300 9120"
        ),
        ("negative", limits(window("-3", "18000")), "ok() percentOnly plus | session session '5 h' -3 300 9120"),
        (
            "limit reached", limits(window("37", "18000"), head: #""allowed":true,"limit_reached":true"#),
            "usage_window(limit_reached) percentOnly plus | " + session
        ),
        (
            "not allowed", limits(window("37", "18000"), head: #""allowed":false,"limit_reached":false"#),
            "usage_window(limit_reached) percentOnly plus | " + session
        ),
        (
            "reset_after only", limits(window("37", "18000", #","reset_after_seconds":60"#)),
            "ok() percentOnly plus | session session '5 h' 37 300 60"
        ),
        ("no reset", limits(window("37", "18000", "")), "ok() percentOnly plus | session session '5 h' 37 300 -"),
        (
            "reset in the past", limits(window("37", "18000", #","reset_at":1789999990"#)),
            "ok() percentOnly plus | session session '5 h' 37 300 -10"
        ),
        (
            "reset in milliseconds is not believed", limits(window("37", "18000", #","reset_at":1790009120000"#)),
            "ok() percentOnly plus | session session '5 h' 37 300 -"
        ),
        ("length unknown", limits(window("37", "null")), "ok() percentOnly plus | primary-window other 'window' 37 - 9120"),
        ("a day", limits(window("37", "86400")), "ok() percentOnly plus | primary-window other '1 d' 37 1440 9120"),
        ("two hours", limits(window("37", "7200")), "ok() percentOnly plus | primary-window other '2 h' 37 120 9120"),
        ("ninety seconds", limits(window("37", "90")), "ok() percentOnly plus | primary-window other '2 min' 37 2 9120"),
        ("length huge", limits(window("37", "1e300")), "ok() percentOnly plus | primary-window other '2777777 h' 37 166666667 9120"),
        (
            "two of one length", limits(window("37", "18000"), window("40", "18000")),
            ok + " | session-secondary-window session '5 h' 40 300 9120"
        ),
        (
            "a slot nobody knows", #"{"rate_limit":{"tertiary_window":\#(window("1", "604800")),"x_window":null,"individual_limit":{}}}"#,
            "ok() percentOnly - | weekly weekly 'weekly' 1 10080 9120 | credits - - e2 - -"
        ),
        (
            "code review", with(#""code_review_rate_limit":{"primary_window":\#(window("99", "604800"))}"#),
            ok + " | code-review-weekly scoped 'Code review, weekly' 99 10080 9120"
        ),
        (
            "code review full is not the account's limit",
            with(#""code_review_rate_limit":{"primary_window":\#(window("100", "604800"))}"#),
            ok + " | code-review-weekly scoped 'Code review, weekly' 100 10080 9120"
        ),
        (
            "additional limit",
            with(
                #""additional_rate_limits":[{"limit_name":"Example-Model","metered_feature":"codex_example","rate_limit":{"primary_window":\#(window("0", "18000"))}}]"#
            ),
            ok + " | codex_example-session scoped 'Example-Model, 5 h' 0 300 9120"
        ),
        (
            "additional limits without names, and without windows",
            with(
                #""additional_rate_limits":[{"rate_limit":{"primary_window":\#(window("1", "18000"))}},{"limit_name":"x","rate_limit":null},5]"#
            ),
            ok + " | extra-1-session scoped 'extra 1, 5 h' 1 300 9120"
        ),
        ("additional limits null", with(#""additional_rate_limits":null"#), ok),
        (
            "balance as a text", with(#""credits":{"has_credits":true,"unlimited":false,"balance":"12.50"}"#),
            ok + " | credits false 1250 e2 - -"
        ),
        ("balance as a number", with(#""credits":{"unlimited":false,"balance":12.5}"#), ok + " | credits false 1250 e2 - -"),
        ("balance null", with(#""credits":{"has_credits":false,"unlimited":false,"balance":null}"#), ok + " | credits false - e2 - -"),
        ("balance zero", with(#""credits":{"unlimited":false,"balance":"0"}"#), ok + " | credits false 0 e2 - -"),
        ("balance no number", with(#""credits":{"unlimited":false,"balance":"lots"}"#), ok + " | credits false - e2 - -"),
        ("balance huge", with(#""credits":{"balance":1e300}"#), ok + " | credits - - e2 - -"),
        ("unlimited", with(#""credits":{"has_credits":true,"unlimited":true,"balance":null}"#), ok + " | credits true - e2 - -"),
        ("credits null", with(#""credits":null"#), ok),
        (
            "spend limit reached",
            with(
                #""spend_control":{"reached":true,"reached_limit_type":"individual","individual_limit":{"limit":"50.00","used":"50.00"}}"#),
            "billing(individual) percentOnly plus | \(session) | credits - - e2 5000 5000"
        ),
        (
            "spend limit reached without a type", with(#""spend_control":{"reached":true}"#),
            "billing(spend_limit_reached) percentOnly plus | " + session
        ),
        ("spend limit not reached", with(#""spend_control":{"reached":false,"individual_limit":null}"#), ok),
        ("individual limit at the root", with(#""individual_limit":{"limit":"20","used":7}"#), ok + " | credits - - e2 2000 700"),
        (
            "reached type as an object", with(#""rate_limit_reached_type":{"type":"workspace_owner_usage_limit_reached"}"#),
            "usage_window(workspace_owner_usage_limit_reached) percentOnly plus | " + session
        ),
        (
            "reached type as a text", with(#""rate_limit_reached_type":"rate_limit_reached""#),
            "usage_window(rate_limit_reached) percentOnly plus | " + session
        ),
        (
            "credits depleted", with(#""rate_limit_reached_type":{"type":"workspace_member_credits_depleted"}"#),
            "billing(workspace_member_credits_depleted) percentOnly plus | " + session
        ),
        ("reached type null", with(#""rate_limit_reached_type":null"#), ok),
        (
            "opaque members",
            with(#""promo":{"x":1},"referral_beacon":[],"rate_limit_upsell":"y","rate_limit_reset_credits":{"available_count":0}"#), ok
        ),
        ("a list", "[]", "failed unknown provider_unavailable"), ("a page", "<html>", "failed unknown provider_unavailable"),
        ("empty", "", "failed unknown provider_unavailable"),
        ("null", "null", "failed unknown provider_unavailable"), ("cut", #"{"plan_type":"pl"#, "failed unknown provider_unavailable"),
        ("a name twice", #"{"plan_type":"a","plan_type":"b"}"#, "failed unknown provider_unavailable"),
    ]

    @Test("Every shape that was seen, and every one that may come, has its reading", arguments: goldenBodies)
    func golden(_ name: String, _ body: String, _ expected: String) {
        #expect(CodexUsageTests.line(CodexUsageTests.read(body)) == expected, "\(name)")
    }

    @Test("Hostile names cannot drive a terminal")
    func hostile() {
        let evil = #"\u001b[2J\u202e\u0007"# + String(repeating: "x", count: 500)
        let body = CodexUsageTests.with(
            #""rate_limit_reached_type":"\#(evil)","additional_rate_limits":[{"limit_name":"\#(evil)","metered_feature":"\#(evil)","rate_limit":{"primary_window":\#(CodexUsageTests.window("1", "18000"))}}]"#
        )
        guard case .reading(let content) = CodexUsageTests.read(body) else {
            Issue.record("no reading")
            return
        }
        let texts = content.windows.flatMap { [$0.id, $0.title] } + [content.reason ?? ""]
        for text in texts {
            #expect(!text.unicodeScalars.contains(where: TerminalText.isHazardous))
            #expect(text.count < 700)
        }
        #expect(content.windows.count == 2)
    }

    @Test("No two windows of one account have the same id, however the provider names them")
    func uniqueIds() {
        let limit =
            #""rate_limit":{"primary_window":\#(CodexUsageTests.window("1", "18000")),"secondary_window":\#(CodexUsageTests.window("2", "18000"))}"#
        let body = CodexUsageTests.with(
            #""code_review_rate_limit":{"primary_window":\#(CodexUsageTests.window("1", "18000"))},"additional_rate_limits":[{"metered_feature":"m",\#(limit)},{"metered_feature":"m",\#(limit)},{"metered_feature":"code-review",\#(limit)}]"#
        )
        guard case .reading(let content) = CodexUsageTests.read(body) else {
            Issue.record("no reading")
            return
        }
        #expect(content.windows.count == 8)
        #expect(Set(content.windows.map(\.id)).count == 8)
    }

    @Test("What is stored of a reading is the reading, however long the provider's names are and whatever stands in them")
    func storedReading() throws {
        let long = String(repeating: "m", count: 70)
        let window = CodexUsageTests.window("1", "18000")
        let slots = #""rate_limit":{"p\#(long)_window":\#(window),"q\#(long)_window":\#(window)}"#
        for feature in [long + long, String(repeating: #"\u001b"#, count: 60)] {
            let extra = #"{"metered_feature":"\#(feature)",\#(slots)}"#
            let body = CodexUsageTests.with(#""additional_rate_limits":[\#(extra),\#(extra)]"#)
            guard case .reading(let content) = CodexUsageTests.read(body) else {
                Issue.record("no reading")
                return
            }
            #expect(content.windows.count >= 4)
            let stored = try JSONValue(parsing: JSONValue.object(content.json).compact)
            #expect(UsageReading.Content(stored, now: CodexUsageTests.now) == content)
        }
    }

    @Test("Of twenty thousand windows whose names end alike, as many are read as are kept, whatever each of them costs")
    func crowd() {
        let long = String(repeating: "m", count: 90)
        let slots = (0..<20_000).map { "\"\(long)\($0)_window\":\(CodexUsageTests.window("1", "18000"))" }.joined(separator: ",")
        guard case .reading(let content) = CodexUsageTests.read(#"{"plan_type":"plus","rate_limit":{\#(slots)}}"#) else {
            Issue.record("no reading")
            return
        }
        #expect(content.windows.count == UsageReading.Content.mostWindows)
        #expect(Set(content.windows.map(\.id)).count == content.windows.count)
    }
}
