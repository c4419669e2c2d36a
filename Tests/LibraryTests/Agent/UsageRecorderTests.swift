import History
import Platform
import Providers
import Testing

@testable import Agent
@testable import Vault

@Suite("What changes between two polls becomes events, once each")
struct UsageRecorderTests {
    /// Polls an account through a list of answers, five minutes apart (or as said), with the history on.
    private func history(_ provider: String = "codex", _ steps: [(seconds: Int, answer: UsageServer.Answer)]) async throws -> (
        events: [String], samples: [Double?]
    ) {
        var house = try await PollHouse([provider])
        house.configuration.historyDays = 90
        let begin = house.clock.now
        for step in steps {
            house.clock.advance(step.seconds)
            await house.server.answer(step.answer)
            _ = try await house.look(provider, refresh: true)
        }
        let found = try HistoryStore(folder: house.house.paths.state).read(since: begin, provider: nil)
        let words = found.events.map { event in
            var text = "\(event.kind.rawValue) \(event.from.compact) \(event.to.compact) \(event.bucket)"
            if let window = event.window { text += " \(window)" }
            if let threshold = event.threshold { text += " \(Int(threshold))" }
            return text
        }
        return (words, found.samples.map(\.usedPercent))
    }

    private static let begin = 1_790_000_000

    private static func week(_ used: Double, resetsIn seconds: Int) -> UsageServer.Answer {
        .reply(
            200,
            #"{"rate_limit":{"primary_window":{"used_percent":\#(used),"limit_window_seconds":604800,"reset_at":\#(begin + seconds)}}}"#)
    }

    @Test("The first reading is no change")
    func first() async throws {
        let found = try await history("codex", [(0, Self.week(80, resetsIn: 86400))])
        #expect(found.events.isEmpty && found.samples == [80])
    }

    @Test("A threshold is crossed upwards once, and a jump over two names the higher one")
    func thresholds() async throws {
        let found = try await history(
            "codex",
            [74.9, 75, 76, 74, 95, 99.9].map { (300, Self.week($0, resetsIn: 86400)) })
        #expect(
            found.events == [
                "threshold_crossed 74.9 75 ok weekly 75", "threshold_crossed 74 95 ok weekly 90",
            ])
    }

    @Test("A window that begins anew is a reset; a number that is corrected downwards is none, nor is a reset that moves by seconds")
    func resets() async throws {
        let found = try await history(
            "codex",
            [
                (0, Self.week(60, resetsIn: 1000)), (300, Self.week(58, resetsIn: 1003)), (800, Self.week(2, resetsIn: 604_800)),
                (300, Self.week(30, resetsIn: 604_801)), (300, Self.week(0, resetsIn: 700_000)),
            ])
        #expect(found.events == ["window_reset 58 2 ok weekly", "window_reset 30 0 ok weekly"])
    }

    @Test("A limit that is reached, an outage and its end change the bucket; a network that is gone does not")
    func buckets() async throws {
        let found = try await history(
            "codex",
            [
                (0, Self.week(60, resetsIn: 86400)), (300, .reply(500, "{}")), (300, .failure(sent: false)),
                (300, Self.week(60, resetsIn: 86400)), (300, Self.week(100, resetsIn: 86400)),
            ])
        #expect(
            found.events == [
                "bucket_changed \"ok\" \"overloaded\" overloaded", "bucket_changed \"overloaded\" \"ok\" ok",
                "bucket_changed \"ok\" \"usage_window\" usage_window", "threshold_crossed 60 100 usage_window weekly 100",
            ])
    }

    @Test("A login that dies is said once, with the refresh that was tried before")
    func death() async throws {
        let dead = UsageServer.Answer.reply(401, "{}")
        let found = try await history("codex", [(0, Self.week(1, resetsIn: 86400)), (300, dead), (300, dead)])
        #expect(
            found.events == [
                "token_refreshed 1 2 auth", "login_died \"active\" \"needs_login\" auth", "bucket_changed \"ok\" \"auth\" auth",
            ])
    }

    @Test("Of a use that stands still one sample in a quarter of an hour is kept")
    func samples() async throws {
        let found = try await history("codex", (0..<13).map { ($0 == 0 ? 0 : 300, Self.week(50, resetsIn: 86400)) })
        #expect((4...5).contains(found.samples.count), "\(found.samples.count)")
    }

    @Test("With historyDays 0 nothing is written")
    func off() async throws {
        let house = try await PollHouse()
        _ = try await house.look()
        #expect(!(try PrivateDirectory.open(house.house.paths.state).exists("history.db")))
    }
}
