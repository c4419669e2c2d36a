import TestSupport

/// What the kills of one account came to.
struct SoakTally: Sendable, CustomStringConvertible {
    /// Processes that were started to refresh, and answers with tokens that the server gave.
    var refreshes = 0
    var grants = 0
    /// Processes that were killed before their end, and those that had ended by then.
    var kills = 0
    var misses = 0
    /// What lay in the journal after a kill.
    var before = 0
    var intents = 0
    var results = 0
    /// Requests of which nobody wrote down what became: each allows one more.
    var unknown = 0
    /// Kills between the server's rotation and the durable RESULT.
    var windows = 0
    var lost = 0
    /// Losses and tokens that nothing explains.
    var unexplained = 0
    /// RESULTs that `token` committed.
    var completed = 0
    var recoveries = Longest()
    /// How long a refresh takes, in microseconds.
    var pace = 0

    struct Longest: Sendable {
        private(set) var value = Duration.zero
        mutating func note(_ length: Duration) { value = max(value, length) }
    }

    mutating func note(_ hit: Bool, _ content: JournalFile.Content) {
        if hit { kills += 1 } else { misses += 1 }
        switch content {
        case .empty: before += 1
        case .intent: intents += 1
        case .result: results += 1
        }
    }

    static func + (one: SoakTally, other: SoakTally) -> SoakTally {
        var sum = one
        sum.refreshes += other.refreshes
        sum.grants += other.grants
        sum.kills += other.kills
        sum.misses += other.misses
        sum.before += other.before
        sum.intents += other.intents
        sum.results += other.results
        sum.unknown += other.unknown
        sum.windows += other.windows
        sum.lost += other.lost
        sum.unexplained += other.unexplained
        sum.completed += other.completed
        sum.recoveries.note(other.recoveries.value)
        sum.pace = max(one.pace, other.pace)
        return sum
    }

    var description: String {
        let share = kills == 0 ? 0 : Double(windows) / Double(kills + misses)
        let length = share * Double(pace) / 1000
        return """
            \(refreshes) refreshes, \(grants) granted; \(kills) kills hit, \(misses) came late; found empty \(before), INTENT \(intents), \
            RESULT \(results); \(windows) in the unavoidable window of about \(Int(length * 10) / 10).\(Int(length * 10) % 10) ms of \
            \(pace / 1000) ms; \(lost) lost, \(unexplained) of them unexplained; \(completed) committed without a request; \
            slowest recovery \(recoveries.value)
            """
    }
}

/// How long a refresh takes at present: kills are spread over that.
struct SoakPace {
    private var recent: [Int] = []

    mutating func note(_ length: Duration) {
        let (seconds, attoseconds) = length.components
        recent.append(Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000))
        if recent.count > 9 { recent.removeFirst() }
    }

    /// The median of the last ones: on a busy machine some take much longer.
    var microseconds: Int { max(1000, recent.sorted()[recent.count / 2]) }
}

/// Numbers that are the same in every run (Knuth's MMIX constants).
struct SeededNumbers {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next(below limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % limit
    }
}
