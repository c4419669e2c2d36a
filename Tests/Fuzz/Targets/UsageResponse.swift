import OAuth

@testable import Agent
@testable import Platform
@testable import Providers

/// What usage endpoints answer, read by every provider: bounded, showable, and the same after it was stored.
extension FuzzTarget {
    static let usageResponse = FuzzTarget(name: "usage-response", longest: 4096) { input in
        let body = SecretBytes(input)
        for provider in providers {
            for (status, isHTML) in [(200, false), (401, false), (403, true), (429, false), (500, false)] {
                check(provider.readUsage(status: status, isHTML: isHTML, retryAfter: 30, body: body, now: now), status)
            }
        }
        if let value = try? JSONValue(parsing: input.span) { record(value) }
    }

    private static let now = Timestamp(seconds: 1_795_251_959)
    private static let providers: [any Provider] = [
        CodexProvider(ProviderSettings()), ClaudeProvider(ProviderSettings()), OpenIDProvider(name: "acme", settings: ProviderSettings()),
    ]

    private static func check(_ reading: UsageReading, _ status: Int) {
        switch reading {
        case .unauthorized(let message): holdShowable(message, limit: 400, "the message of a refused token")
        case .failed(_, let code, let message, let retryAfter):
            holdShowable(message, limit: 400, "the message of a failed reading")
            hold(["provider_unavailable", "rate_limited", "scope_missing"].contains(code), "a failure has a code of ours")
            hold(retryAfter == nil || retryAfter == 30, "a failure keeps what the server says")
        case .reading(let content):
            hold(status == 200, "only a 200 is a reading")
            check(content)
            // As it is stored and read by whoever asks next.
            let value = JSONValue.object(content.json)
            guard let parsed = try? JSONValue(parsing: value.compact) else { violated("a reading is written as JSON") }
            let again = UsageReading.Content(parsed, now: now)
            hold(again == content, "a reading is the same after it was stored:\n\(value.compact)\n\(JSONValue.object(again.json).compact)")
        }
    }

    private static func check(_ content: UsageReading.Content) {
        hold(content.windows.count <= 64, "at most 64 windows")
        hold(Set(content.windows.map(\.id)).count == content.windows.count, "no two windows have the same id")
        holdShowable(content.reason, limit: 81, "a reason")
        holdShowable(content.message, limit: 301, "a message")
        holdShowable(content.credits?.currency, limit: 11, "a currency")
        for window in content.windows {
            holdShowable(window.id, limit: 140, "the id of a window")
            holdShowable(window.title, limit: 81, "the title of a window")
            hold(window.usedPercent?.isFinite ?? true, "a percentage is a number")
            if let resets = window.resetsAt {
                hold(Timestamp(resets.description) == resets, "a reset can be written and read: \(resets)")
            }
            if let pace = window.pace { hold((0...100).contains(pace.expectedPercent), "an even pace is between 0 and 100") }
            for ago in [0, 60, 86400 * 400] { _ = window.exhaustion(measuredAt: now + -ago) }
            _ = window.isFull
        }
    }

    /// The file in which a reading is kept.
    private static func record(_ value: JSONValue) {
        guard let record = PollRecord(value) else { return }
        guard let parsed = try? JSONValue(parsing: record.json.compact), let again = PollRecord(parsed) else {
            violated("a record that is written is read")
        }
        hold(again == record, "a record is read as it was written: \(record.json.compact)")
    }
}
