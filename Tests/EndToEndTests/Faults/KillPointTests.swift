import Glibc
import Platform
import TestSupport
import Testing

/// What became of a login after many kills.
private struct Tally: Sendable {
    var kills = 0
    var places: Set<String> = []
    var missed: [String] = []
    var inWindow = 0
    var lost = 0
    var lostAt: [String: Int] = [:]
    var secondPosts = 0
    var recoveries: [Duration] = []

    func median() -> Duration { recoveries.sorted()[recoveries.count / 2] }
}

@Suite("kill -9 at every call of a refresh", .enabled(if: Scene.canStrike, "needs strace, and root to attach it"))
struct KillPointTests {
    /// A login that was refreshed once, so that its journal is there.
    private func withScene<R>(_ grace: String, _ keyring: Bool, _ body: (Scene) async throws -> R) async throws -> R {
        try await Scene.with(["--grace", grace], start: keyring ? .empty : .login) { scene in
            let session = keyring ? try await KeyringSession(scene.home) : nil
            do {
                if let session {
                    scene.variables.withLock { $0["DBUS_SESSION_BUS_ADDRESS"] = session.address }
                    try await scene.login()
                }
                try await scene.require("auth", "refresh", "codex")
                let result = try await body(scene)
                await session?.stop()
                return result
            } catch {
                await session?.stop()
                throw error
            }
        }
    }

    /// The calls of an undisturbed flight, and its window.
    private func watch(_ grace: String, _ threads: FaultThreads, keyring: Bool) async throws -> (points: [FaultPoint], window: String) {
        try await withScene(grace, keyring) { (scene: Scene) async throws -> (points: [FaultPoint], window: String) in
            let points = try await FaultPoint.all(scene, [(.lock, threads), (.answer, .transport), (.answer, .flight)])
            return (points, try await self.window(scene))
        }
    }

    /// The window of which the documents speak, undisturbed but for the stops at a few calls.
    private func window(_ scene: Scene) async throws -> String {
        var whole: [Double] = []
        var ours: [Double] = []
        for _ in 0..<5 {
            let (_, trace) = try await scene.strike(.lock, .all, ["-e", "trace=sendto,recvfrom,pwrite64,fdatasync", "--seccomp-bpf"])
            let request = trace.request?.begin
            let result = trace.result?.begin ?? .infinity
            // Before it, in time: the keyring's helper receives something too.
            let answer = trace.calls.last { $0.name == "recvfrom" && $0.begin < result }?.end
            guard let request, let answer, let durable = trace.calls.first(where: { $0.name == "fdatasync" && $0.begin > result })?.end
            else { continue }
            whole.append((durable - request) * 1000)
            ours.append((durable - answer) * 1000)
        }
        func range(_ values: [Double]) -> String {
            "\(Int((values.min() ?? 0) * 100).hundredths)-\(Int((values.max() ?? 0) * 100).hundredths) ms"
        }
        #expect(!whole.isEmpty)
        return "request sent to RESULT durable \(range(whole)), of which answer read to RESULT durable \(range(ours))"
    }

    /// Kills one flight, lets the next commands find what it left, and counts.
    private func strike(_ point: FaultPoint, _ scene: Scene, isStrict: Bool, expired: Bool, _ tally: Guarded<Tally>) async throws {
        if expired {
            try await scene.provider.misbehave("expires-negative")
            let outcome = try await scene.require("auth", "refresh", "codex", "--json")
            let expiry = outcome.json["results"].array?.first?["expiresAt"].string.flatMap(Timestamp.init)
            while let expiry, TimeSource.system.now() < expiry { await TimeSource.system.sleep(.milliseconds(20)) }
        }
        let before = try await scene.provider.statistics()
        let (outcome, trace) = try await scene.strike(point.gate, point.threads, point.options("signal=KILL"))
        guard let hit = trace.killed(at: point.call, point.ordinal), outcome.ending == .signalled(SIGKILL) else {
            // The flight went another way through its threads: it must have succeeded.
            #expect(outcome.status == 0, "\(point): \(outcome)")
            return tally.withLock { $0.missed.append("\(point)") }
        }
        // Sent, and no RESULT in the journal: what was written before a kill is there for the next process, synced or not.
        let wasSent = point.gate == .answer || trace.request?.end != nil
        let isInWindow = wasSent && trace.result?.end == nil

        let begun = TimeSource.system.elapsed()
        let token = try await scene.run("token", "codex", "--json")
        let took = TimeSource.system.elapsed() - begun
        let refresh = try await scene.run("auth", "refresh", "codex", "--json")
        let after = try await scene.provider.statistics()
        let isLost = refresh.status == 3 || token.status == 3
        func grown(_ name: String) -> Int { (after[name] ?? 0) - (before[name] ?? 0) }

        if isLost {
            #expect(isStrict && isInWindow, "lost: \(point), killed at \(hit.text)\n\(token)\n\(refresh)")
        } else {
            #expect(token.status == 0, "\(point): \(token)")
            #expect(refresh.status == 0, "\(point): \(refresh)")
            #expect(grown("reused") == 0, "\(point): \(after)")
        }
        // One request for each token, and one more for the outcome that nobody knows.
        #expect(grown("bodiesSeenTwice") <= (isInWindow ? 1 : 0), "\(point), killed at \(hit.text): \(after)")
        tally.withLock { tally in
            tally.kills += 1
            tally.places.insert("\(point.gate) \(point.threads) \(point.call) \(point.ordinal)")
            if isInWindow { tally.inWindow += 1 }
            if isLost {
                tally.lost += 1
                tally.lostAt[point.call, default: 0] += 1
            }
            tally.secondPosts += grown("bodiesSeenTwice")
            tally.recoveries.append(took)
        }
        if isLost { try await scene.login() }
        try await scene.require("auth", "refresh", "codex")
    }

    private func campaign(
        _ grace: String, _ points: [FaultPoint], _ title: String, window: String, lanes: Int = 4, keyring: Bool = false
    ) async throws {
        let tally = Guarded(Tally())
        try await inLanes(points, lanes) { share in
            try await withScene(grace, keyring) { scene in
                for (index, point) in share {
                    try await strike(point, scene, isStrict: grace == "0", expired: index % 5 == 4, tally)
                }
            }
        }
        report(tally.withLock { $0 }, points, title, window)
    }

    private func report(_ tally: Tally, _ points: [FaultPoint], _ title: String, _ window: String) {
        print(
            "T1 \(title): \(points.count) injection points, \(tally.kills) kills seen in the trace, \(tally.missed.count) missed; "
                + "\(tally.lost) lost of \(tally.inWindow) in the window \(tally.lostAt); \(tally.secondPosts) second requests; recovery "
                + "median \(tally.median()), longest \(tally.recoveries.max() ?? .zero). Window: \(window)")
        for missed in tally.missed { print("T1 \(title) missed: \(missed)") }
        #expect(tally.kills >= points.count * 9 / 10, "\(tally.missed)")
        #expect(tally.median() < .seconds(1) * Instrumentation.slowness)
        #expect(tally.recoveries.max() ?? .zero < .seconds(5))
    }

    @Test(
        "A refresh that is killed at any call loses no login where the server gives grace, and without grace only between the rotation and RESULT",
        arguments: ["30", "0"])
    func file(_ grace: String) async throws {
        let (all, window) = try await watch(grace, .all, keyring: false)
        #expect(all.count > 150, "\(all.count)")
        // Elsewhere grace makes no difference: a sample.
        let points =
            grace == "0" && !FaultPoint.isLong
            ? all.enumerated().filter { $0.element.isNearWindow || $0.offset % 12 == 0 }.map(\.element) : all
        try await campaign(grace, points, "file, grace \(grace)", window: window)
    }

    @Test(
        "The same with the desktop keyring, at a sample of the calls",
        .enabled(if: KeyringSession.isPossible, "needs dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool"))
    func keyring() async throws {
        // The helper's calls are its own: only threads that are there at the gate are looked at.
        let (all, window) = try await watch("30", .flight, keyring: true)
        let step = FaultPoint.isLong ? 1 : all.count / 16
        let points = all.enumerated().filter { $0.offset % step == 0 }.map(\.element)
        try await campaign("30", points, "keyring, grace 30", window: window, lanes: 2, keyring: true)
    }
}

extension Int {
    fileprivate var hundredths: String { "\(self / 100).\(self % 100 < 10 ? "0" : "")\(self % 100)" }
}
