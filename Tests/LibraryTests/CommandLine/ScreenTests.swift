import Foundation
import History
import Platform
import Providers
import TestSupport
import Testing

@testable import Agent
@testable import ai_usage_agent_cli

@Suite("The screens of usage, status and history")
struct ScreenTests {
    private static let utc: Moments.Calendar = { $0.utc }

    private static func usage(_ columns: Int, _ style: Style = Style(hasColour: false, hasUnicode: true)) -> UsageText {
        UsageText(style: style, columns: columns, now: SampleSnapshots.now, calendar: utc)
    }

    private static func status(_ columns: Int) -> String {
        StatusText(style: Style(hasColour: false, hasUnicode: true), columns: columns, now: SampleSnapshots.now, calendar: utc)
            .render(
                heading: ["vault  file, opened by key-file, 3 accounts", "agent  none; every command works by itself"],
                SampleSnapshots.listings, SampleSnapshots.all)
    }

    /// What docs/screens.md shows, made from the sample accounts.
    private static var document: String {
        var lines = [
            "# Screens", "",
            "What `status` and `usage --watch` look like on a terminal that is 60, 80 and 120 columns wide, without colours. The accounts",
            "are invented. A test makes this page (`CommandLine/ScreenTests.swift`) and fails when the program prints something else;",
            "`AUA_WRITE_SCREENS=1` lets it write the page anew.", "",
        ]
        for columns in [60, 80, 120] {
            lines += ["## \(columns) columns", "", "`ai-usage-agent status`", "", "```", status(columns), "```", ""]
            lines += ["`ai-usage-agent usage --watch`", "", "```", UsageWatch.picture(usage(columns), SampleSnapshots.all), "```", ""]
        }
        lines += ["## `usage history`, 80 columns", "", "```", history(80), "```"]
        return lines.joined(separator: "\n") + "\n"
    }

    private static func history(_ columns: Int) -> String {
        let now = SampleSnapshots.now
        var samples: [UsageSample] = []
        for hour in 0..<72 {
            let at = now + (hour - 72) * 3600
            let session = Double(hour % 5) * 20 + 3
            samples.append(
                UsageSample(
                    at: at, provider: "codex", accountId: "1", window: "session", kind: "session", title: "5 h", usedPercent: session,
                    resetsAt: at + (5 - hour % 5) * 3600))
            samples.append(
                UsageSample(
                    at: at, provider: "codex", accountId: "1", window: "weekly", kind: "weekly", title: "weekly",
                    usedPercent: Double(hour) * 1.2, resetsAt: now + 86400))
        }
        func event(
            _ hours: Int, _ kind: UsageEvent.Kind, _ from: JSONValue, _ to: JSONValue, _ window: String? = nil, _ threshold: Double? = nil
        )
            -> UsageEvent
        {
            UsageEvent(
                at: now + -hours * 3600, provider: "codex", accountId: "1", kind: kind, from: from, to: to, bucket: "ok", window: window,
                threshold: threshold)
        }
        let events = [
            event(30, .tokenRefreshed, 1, 2), event(10, .thresholdCrossed, .optional(73.2), .optional(75.1), "weekly", 75),
            event(6, .windowReset, 83, 3, "session"), event(2, .bucketChanged, "ok", "usage_window"),
        ]
        return HistoryText(
            style: Style(hasColour: false, hasUnicode: true), columns: columns, now: now, names: ["1": "ada@example.org"], calendar: utc
        ).render(samples, events, since: now + -3 * 86400)
    }

    @Test("The captures in docs/screens.md are what the program prints")
    func captures() throws {
        let path = Program.repository + "/docs/screens.md"
        if ProcessEnvironment.current()["AUA_WRITE_SCREENS"] != nil {
            try Data(Self.document.utf8).write(to: URL(fileURLWithPath: path))
        }
        let written = try String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        #expect(written == Self.document)
    }

    @Test(
        "No line is wider than the terminal, from 40 columns on, with colours or without",
        arguments: [40, 50, 60, 72, 80, 100, 118, 120, 200, 300])
    func width(_ columns: Int) {
        for style in [Style(hasColour: false, hasUnicode: true), Style(hasColour: true, hasUnicode: false)] {
            let plain = Self.usage(columns, style).render(SampleSnapshots.all + SampleSnapshots.all).replacing(/\u{1B}\[[0-9;]*m/, with: "")
            for line in plain.split(separator: "\n") { #expect(StyledLine.columns(of: String(line)) <= columns, "\(line)") }
        }
        for line in Self.status(columns).split(separator: "\n").dropFirst(2) { #expect(line.count <= columns, "\(line)") }
        for line in Self.history(columns).split(separator: "\n") { #expect(line.count <= columns, "\(line)") }
    }

    @Test("A percentage that is none is drawn and written all the same", arguments: [1e300, -1e300, 1e21, .greatestFiniteMagnitude])
    func absurdPercentage(_ used: Double) {
        let now = SampleSnapshots.now
        let sample = UsageSample(
            at: now + -60, provider: "codex", accountId: "1", window: "session", kind: "session", title: "5 h", usedPercent: used,
            resetsAt: nil)
        let event = UsageEvent(
            at: now + -60, provider: "codex", accountId: "1", kind: .thresholdCrossed, from: 1, to: .optional(used), bucket: "ok",
            window: "session", threshold: 100)
        let text = HistoryText(
            style: Style(hasColour: false, hasUnicode: true), columns: 80, now: now, names: [:], calendar: Self.utc
        ).render([sample], [event], since: now + -3600)
        #expect(text.contains(used > 0 ? "99999 %" : "-9999 %"))
        #expect(text.contains("session over 100 %"))
        for line in text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    }

    @Test("Accounts stand side by side where there is room for two or three, else below each other")
    func columns() {
        func isBeside(_ columns: Int, _ count: Int) -> Bool {
            Self.usage(columns).render(SampleSnapshots.all).split(separator: "\n").contains { line in
                ["plus", "team", "max"].filter { line.contains("(\($0))") }.count == count
            }
        }
        #expect(isBeside(80, 1) && !isBeside(80, 2))
        #expect(isBeside(115, 2) && !isBeside(114, 2))
        #expect(isBeside(174, 3) && !isBeside(173, 3))
    }

    @Test("Without a terminal that knows more, nothing but ASCII is drawn, and without colours no escape")
    func plain() {
        let text = Self.usage(80, Style(hasColour: false, hasUnicode: false)).render(SampleSnapshots.all)
        #expect(text.unicodeScalars.allSatisfy { $0.isASCII })
        #expect(!text.contains("\u{1B}"))
        #expect(Self.usage(80, Style(hasColour: true, hasUnicode: true)).render(SampleSnapshots.all).contains("\u{1B}[31m"))
    }

    @Test(
        "The pace is said in words: until the reset, or when it is over",
        arguments: [
            (10.0, 9000, 0, "will last to the reset"), (60.0, 9000, 0, "runs out in 1 h 40 m"), (40.0, 9000, 3600, "runs out in 1 h 15 m"),
            (99.9, 17000, 0, "runs out in 1 s"), (100.0, 9000, 0, "used up"), (120.0, 9000, 0, "used up"),
        ])
    func pace(_ used: Double, _ left: Int, _ age: Int, _ expected: String) {
        let snapshot = SampleSnapshots.snapshot(
            "codex", "a@example.org", plan: nil, age: age,
            [SampleSnapshots.window("session", .session, "5 h", used, 300, left, age: age)])
        let text = Self.usage(120).render([snapshot])
        #expect(text.contains(expected), "\(text)")
    }

    @Test("A window whose reset is over is due, one without a number shows none, a person's strange names stay harmless")
    func oddities() {
        let snapshot = SampleSnapshots.snapshot(
            "codex", "\u{1B}[2J\u{202E}evil", plan: "日本語日本語日本語日本語",
            [
                SampleSnapshots.window("a", .session, "5 h", 50, 300, -5), SampleSnapshots.window("b", .other, "日本語", nil, nil, nil),
                SampleSnapshots.window("c", .other, String(repeating: "long", count: 30), 1e300, nil, nil),
            ])
        let text = Self.usage(60).render([snapshot])
        #expect(text.contains("reset due") && text.contains("?") && !text.contains("\u{1B}") && !text.contains("\u{202E}"), "\(text)")
        for line in text.split(separator: "\n") { #expect(StyledLine.columns(of: String(line)) <= 60, "\(line)") }
    }
}
