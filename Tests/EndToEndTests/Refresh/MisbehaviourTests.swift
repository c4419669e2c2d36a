import Platform
import TestSupport
import Testing

/// How the program must meet one misbehaviour of the token endpoint.
struct Expectation: Sendable, CustomTestStringConvertible {
    let mode: String
    let status: Int32
    let code: String?

    init(_ mode: String, _ status: Int32, _ code: String? = nil) { (self.mode, self.status, self.code) = (mode, status, code) }

    var testDescription: String { mode }
}

@Suite("A token endpoint that misbehaves at a refresh")
struct MisbehaviourTests {
    static let quick = Scene.configuration.replacing(
        "\"schemaVersion\": 1,", "\"schemaVersion\": 1, \"network\": {\"timeoutSeconds\": 2},")

    static let refusals = [
        Expectation("redirect-307", 5, "provider_unavailable"), Expectation("redirect-302", 5, "provider_unavailable"),
        Expectation("html-200", 5, "provider_unavailable"), Expectation("html-403", 5, "provider_unavailable"),
        Expectation("status-404", 5, "provider_unavailable"), Expectation("status-429", 5, "rate_limited"),
        Expectation("status-500", 5, "provider_unavailable"), Expectation("status-503", 5, "provider_unavailable"),
        Expectation("invalid-client", 5, "provider_refused_client"), Expectation("empty-400", 5, "provider_unavailable"),
        Expectation("lost-before", 5, "provider_unavailable"), Expectation("hang", 5, "provider_unavailable"),
        Expectation("empty-refresh", 5, "provider_unavailable"), Expectation("wrong-type-refresh", 5, "provider_unavailable"),
        Expectation("huge", 5, "provider_unavailable"), Expectation("huge-error", 5, "provider_unavailable"),
    ]

    private static let unknown = ["html-200", "lost-before", "hang", "empty-refresh", "wrong-type-refresh", "huge", "huge-error"]

    @Test("costs one request, follows no redirect, keeps both tokens, and the next good refresh works", arguments: refusals)
    func refusal(_ expected: Expectation) async throws {
        try await Scene.with(configuration: Self.quick) { scene in
            let issued = try await scene.require("token", "codex").text
            try await scene.provider.misbehave(expected.mode)
            let outcome = try await scene.run("auth", "refresh", "codex", "--json")
            #expect(outcome.status == expected.status && outcome.errorCode == expected.code, "\(outcome)")
            #expect(outcome.json["error"]["remedy"].string?.isEmpty == false)
            let statistics = try await scene.provider.statistics()
            #expect(statistics["misbehaved"] == 1 && statistics["refreshRequests"] == 1, "\(statistics)")
            #expect(statistics["bodiesSeenTwice"] == 0 && statistics["redirectHits"] == 0 && statistics["redirectBodies"] == 0)

            // A token that lives stays usable; where nobody knows what became of the request, it is sent once more at once.
            let usable = try await scene.require("token", "codex").text
            #expect(usable == issued || Self.unknown.contains(expected.mode))
            let status = try await scene.require("auth", "list", "--json").json["accounts"].array?.first?["status"]
            #expect(status == "active", "only a refusal ends a login")
            try await scene.require("auth", "refresh", "codex")
            let after = try await scene.provider.statistics()
            #expect(after["refreshGrants"].map { $0 >= 1 } == true && after["reused"] == 0, "\(after)")
            #expect(try await scene.require("token", "codex").text != issued)
        }
    }

    static let losses = ["lost-reply", "truncated", "truncated-json", "duplicate-keys", "slow-body"]

    @Test(
        "An answer that is lost after the rotation is asked for once more by the next command, and a server with grace gives it",
        arguments: losses)
    func loss(_ mode: String) async throws {
        try await Scene.with(["--grace", "until-use"], configuration: Self.quick) { scene in
            try await scene.provider.misbehave(mode)
            let outcome = try await scene.run("auth", "refresh", "codex", "--json")
            #expect(outcome.status == 5 && outcome.errorCode == "provider_unavailable", "\(outcome)")
            #expect(try await scene.provider.statistics()["bodiesSeenTwice"] == 0, "never twice within one command")
            #expect(try await scene.run("token", "codex").status == 0)
            try await scene.require("auth", "refresh", "codex")
            try await scene.require("auth", "refresh", "codex")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["graceReplays"] == 1 && statistics["familiesRevoked"] == 0, "\(statistics)")
        }
    }

    static let oddities = [
        "slow", "no-refresh", "expires-negative", "expires-huge", "expires-string", "expires-missing", "lowercase-type", "no-id-token",
    ]

    @Test("An odd answer that is still one is taken, and the refresh after it works", arguments: oddities)
    func oddity(_ mode: String) async throws {
        try await Scene.with { scene in
            let issued = try await scene.require("token", "codex").text
            try await scene.provider.misbehave(mode, seconds: mode == "slow" ? 1 : nil)
            let outcome = try await scene.require("auth", "refresh", "codex", "--json")
            let expiry = try #require(outcome.json["results"].array?.first?["expiresAt"].string.flatMap(Timestamp.init))
            let left = expiry - TimeSource.system.now()
            #expect(left <= 3600, "never longer than exp - iat: \(left)")
            #expect(mode == "expires-negative" ? left <= 1 : left > 3000, "\(left)")
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.require("token", "codex").text != issued)
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshGrants"] == 2 && statistics["refused"] == 0, "\(statistics)")
            #expect(statistics["bodiesSeenTwice"] == (mode == "no-refresh" ? 1 : 0), "R8: the old token stays in force")
        }
    }

    @Test("Status 500 twice within a moment ends no login: the third refresh works")
    func twice() async throws {
        try await Scene.with { scene in
            try await scene.provider.misbehave("status-500", count: 2)
            for _ in 1...2 {
                let outcome = try await scene.run("auth", "refresh", "codex", "--json")
                #expect(outcome.status == 5 && outcome.errorCode == "provider_unavailable", "\(outcome)")
            }
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.first?["status"] == "active")
            try await scene.require("auth", "refresh", "codex")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["misbehaved"] == 2 && statistics["rotations"] == 1 && statistics["reused"] == 0, "\(statistics)")
        }
    }

    @Test("Tokens of somebody else are refused and kept aside: the stored login is not overwritten, and no second request is made")
    func otherIdentity() async throws {
        try await Scene.with { scene in
            let issued = try await scene.require("token", "codex").text
            try await scene.provider.misbehave("other-identity")
            let outcome = try await scene.run("auth", "refresh", "codex", "--json")
            Refusal(3, "login_required", "another account", "ai-usage-agent auth login codex").check(outcome)
            #expect(try await scene.require("token", "codex").text == issued)
            let account = try #require(try await scene.require("auth", "list", "--json").json["accounts"].array?.first)
            #expect(account["email"] == "ada@example.org" && account["status"] == "needs_login")
            #expect(try await scene.run("auth", "refresh", "codex").status == 3)
            #expect(try await scene.provider.statistics()["refreshRequests"] == 1)
            try await scene.login()
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.map { $0["status"] } == ["active"])
        }
    }

    @Test(
        "Retry-After is waited out by automatic refreshes, and a person may ask at once", arguments: [("status-429", 7), ("status-503", 3)])
    func retryAfter(_ mode: String, _ seconds: Int) async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.loginExpired()
            try await scene.provider.misbehave(mode)
            #expect(try await scene.run("token", "codex").status == 5)
            let asked = TimeSource.system.elapsed()
            let waiting = try await scene.run("token", "codex", "--json")
            // On a machine that stands still for seconds the pause may be over.
            if TimeSource.system.elapsed() - asked < .seconds(seconds - 1) {
                let code = mode == "status-429" ? "rate_limited" : "provider_unavailable"
                #expect(waiting.status == 5 && waiting.errorCode == code, "as the first time: \(waiting)")
                #expect((1...seconds).contains { waiting.complaint.contains("asked again in \($0) s") }, "\(waiting.complaint)")
                #expect(try await scene.provider.statistics()["refreshRequests"] == 1)
            }
            try await scene.require("auth", "refresh", "codex")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refused"] == 0 && statistics["refreshGrants"] == 1, "\(statistics)")
        }
    }

    @Test(
        "No answer blows the memory", .enabled(if: Instrumentation.isOff, "a sanitizer needs memory of its own"),
        arguments: ["huge", "huge-error", "slow-body"])
    func memory(_ mode: String) async throws {
        try await Scene.with(configuration: Self.quick) { scene in
            // A quick process can be over before it was looked at once.
            var ordinary = try await scene.require("auth", "refresh", "codex")
            for _ in 0..<20 where ordinary.peakKilobytes == 0 { ordinary = try await scene.require("auth", "refresh", "codex") }
            try await scene.provider.misbehave(mode)
            let outcome = try await scene.run("auth", "refresh", "codex")
            #expect(outcome.status == 5)
            #expect(ordinary.peakKilobytes > 1000, "measured at all")
            #expect(outcome.peakKilobytes < 60_000, "\(outcome.peakKilobytes) kB")
            #expect(outcome.peakKilobytes < ordinary.peakKilobytes + 5000, "\(ordinary.peakKilobytes) kB, then \(outcome.peakKilobytes) kB")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["misbehaved"] == 1 && statistics["bodiesSeenTwice"] == 0, "\(statistics)")
        }
    }
}
