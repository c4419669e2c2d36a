import Platform

/// A clock that stands still until somebody sleeps: a sleep moves it on and takes no time.
final class SteppingClock: Sendable {
    private struct State {
        var elapsed = Duration.zero
        var sleeps = 0
    }

    private let state = Guarded(State())
    private let now: Timestamp
    private let onSleep: @Sendable (Int) -> Void

    /// - Parameter onSleep: called with the number of the sleep, from 1 on, before the sleeper goes on.
    init(now: Timestamp = Timestamp(seconds: 1_795_251_959), onSleep: @escaping @Sendable (Int) -> Void = { _ in }) {
        self.now = now
        self.onSleep = onSleep
    }

    var elapsed: Duration { state.withLock { $0.elapsed } }
    var sleeps: Int { state.withLock { $0.sleeps } }

    var source: TimeSource {
        TimeSource(
            now: { [self] in now + Int(elapsed.components.seconds) },
            elapsed: { [self] in elapsed },
            sleep: { [self] duration in
                let number = state.withLock { state in
                    state.elapsed += duration
                    state.sleeps += 1
                    return state.sleeps
                }
                onSleep(number)
                await Task.yield()
            })
    }
}
