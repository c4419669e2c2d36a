import Platform
import Testing

@testable import Providers

@Suite("A usage snapshot says everything it knows in one shape, and null where it knows nothing")
struct UsageSnapshotTests {
    static let now = Timestamp(seconds: 1_790_000_000)

    /// Used percent, window in minutes, seconds to the reset, and the pace: expected, delta, whether it lasts. Nil: no pace.
    static let paces: [(Double?, Int?, Int?, String?)] = [
        (50, 300, 9000, "50 0 true"), (37, 300, 9120, "49.3 -12.3 true"), (51, 300, 9000, "50 1 false"), (0, 300, 9000, "50 -50 true"),
        (100, 300, 9000, "50 50 false"), (130, 300, 1, "100 30 false"), (99, 10080, 6048, "99 0 true"), (100, 300, 1, "100 0 false"),
        // At the very beginning a pace says little: only what is used up already does not last.
        (3, 300, 18000, "0 3 true"), (100, 300, 18000, "0 100 false"), (5, 300, 17900, "0.6 4.4 true"),
        // No pace where a part is missing, the reset is past, or further away than the window is long.
        (nil, 300, 9000, nil), (50, nil, 9000, nil), (50, 300, nil, nil), (50, 0, 9000, nil), (50, 300, 0, nil), (50, 300, -5, nil),
        (50, 300, 18001, nil),
    ]

    @Test("The pace compares the use with an even one over the window", arguments: paces)
    func pace(_ used: Double?, _ minutes: Int?, _ left: Int?, _ expected: String?) {
        let window = UsageWindow(
            id: "w", kind: .session, title: "w", usedPercent: used, windowMinutes: minutes,
            resetsAt: left.map { UsageSnapshotTests.now + $0 }, now: UsageSnapshotTests.now)
        func number(_ value: Double) -> String { value == value.rounded() ? String(Int(value)) : String(value) }
        #expect(window.pace.map { "\(number($0.expectedPercent)) \(number($0.deltaPercent)) \($0.willLastToReset)" } == expected)
        #expect(window.usedPercent == used)
    }

    @Test(
        "A window's kind is its length",
        arguments: [
            (300, "session"), (240, "session"), (360, "session"), (239, "other"), (361, "other"), (10080, "weekly"), (43800, "monthly"),
            (43200, "monthly"), (44640, "monthly"),
            (1440, "other"), (0, "other"), (nil, "other"),
        ] as [(Int?, String)])
    func kind(_ minutes: Int?, _ expected: String) {
        #expect(UsageWindow.Kind(minutes: minutes).rawValue == expected)
    }

    static let keys = [
        "schemaVersion", "provider", "account", "plan", "source", "authType", "confidence", "fetchedAt", "stale", "nextPollAt", "status",
        "usageWindows", "credits", "error",
    ]

    static var empty: UsageSnapshot {
        UsageSnapshot(
            provider: "codex", account: .init(id: "i", accountKey: "k", email: nil, label: nil), source: "agent-store", authType: "oauth")
    }

    @Test("Every key is there in an empty snapshot, null where nothing is known, and raw only when asked for")
    func emptySnapshot() {
        let json = UsageSnapshotTests.empty.json
        #expect(json.object?.names == UsageSnapshotTests.keys)
        #expect(json["account"].object?.names == ["id", "accountKey", "email", "label"])
        #expect(json["status"].object?.names == ["bucket", "reason", "message"])
        for key in ["plan", "fetchedAt", "nextPollAt", "credits", "error"] { #expect(json.object?[key] == .null) }
        #expect(json["usageWindows"] == [])
        #expect(json["schemaVersion"] == 1)
        #expect(json["confidence"] == "unknown")
        #expect(json["stale"] == false)
    }

    @Test("A full snapshot has every key of every part, and times are ISO 8601 in UTC")
    func fullSnapshot() {
        var snapshot = UsageSnapshotTests.empty
        snapshot.windows = [
            UsageWindow(
                id: "session", kind: .session, title: "5 h", usedPercent: 37.5, windowMinutes: 300, resetsAt: UsageSnapshotTests.now + 9000,
                now: UsageSnapshotTests.now),
            UsageWindow(
                id: "x", kind: .other, title: "x", usedPercent: nil, windowMinutes: nil, resetsAt: nil, now: UsageSnapshotTests.now),
        ]
        var credits = UsageCredits()
        credits.balanceMinor = 1250
        snapshot.credits = credits
        snapshot.failure = .init(code: "rate_limited", message: "m", remedy: nil, retryAt: UsageSnapshotTests.now)
        snapshot.fetchedAt = UsageSnapshotTests.now
        snapshot.raw = ["a": 1]
        let json = snapshot.json
        #expect(json.object?.names == UsageSnapshotTests.keys + ["raw"])
        for window in json["usageWindows"].array ?? [] {
            #expect(window.object?.names == ["id", "kind", "title", "usedPercent", "windowMinutes", "resetsAt", "pace"])
        }
        #expect(json["usageWindows"].array?[0]["pace"].object?.names == ["expectedPercent", "deltaPercent", "willLastToReset"])
        #expect(json["usageWindows"].array?[0]["usedPercent"].number?.double == 37.5)
        #expect(json["usageWindows"].array?[1].object?["usedPercent"] == .null)
        #expect(json["usageWindows"].array?[1].object?["pace"] == .null)
        #expect(json["credits"].object?.names == ["unlimited", "balanceMinor", "currency", "exponent", "limitMinor", "usedMinor"])
        #expect(json["error"].object?.names == ["code", "message", "remedy", "retryAt"])
        #expect(json["fetchedAt"] == "2026-09-21T14:13:20Z")
        #expect(json["error"]["retryAt"] == "2026-09-21T14:13:20Z")
    }
}
