import Glibc
import Platform
import Synchronization

/// The connections that are open, so that a test can wait until what a killed client has sent is dealt with.
final class Traffic: Sendable {
    private struct State {
        var open = 0
        var waiting = 0
    }

    private let state = Mutex(State())

    /// How many are open, with this one.
    func begin() -> Int {
        state.withLock { state in
            state.open += 1
            return state.open
        }
    }

    func end() { state.withLock { $0.open -= 1 } }

    /// Returns once nobody is being answered but those who wait here. Connections are accepted in their order, so that
    /// every request that was sent before this one is done then.
    ///
    /// - Returns: false if that did not come about in time.
    func settle(within patience: Duration) -> Bool {
        let deadline = TimeSource.system.elapsed() + patience
        state.withLock { $0.waiting += 1 }
        defer { state.withLock { $0.waiting -= 1 } }
        while state.withLock({ $0.open > $0.waiting }) {
            guard TimeSource.system.elapsed() < deadline else { return false }
            usleep(500)
        }
        return true
    }
}
