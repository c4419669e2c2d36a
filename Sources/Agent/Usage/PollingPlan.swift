import Platform
import Providers

/// When an account's provider is asked for its usage: pure rules over a `PollRecord`, a clock reading and a chance.
struct PollingPlan: Sendable {
    /// Why somebody wants to know.
    enum Wish: Sendable, Equatable {
        /// By the plan and nobody's order: the agent.
        case scheduled
        /// A person looks; what the plan holds is good enough.
        case look
        /// A person wants a new reading, if the floor allows it; one that was taken since they asked is new.
        case refresh(askedAt: Timestamp)
    }

    let rule: PollingRule
    /// `usage.pollSeconds`.
    let pollSeconds: Int
    /// Between 0 and 1, new for each decision.
    var chance = PollingPlan.anyChance

    static let anyChance: @Sendable () -> Double = { Double(Random.bytes(2).reduce(0) { $0 << 8 | Int($1) }) / 65535 }

    /// The longest pause that failures lead to by themselves; a server may name up to a day.
    static let longestPause = 1800
    static let longestOrder = 86400
    /// A clock that was set back shows by a request from the future.
    private static let clockTolerance = 5

    /// The pause between two good polls, before chance.
    var interval: Int { max(pollSeconds, rule.floorSeconds) }

    /// Whether the provider is asked now.
    ///
    /// - Parameter generation: of the account's tokens, as auth.json says it.
    func isDue(_ record: PollRecord, _ wish: Wish, generation: Int, now: Timestamp) -> Bool {
        guard let requestedAt = record.requestedAt else {
            // Never asked: due, unless the agent has found out lately that nothing can be sent.
            return wish != .scheduled || record.nextPollAt.map { now >= $0 || $0 - now > PollingPlan.longestOrder } ?? true
        }
        // The clock was wrong then, or is now. What is not known binds nobody.
        if requestedAt - now > PollingPlan.clockTolerance { return true }
        guard now >= earliest(record, requestedAt) else { return false }
        switch wish {
        case .refresh(let askedAt): return requestedAt < askedAt
        case .look where record.failure?.isUnsent == true: return true
        case .look, .scheduled: return hasNewLogin(record, generation) || record.nextPollAt.map { now >= $0 } ?? true
        }
    }

    /// A refused login is asked about again as soon as there is another.
    func hasNewLogin(_ record: PollRecord, _ generation: Int) -> Bool {
        guard let failure = record.failure, !failure.isUnsent, failure.bucket == .auth else { return false }
        return generation > record.generation
    }

    /// Before this moment nobody asks.
    private func earliest(_ record: PollRecord, _ requestedAt: Timestamp) -> Timestamp {
        max(requestedAt + rule.floorSeconds, record.notBefore ?? requestedAt)
    }

    /// Seconds until the floor lets a request pass; 0 or less where it does.
    func wait(_ record: PollRecord, now: Timestamp) -> Int { record.requestedAt.map { earliest(record, $0) - now } ?? 0 }

    /// When the agent should look again; now where it should at once.
    func next(_ record: PollRecord, generation: Int, now: Timestamp) -> Timestamp {
        if isDue(record, .scheduled, generation: generation, now: now) { return now }
        let planned = hasNewLogin(record, generation) ? now : record.nextPollAt ?? now
        return max(planned, record.requestedAt.map { earliest(record, $0) } ?? now)
    }

    // MARK: - After a poll

    func succeeded(_ record: inout PollRecord, _ content: UsageReading.Content, now: Timestamp) {
        record.reading = PollRecord.Reading(fetchedAt: now.wholeSeconds, content: content)
        record.failure = nil
        record.failures = 0
        record.bucket = content.bucket
        record.notBefore = nil
        record.nextPollAt = now.wholeSeconds + spread(interval, below: true)
    }

    /// - Parameter retryAfter: seconds that the server named.
    func failed(_ record: inout PollRecord, _ failure: PollRecord.Failure, retryAfter: Int?, now: Timestamp) {
        record.failure = failure
        if failure.code != "network", !failure.isUnsent || failure.bucket == .auth { record.bucket = failure.bucket }
        record.failures = min(record.failures + 1, 1000)
        let isRefused = failure.code == "rate_limited"
        let first = isRefused ? max(interval, rule.refusalSeconds) : interval
        // The first failure costs one interval, each further one half as much again, up to half an hour (or one interval).
        var pause = Double(first)
        for _ in 1..<max(1, min(record.failures, 40)) { pause *= 1.5 }
        let longest = max(PollingPlan.longestPause, first)
        let ordered = min(retryAfter ?? 0, PollingPlan.longestOrder)
        let seconds = max(spread(min(Int(min(pause, 1e6)), longest), below: false), ordered > 0 ? spread(ordered, below: false) : 0)
        record.nextPollAt = now.wholeSeconds + seconds
        // What the server wants binds everybody; our own caution only the plan.
        record.notBefore = isRefused ? record.nextPollAt : ordered > 0 ? now.wholeSeconds + ordered : nil
    }

    /// A tenth more or less by chance, so that many accounts do not ask together; never less than the floor.
    private func spread(_ seconds: Int, below: Bool) -> Int {
        let share = (below ? chance() * 2 - 1 : chance()) / 10
        return max(rule.floorSeconds, seconds + Int((Double(seconds) * share).rounded()))
    }
}
