import Platform

/// A line on the terminal's stderr while something takes longer than 300 ms; gone when it is over.
final class Progress: Sendable {
    private struct State: Sendable {
        var done = 0
        var isShown = false
        var isOver = false
    }

    private let state = Guarded(State())
    private let what: String
    private let total: Int
    static let patience = Duration.milliseconds(300)

    /// - Parameter what: "asking 3 accounts".
    private init(_ what: String, _ total: Int) {
        self.what = what
        self.total = total
    }

    /// Runs the work; it may say how many of its parts are done.
    static func run<R: Sendable, E: Error>(
        _ what: String, of total: Int, isShown: Bool, _ work: (@escaping @Sendable (Int) -> Void) async throws(E) -> R
    ) async throws(E) -> R {
        guard isShown else { return try await work { _ in } }
        let progress = Progress(what, total)
        let timer = Task {
            await TimeSource.system.sleep(patience)
            if !Task.isCancelled { progress.show() }
        }
        defer {
            timer.cancel()
            progress.end()
        }
        return try await work { done in progress.advance(done) }
    }

    private func show() {
        state.withLock { state in
            guard !state.isOver else { return }
            state.isShown = true
            draw(state)
        }
    }

    private func advance(_ done: Int) {
        state.withLock { state in
            state.done = done
            if state.isShown, !state.isOver { draw(state) }
        }
    }

    private func draw(_ state: State) { Terminal.write("\r\(what): \(state.done) of \(total) …\u{1B}[K", to: .error) }

    private func end() {
        state.withLock { state in
            if state.isShown { Terminal.write("\r\u{1B}[K", to: .error) }
            state.isOver = true
        }
    }
}
