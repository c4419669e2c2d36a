import History
import Logging
import Platform
import Providers
import Vault

/// Turns polls into samples and events of the local history. What cannot be recorded is said in the log and costs nobody their
/// reading.
struct UsageRecorder: Sendable {
    private let service: AgentService

    init(_ service: AgentService) { self.service = service }

    func record(_ outcomes: [UsagePoll.Outcome]) async {
        let days = service.configuration.historyDays
        let now = service.time.now()
        let samples = outcomes.flatMap(UsageRecorder.samples)
        let events = outcomes.flatMap { UsageRecorder.events($0, now: now.wholeSeconds) }
        guard days > 0, !(samples.isEmpty && events.isEmpty) else { return }
        let store = HistoryStore(folder: service.vault.paths.state)
        let problem = await onOwnThread { () -> FileError? in
            do throws(FileError) {
                try store.record(samples, events, keepDays: days, now: now)
                return nil
            } catch { return error }
        }
        if let problem { service.logger.warning("the history was not written: \(problem)") }
    }

    /// One for each window of a new reading; of windows that stand still one in a quarter of an hour.
    static func samples(_ outcome: UsagePoll.Outcome) -> [UsageSample] {
        guard let (before, after) = outcome.change, after.failure == nil, let reading = after.reading,
            before.reading?.fetchedAt != reading.fetchedAt
        else { return [] }
        return reading.content.windows.compactMap { window in
            if let old = before.reading, old.fetchedAt.seconds / 900 == reading.fetchedAt.seconds / 900,
                old.content.windows.contains(where: { $0.id == window.id && $0.usedPercent == window.usedPercent })
            {
                return nil
            }
            return UsageSample(
                at: reading.fetchedAt, provider: outcome.account.provider, accountId: outcome.account.id, window: window.id,
                kind: window.kind.rawValue, title: window.title, usedPercent: window.usedPercent, resetsAt: window.resetsAt)
        }
    }

    /// What changed between the poll before and this one.
    static func events(_ outcome: UsagePoll.Outcome, now: Timestamp) -> [UsageEvent] {
        guard let (before, after) = outcome.change else { return [] }
        let account = outcome.account
        let bucket = (after.bucket ?? .unknown).rawValue
        func event(
            _ kind: UsageEvent.Kind, _ from: JSONValue, _ to: JSONValue, at: Timestamp? = nil, window: String? = nil,
            threshold: Double? = nil
        ) -> UsageEvent {
            UsageEvent(
                at: at ?? now, provider: account.provider, accountId: account.id, kind: kind, from: from, to: to, bucket: bucket,
                window: window, threshold: threshold)
        }
        var events: [UsageEvent] = []
        let wasDead = before.failure?.code == "login_required"
        if before.generation > 0, after.generation > before.generation, !wasDead {
            events.append(
                event(
                    .tokenRefreshed, .number(JSONNumber(before.generation)), .number(JSONNumber(after.generation)),
                    at: outcome.tokensObtainedAt?.wholeSeconds))
        }
        if after.failure?.code == "login_required", !wasDead { events.append(event(.loginDied, "active", "needs_login")) }
        if let from = before.bucket, let to = after.bucket, from != to {
            events.append(event(.bucketChanged, .string(from.rawValue), .string(to.rawValue)))
        }
        guard after.failure == nil, let old = before.reading, let new = after.reading else { return events }
        for window in new.content.windows {
            guard let earlier = old.content.windows.first(where: { $0.id == window.id }), let was = earlier.usedPercent,
                let now = window.usedPercent
            else { continue }
            if hasReset(earlier, window, at: new.fetchedAt) {
                events.append(event(.windowReset, .optional(was), .optional(now), window: window.id))
            } else if let threshold = UsageEvent.thresholds.last(where: { was < $0 && now >= $0 }) {
                events.append(event(.thresholdCrossed, .optional(was), .optional(now), window: window.id, threshold: threshold))
            }
        }
        return events
    }

    /// Less is used than before, and the old reset is over or has made room for a later one: a corrected number is no reset.
    private static func hasReset(_ old: UsageWindow, _ new: UsageWindow, at moment: Timestamp) -> Bool {
        guard let was = old.usedPercent, let now = new.usedPercent, now < was else { return false }
        guard let oldReset = old.resetsAt else { return false }
        if oldReset <= moment { return true }
        return new.resetsAt.map { $0 - oldReset > 600 } ?? true
    }
}
