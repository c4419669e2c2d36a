import Glibc
package import Platform

/// A process that a test started: its own session without a terminal, both outputs kept, killed at its deadline.
package final class Child: Sendable {
    /// What the process finds on descriptor 0.
    package enum Input: Sendable {
        case nothing
        case bytes([UInt8])
        /// A pipe that stays open until `closeInput()`.
        case open
    }

    private struct State: Sendable {
        var output: [UInt8] = []
        var error: [UInt8] = []
        var peakKilobytes = 0
        var ending: Outcome.Ending?
        var waiters: [Waiter] = []
        var input: Int32?
    }

    private struct Waiter: Sendable {
        let isSatisfied: @Sendable (_ output: [UInt8], _ error: [UInt8], _ hasEnded: Bool) -> Bool
        let continuation: CheckedContinuation<Void, Never>
    }

    package let pid: Int32
    package let arguments: [String]
    private let state: Guarded<State>

    /// - Parameters:
    ///   - descriptors: further descriptors of the process and what can be read from each.
    ///   - patience: nil for a server that the test stops.
    package init(
        _ path: String, _ arguments: [String], environment: [String: String], input: Input = .nothing, descriptors: [Int32: [UInt8]] = [:],
        patience: Duration? = .seconds(60)
    ) throws {
        var setup = SpawnSetup()
        let started: (pid: Int32, output: Int32, error: Int32, input: Int32?) = try SpawnSetup.alone {
            var inputEnd: Int32?
            switch input {
            case .nothing: setup.openNull(as: 0)
            case .bytes(let bytes): setup.attach(try Pipe.filled(with: bytes), as: 0)
            case .open:
                let pipe = try Pipe()
                setup.attach(pipe.reading, as: 0)
                inputEnd = pipe.writing
            }
            let output = try Pipe()
            let error = try Pipe()
            setup.attach(output.writing, as: 1)
            setup.attach(error.writing, as: 2)
            for (number, bytes) in descriptors { setup.attach(try Pipe.filled(with: bytes), as: number) }
            return (try setup.spawn(path, arguments, environment), output.reading, error.reading, inputEnd)
        }
        pid = started.pid
        self.arguments = arguments
        state = Guarded(State(input: started.input))
        try startThread { self.attend(started.output, started.error, patience) }
    }

    /// The end of the process.
    package func finish() async -> Outcome {
        await until { _, _, hasEnded in hasEnded }
        return state.withLock { state in
            Outcome(
                arguments: arguments, output: state.output, error: state.error, ending: state.ending ?? .outOfTime,
                peakKilobytes: state.peakKilobytes)
        }
    }

    /// The first whole line of an output that begins so, waited for; nil if the process ended without one.
    package func line(of stream: Terminal.Stream, startingWith prefix: String) async -> String? {
        @Sendable func found(_ bytes: [UInt8]) -> String? {
            String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                .first { $0.hasPrefix(prefix) }.map(String.init)
        }
        await until { output, error, hasEnded in hasEnded || found(stream == .output ? output : error) != nil }
        return state.withLock { found(stream == .output ? $0.output : $0.error) }
    }

    /// Waits until standard output holds a text so many times, also within a line.
    ///
    /// - Returns: false if the process ended without.
    package func shows(_ text: String, count: Int = 1) async -> Bool {
        @Sendable func isThere(_ bytes: [UInt8]) -> Bool {
            String(decoding: bytes, as: UTF8.self).split(separator: text, omittingEmptySubsequences: false).count > count
        }
        await until { output, _, hasEnded in hasEnded || isThere(output) }
        return state.withLock { isThere($0.output) }
    }

    /// Does nothing once the process has ended.
    package func signal(_ number: Int32) {
        state.withLock { state in
            if state.ending == nil { kill(pid, number) }
        }
    }

    /// SIGKILL, and the end waited for.
    package func stop() async {
        signal(SIGKILL)
        _ = await finish()
    }

    package func write(_ text: String) {
        guard let descriptor = state.withLock({ $0.input }) else { return }
        Pipe.write(Array(text.utf8), to: descriptor)
    }

    package func closeInput() {
        let descriptor = state.withLock { state in
            defer { state.input = nil }
            return state.input
        }
        if let descriptor { close(descriptor) }
    }

    /// What the process has written to its standard output until now.
    package var outputSoFar: String { state.withLock { String(decoding: $0.output, as: UTF8.self) } }

    /// What the process has written to its standard error until now.
    package var errorSoFar: String { state.withLock { String(decoding: $0.error, as: UTF8.self) } }

    package var hasEnded: Bool { state.withLock { $0.ending != nil } }

    /// Waits until the process has ended or the time is over.
    package func end(within patience: Duration) async -> Bool {
        let isLate = Guarded(false)
        let timer = Task {
            try await Task.sleep(for: patience)
            isLate.withLock { $0 = true }
            self.wakeAll()
        }
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                // A short time may be over before anybody waits.
                if state.ending != nil || isLate.withLock({ $0 }) { return true }
                state.waiters.append(Waiter(isSatisfied: { _, _, _ in false }, continuation: continuation))
                return false
            }
            if isOver { continuation.resume() }
        }
        timer.cancel()
        return hasEnded
    }

    private func wakeAll() {
        for waiter in state.withLock({ state in
            defer { state.waiters = [] }
            return state.waiters
        }) { waiter.continuation.resume() }
    }

    private func until(_ isSatisfied: @escaping @Sendable ([UInt8], [UInt8], Bool) -> Bool) async {
        while true {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    if isSatisfied(state.output, state.error, state.ending != nil) { return true }
                    state.waiters.append(Waiter(isSatisfied: isSatisfied, continuation: continuation))
                    return false
                }
                if isDone { continuation.resume() }
            }
            if state.withLock({ isSatisfied($0.output, $0.error, $0.ending != nil) }) { return }
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let satisfied = state.withLock { state in
            body(&state)
            let hasEnded = state.ending != nil
            let done = state.waiters.filter { hasEnded || $0.isSatisfied(state.output, state.error, hasEnded) }
            state.waiters.removeAll { hasEnded || $0.isSatisfied(state.output, state.error, hasEnded) }
            return done
        }
        for waiter in satisfied { waiter.continuation.resume() }
    }

    /// Reads both outputs to their ends, then takes the exit status.
    private func attend(_ output: Int32, _ error: Int32, _ patience: Duration?) {
        let begun = TimeSource.system.elapsed()
        let deadline = patience.map { begun + $0 * Instrumentation.slowness }
        var open = [output, error]
        var isOutOfTime = false
        while !open.isEmpty {
            let left = deadline.map { $0 - TimeSource.system.elapsed() }
            if let left, left <= .zero {
                if isOutOfTime { break }
                isOutOfTime = true
                kill(-pid, SIGKILL)
                kill(pid, SIGKILL)
            }
            // The memory is looked at often while the process works, and seldom when all it does is wait.
            let look = Duration.milliseconds(TimeSource.system.elapsed() - begun < .seconds(1) ? 3 : 50)
            let step = isOutOfTime ? Duration.seconds(2) : left == nil ? .seconds(3600) : look
            let ready = Poller.wait(open.map { Poller.Interest($0) }, step)
            let peak = ProcessFile.peakKilobytes(pid)
            if isOutOfTime && ready.isEmpty { break }
            for descriptor in ready.map({ open[$0] }) {
                let bytes = Pipe.read(descriptor)
                if bytes.isEmpty {
                    close(descriptor)
                    open.removeAll { $0 == descriptor }
                }
                change { state in
                    state.peakKilobytes = max(state.peakKilobytes, peak)
                    if descriptor == output { state.output += bytes } else { state.error += bytes }
                }
            }
        }
        for descriptor in open { close(descriptor) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        closeInput()
        let ending: Outcome.Ending =
            isOutOfTime ? .outOfTime : status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)
        change { $0.ending = ending }
    }
}
