import Platform
import TestSupport
import Testing

@Suite("guard, usage's forms, usage --watch and usage history")
struct GuardTests {
    @Test(
        "guard ends with 0, 10 or 11, and with the error's code where there is no account",
        arguments: [
            (["--min-remaining", "63"], 0), (["--min-remaining", "63.5"], 10), (["--min-remaining", "80", "--window", "weekly"], 0),
            (["--min-remaining", "89", "--window", "weekly"], 10), (["--min-remaining", "1", "--window", "monthly"], 11),
            (["--min-remaining", "101"], 64), (["--min-remaining", "-1"], 64), ([], 64),
            (["--min-remaining", "5", "--window", "daily"], 64),
            (["--min-remaining", "5", "--account", "nobody"], 3),
        ] as [([String], Int32)])
    func exitCode(_ options: [String], _ expected: Int32) async throws {
        try await Scene.with { scene in
            let outcome = try await scene.run(["guard", "codex"] + options)
            #expect(outcome.status == expected, "\(outcome)")
        }
    }

    @Test("guard says why on standard output, and everything with --json")
    func words() async throws {
        try await Scene.with { scene in
            #expect(try await scene.require("guard", "codex", "--min-remaining", "20").text == "codex: 63 % left (5 h)")
            let below = try await scene.run("guard", "codex", "--min-remaining", "70", "--json")
            #expect(below.status == 10 && below.json["enough"] == false && below.json["remainingPercent"] == 63, "\(below)")
            #expect(below.json["window"] == "session" && below.json["minRemaining"] == 70)
            await scene.provider.stop()
            try scene.home.delete(scene.home.path + "/state/ai-usage-agent/usage")
            let unknown = try await scene.run("guard", "codex", "--min-remaining", "70", "--json")
            #expect(unknown.status == 11 && unknown.json["enough"].isNull, "\(unknown)")
        }
    }

    @Test(
        "Forms that do not go together are wrong usage",
        arguments: [
            ["--json", "--format", "csv"], ["--format", "xml"], ["--watch", "--json"], ["--watch", "--format", "prometheus"],
            ["--raw", "--format", "csv"],
        ])
    func wrongForms(_ options: [String]) async throws {
        try await Scene.with(start: .empty) { scene in
            let outcome = try await scene.run(["usage"] + options)
            #expect(outcome.status == 64, "\(outcome)")
        }
    }

    @Test("--format json is --json; csv has its head also without accounts; tmux and waybar are one line")
    func forms() async throws {
        try await Scene.with { scene in
            let json = try await scene.require("usage", "--format", "json").json
            #expect(json["snapshots"].array?.count == 1)
            #expect(try await scene.require("usage", "--format", "csv").text.split(separator: "\n").count == 3)
            #expect(try await scene.require("usage", "--format", "tmux", "--no-color").text.hasPrefix("codex 37% 2 h 3"))
            #expect(try await scene.require("usage", "--format", "waybar").json["percentage"] == 37)
            let metrics = try await scene.require("usage", "--format", "prometheus").text
            #expect(metrics.contains("ai_usage_up{provider=\"codex\""))
        }
        try await Scene.with(start: .empty) { scene in
            #expect(try await scene.require("usage", "--format", "csv").text.hasPrefix("provider,accountId,"))
            let bar = try await scene.require("usage", "--format", "waybar")
            #expect(bar.json["class"] == "none")
        }
    }

    @Test("usage --watch prints a line at once and another one when something is new, until Ctrl-C")
    func watch() async throws {
        try await Scene.with { scene in
            let child = try scene.start(["usage", "--watch", "--format", "jsonl"])
            #expect(await child.shows("\"usedPercent\":37"))
            try await scene.provider.misbehave("usage-limit", count: 1)
            // Another process learns it, and the watcher shows it without asking.
            try await scene.refreshUsage { $0["status"]["bucket"] == "usage_window" }
            #expect(await child.shows("\"usedPercent\":100"))
            #expect(try await scene.provider.statistics()["usageRequests"] == 2)
            child.signal(2)
            #expect(await child.finish().status == 130)
        }
    }

    @Test(
        "On a terminal usage --watch draws over its own picture, and asking that takes longer than 300 ms shows progress",
        .enabled(if: TerminalSession.isPossible, "\(TerminalSession.missing)"))
    func terminal() async throws {
        try await Scene.with(["--usage-delay", "1200"]) { scene in
            let session = try TerminalSession("\(Program.path) usage --watch", environment: scene.home.environment)
            #expect(await session.child.shows("asking: 0 of 1"))
            #expect(await session.child.shows("Ctrl-C ends"))
            #expect(session.child.outputSoFar.contains("37 %") && session.child.outputSoFar.contains("\u{1B}[H"))
            session.child.signal(9)
            _ = await session.finish()
        }
        try await Scene.with { scene in
            try await scene.require("usage")
            let session = try TerminalSession("\(Program.path) usage; \(Program.path) status", environment: scene.home.environment)
            let outcome = await session.finish()
            #expect(outcome.text.contains("37 %") && !outcome.text.contains("asking"), "nothing is asked, nothing is said: \(outcome)")
        }
    }

    @Test("usage history shows curves and events of what was read, filtered, and reads without a vault's key")
    func history() async throws {
        try await Scene.with { scene in
            #expect(try await scene.require("usage", "history").text.contains("No history"))
            try await scene.require("usage")
            try await scene.provider.misbehave("usage-limit", count: 1)
            try await scene.refreshUsage { $0["status"]["bucket"] == "usage_window" }
            let json = try await scene.require("usage", "history", "codex", "--since", "1h", "--json").json
            #expect(json["samples"].array?.compactMap { $0["usedPercent"].number?.integer } == [37, 12, 100])
            let types = json["events"].array?.compactMap { $0["type"].string }
            #expect(types == ["bucket_changed", "threshold_crossed"], "\(json)")
            try scene.home.delete(scene.home.keyFile)
            let text = try await scene.require("usage", "history", "--account", "ada@example.org", "codex").text
            #expect(text.contains("ada@example.org") && text.contains("100 %") && text.contains("ok -> usage_window"), "\(text)")
            #expect(try await scene.require("usage", "history", "acme").text.contains("No history"))
            #expect(try await scene.run("usage", "history", "nobody").status == 64)
            let wrong = try await scene.run("usage", "history", "--since", "tomorrow")
            #expect(wrong.status == 64)
        }
    }

    @Test("With historyDays 0 nothing is kept, and a damaged history costs nobody their reading")
    func noHistory() async throws {
        let configuration = Scene.configuration.replacing(
            "\"schemaVersion\": 1,", with: "\"schemaVersion\": 1, \"usage\": {\"historyDays\": 0},")
        try await Scene.with(configuration: configuration) { scene in
            try await scene.require("usage")
            #expect(!scene.home.exists(scene.home.path + "/state/ai-usage-agent/history.db"))
            let text = try await scene.require("usage", "history").text
            #expect(text.contains("historyDays is 0"))
        }
        try await Scene.with { scene in
            let path = scene.home.path + "/state/ai-usage-agent/history.db"
            if !scene.home.exists(scene.home.path + "/state/ai-usage-agent") {
                try scene.home.makeDirectory(scene.home.path + "/state/ai-usage-agent")
            }
            try scene.home.write(Array("no database at all, and long enough to be seen as none".utf8), to: path)
            let outcome = try await scene.require("usage", "--verbose")
            #expect(outcome.text.contains("37 %") && outcome.errorText.contains("the history was not written"), "\(outcome)")
            let history = try await scene.run("usage", "history", "--json")
            #expect(history.status == 1 && history.errorCode == "storage", "\(history)")
        }
    }
}
