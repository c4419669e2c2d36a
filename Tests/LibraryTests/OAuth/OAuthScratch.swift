import Foundation
import Platform
import Testing

/// A folder of one test, removed with it. Nothing of these tests ever stands in the real home.
final class OAuthScratch: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/oauth-" + Random.uuid()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func chmod(_ name: String, _ mode: Int) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path + "/" + name)
    }

    func names(_ folder: String) -> [String] { ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted() }
}

/// A clock that moves only when it is told to, or when somebody sleeps.
final class OAuthClock: Sendable {
    private struct State {
        var wall = 1_790_000_000_000
        var elapsed = Duration.seconds(1000)
        var slept: [Duration] = []
    }

    private let state = Guarded(State())
    /// Where sleeping does not move the clock, it passes here, so that a test sees that somebody waits.
    private let sleeper: (@Sendable () async -> Void)?

    init(sleeper: (@Sendable () async -> Void)? = nil) { self.sleeper = sleeper }

    init(startingAt wall: Timestamp) {
        sleeper = nil
        state.withLock { $0.wall = Int(wall.milliseconds) }
    }

    var now: Timestamp { state.withLock { Timestamp(milliseconds: Int64($0.wall)) } }
    var slept: [Duration] { state.withLock { $0.slept } }

    func advance(_ seconds: Int) {
        state.withLock {
            $0.wall += seconds * 1000
            $0.elapsed += .seconds(seconds)
        }
    }

    /// Sets the clock on the wall; what has passed since the boot stays what it is.
    func jump(_ seconds: Int) { state.withLock { $0.wall += seconds * 1000 } }

    var source: TimeSource {
        TimeSource(
            now: { self.now }, elapsed: { self.state.withLock { $0.elapsed } },
            sleep: { pause in
                if let sleeper = self.sleeper { return await sleeper() }
                // Who waits for a lock looks again after so long: the one who has it works in real time, and must get some of it before
                // a whole patience has gone by here.
                if pause <= .milliseconds(50) { try? await Task.sleep(for: .milliseconds(2)) }
                self.state.withLock {
                    $0.slept.append(pause)
                    $0.elapsed += pause
                    $0.wall += Int(pause.components.seconds) * 1000 + Int(pause.components.attoseconds / 1_000_000_000_000_000)
                }
            })
    }
}

/// The value of something that must not wait for ever; nil if it does, so that the test fails instead of hanging.
func oauthWithin<R: Sendable>(_ limit: Duration = .seconds(15), _ body: @escaping @Sendable () async -> R) async -> R? {
    let first = Guarded<CheckedContinuation<R?, Never>?>(nil)
    @Sendable func finish(_ value: R?) {
        let waiter = first.withLock { waiter -> CheckedContinuation<R?, Never>? in
            defer { waiter = nil }
            return waiter
        }
        waiter?.resume(returning: value)
    }
    let timer = Guarded<Task<Void, Never>?>(nil)
    defer { timer.withLock { $0?.cancel() } }
    return await withCheckedContinuation { continuation in
        first.withLock { $0 = continuation }
        Task { finish(await body()) }
        let watch = Task {
            try? await Task.sleep(for: limit)
            finish(nil)
        }
        timer.withLock { $0 = watch }
    }
}

/// Holds whoever passes until it is opened, and tells when somebody has come.
final class OAuthGate: Sendable {
    private struct State {
        var isOpen = false
        var arrivals = 0
        var held: [CheckedContinuation<Void, Never>] = []
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Guarded(State())

    func pass() async {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state -> [CheckedContinuation<Void, Never>] in
                state.arrivals += 1
                let seen = state.watchers.filter { $0.count <= state.arrivals }.map(\.continuation)
                state.watchers.removeAll { $0.count <= state.arrivals }
                if state.isOpen { return seen + [continuation] }
                state.held.append(continuation)
                return seen
            }
            for waiter in ready { waiter.resume() }
        }
    }

    func open() {
        let held = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.isOpen = true
            defer { state.held = [] }
            return state.held
        }
        for waiter in held { waiter.resume() }
    }

    /// Returns when that many have come.
    func arrived(_ count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state -> Bool in
                if state.arrivals >= count { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
