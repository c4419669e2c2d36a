import Platform
import Providers
import Testing

@testable import ai_usage_agent_cli

@Suite("The forms of usage for other programs")
struct UsageFormatTests {
    private static let now = SampleSnapshots.now

    private static func render(_ format: UsageFormat, _ snapshots: [UsageSnapshot], isPlain: Bool = false) -> String {
        format.render(snapshots, Style(hasColour: false, hasUnicode: true), columns: 80, now: now, isPlain: isPlain)
    }

    @Test("json is one document, jsonl a snapshot in each line")
    func json() throws {
        let document = try JSONValue(parsing: Self.render(.json, SampleSnapshots.all))
        #expect(document["snapshots"].array?.count == 3 && document["generatedAt"] == "2026-11-21T13:20:00Z")
        let lines = Self.render(.jsonl, SampleSnapshots.all).split(separator: "\n")
        #expect(lines.count == 3)
        #expect(try lines.map { try JSONValue(parsing: String($0)) } == document["snapshots"].array)
    }

    @Test("csv has a row for each window and for each account without one, all of one length; quotes are doubled and formulas defused")
    func csv() {
        var strange = SampleSnapshots.ada
        strange = SampleSnapshots.snapshot(
            "codex", "=cmd()|a", label: #"a "b", c"#, plan: nil, [SampleSnapshots.window("x", .other, "+1", -2.5, nil, nil)])
        let empty = SampleSnapshots.snapshot("claude", "e@example.org", plan: nil, [])
        let lines = Self.render(.csv, SampleSnapshots.all + [strange, empty]).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 1 + 2 + 3 + 3 + 1 + 1)
        #expect(
            lines[0]
                == "provider,accountId,email,label,plan,bucket,window,kind,title,usedPercent,windowMinutes,resetsAt,fetchedAt,stale,error")
        for line in lines where !line.contains("\"") { #expect(line.filter { $0 == "," }.count == 14, "\(line)") }
        #expect(
            lines[9]
                == #"codex,00000000-0000-4000-8000-000000000001,'=cmd()|a,"a ""b"", c",,ok,x,other,'+1,-2.5,,,2026-11-21T13:20:00Z,false,"#)
        #expect(lines[6].hasSuffix(",2026-11-21T12:55:00Z,true,rate_limited"))
    }

    @Test("waybar gets one line of JSON whose texts are no markup")
    func waybar() throws {
        let line = Self.render(.waybar, [SampleSnapshots.ada, SampleSnapshots.snapshot("codex", "x", label: "<b>&", plan: nil, [])])
        #expect(!line.contains("\n"))
        let json = try JSONValue(parsing: line)
        #expect(json.object?.names == ["text", "alt", "tooltip", "class", "percentage"])
        #expect(json["text"] == "codex 63% 4 d 15 h · codex &lt;b&gt;&amp; ?" && json["percentage"] == 63 && json["class"] == "ok")
        #expect(json["tooltip"].string?.contains("ada@example.org") == true)
        let worst = try JSONValue(parsing: Self.render(.waybar, SampleSnapshots.all))
        #expect(worst["class"] == "critical" && worst["percentage"] == 100)
        #expect(try JSONValue(parsing: Self.render(.waybar, []))["class"] == "none")
    }

    @Test("tmux gets its own colours, or none, and no format of somebody else's")
    func tmux() {
        let tagged = SampleSnapshots.snapshot(
            "codex", "x", label: "#[fg=red]", plan: nil, [SampleSnapshots.window("w", .weekly, "w", 95, 10080, 60)])
        #expect(Self.render(.tmux, [SampleSnapshots.ada]) == "#[fg=green]codex 63% 4 d 15 h#[fg=default]")
        #expect(Self.render(.tmux, [tagged]) == "#[fg=red]codex ##[fg=red] 95% 1 m#[fg=default]")
        #expect(
            Self.render(.tmux, SampleSnapshots.all, isPlain: true) == "codex 63% 4 d 15 h | codex work 100% 1 h 6 m | claude 41% 1 h 56 m?")
    }

    @Test("prometheus gets each metric once with its type, labels escaped, and no e-mail address")
    func prometheus() {
        let quoted = SampleSnapshots.snapshot("codex", "q@example.org", label: #"a"b\c"#, plan: nil, [])
        let text = Self.render(.prometheus, SampleSnapshots.all + [quoted])
        let lines = text.split(separator: "\n")
        let account = #"{provider="codex",account="00000000-0000-4000-8000-000000000001",label=""#
        #expect(lines.contains { $0 == "ai_usage_window_used_percent" + account + #"",window="session",kind="session"} 37"# })
        #expect(lines.contains { $0 == "ai_usage_credits_balance" + account + #""} 12.5"# })
        #expect(lines.contains { $0 == "ai_usage_up" + account + #"a\"b\\c"} 1"# }, "\(text)")
        #expect(lines.contains { $0.hasPrefix("ai_usage_stale{provider=\"claude\"") && $0.hasSuffix(" 1") })
        #expect(!text.contains("@"))
        let types = lines.filter { $0.hasPrefix("# TYPE") }
        #expect(Set(types).count == types.count && types.count == 6)
    }

    // MARK: - guard

    /// Windows as (kind, used, seconds to the reset), the snapshot's state, the demand, and what comes out.
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        var windows: [(UsageWindow.Kind, Double?, Int?)] = [(.session, 37, 9000), (.weekly, 60, 90000)]
        var isStale = false
        var failure: String?
        var bucket = UsageSnapshot.Bucket.ok
        var kind: UsageWindow.Kind?
        var demand = 20.0
        let expected: Int32?
        var testDescription: String { name }
    }

    static let rows: [Row] = [
        .init(name: "enough", expected: nil), .init(name: "exactly enough", demand: 40, expected: nil),
        .init(name: "too little in the tightest window", demand: 40.5, expected: 10),
        .init(name: "enough in the window that is asked for", kind: .session, demand: 60, expected: nil),
        .init(name: "no such window", kind: .monthly, expected: 11), .init(name: "no windows", windows: [], expected: 11),
        .init(name: "a scoped window does not count", windows: [(.session, 1, 9000), (.scoped, 100, 9000)], expected: nil),
        .init(
            name: "a scoped window that is asked for", windows: [(.session, 1, 9000), (.scoped, 100, 9000)], kind: .scoped, expected: 10),
        .init(name: "null is not zero", windows: [(.session, nil, 9000)], expected: 11),
        .init(name: "one of two is not known", windows: [(.session, 1, 9000), (.weekly, nil, 9000)], expected: 11),
        .init(
            name: "one of two is not known and the other too little", windows: [(.session, 99, 9000), (.weekly, nil, 9000)], expected: 10),
        .init(name: "an old reading that says enough", isStale: true, expected: 11),
        .init(name: "an old reading that says too little", isStale: true, demand: 50, expected: 10),
        .init(name: "an error", windows: [], failure: "network", expected: 11),
        .init(name: "an error with a reading from before", isStale: true, failure: "rate_limited", expected: 11),
        .init(name: "a window that is over", windows: [(.session, 99, -5)], isStale: true, expected: 11),
        .init(name: "the provider says that the limit is reached", bucket: .usageWindow, demand: 1, expected: 10),
        .init(name: "nothing is demanded and nothing is left", windows: [(.session, 100, 9000)], demand: 0, expected: nil),
        .init(name: "more than all is used", windows: [(.session, 130, 9000)], demand: 1, expected: 10),
    ]

    @Test("guard: 0 enough, 10 below, 11 unknown; an old reading can only say that too little is left", arguments: rows)
    func verdict(_ row: Row) {
        var snapshot = SampleSnapshots.snapshot(
            "codex", "a@example.org", plan: nil,
            row.windows.enumerated().map { SampleSnapshots.window("w\($0.offset)", $0.element.0, "w", $0.element.1, nil, $0.element.2) })
        snapshot.bucket = row.bucket
        snapshot.stale = row.isStale
        snapshot.failure = row.failure.map { .init(code: $0, message: $0, remedy: nil, retryAt: nil) }
        let verdict = GuardVerdict(snapshot, minRemaining: row.demand, kind: row.kind, now: Self.now)
        #expect(verdict.exitCode == row.expected, "\(verdict)")
    }

    @Test(
        "A beginning is a time ago, a date or a moment",
        arguments: [
            ("90m", "2026-11-21T11:50:00Z"), ("24h", "2026-11-20T13:20:00Z"), ("7d", "2026-11-14T13:20:00Z"),
            ("2w", "2026-11-07T13:20:00Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"), ("2026-11-01T12:00:00+01:00", "2026-11-01T11:00:00Z"), ("0d", nil), ("-1d", nil),
            ("d", nil), ("7", nil), ("yesterday", nil), ("", nil), ("2026-13-01", nil), ("99999999999999999999d", nil),
        ] as [(String, String?)])
    func since(_ text: String, _ expected: String?) {
        #expect(Since(argument: text)?.moment(now: Self.now).description == expected)
    }
}
