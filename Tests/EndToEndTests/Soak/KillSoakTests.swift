import Platform
import TestSupport
import Testing

@Suite("kill -9 at random, against a server that ends a login at the second use of a token")
struct KillSoakTests {
    enum Grace: String, CaseIterable, Sendable {
        case some = "30"
        case none = "0"
    }

    @Test(
        "In a sealed file: no login is lost with grace, and without it only where the new token was on no disk", arguments: Grace.allCases)
    func file(_ grace: Grace) async throws {
        try await Scene.with(["--grace", grace.rawValue], start: .vault) { scene in
            try await soak(scene, "file", grace, Soak.isOn ? .init(refreshes: 5000, kills: 2500) : .init(refreshes: 250, kills: 125))
        }
    }

    @Test(
        "In the desktop keyring: the same",
        .enabled(if: Soak.isOn, "runs with make soak"),
        .enabled(if: KeyringSession.isPossible, "needs dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool"),
        arguments: Grace.allCases)
    func keyring(_ grace: Grace) async throws {
        try await Scene.withKeyring(KeyringSession.self, flags: ["--grace", grace.rawValue]) { scene, _ in
            try await soak(scene, "keyring", grace, .init(refreshes: 1000, kills: 500))
        }
    }

    /// Two accounts at once: each has half of the plan.
    private func soak(_ scene: Scene, _ backend: String, _ grace: Grace, _ plan: KillSoak.Plan) async throws {
        let people = ["ada", "bob"]
        for person in people { try await scene.login("codex", as: person) }
        let begin = TimeSource.system.elapsed()
        let share = KillSoak.Plan(
            refreshes: (plan.refreshes + 1) / people.count, kills: (plan.kills + people.count - 1) / people.count)
        let total = try await withThrowingTaskGroup(of: SoakTally.self) { group in
            for (index, person) in people.enumerated() {
                group.addTask {
                    try await KillSoak(scene: scene, person: person, plan: share, hasGrace: grace == .some).run(seed: 2026 + UInt64(index))
                }
            }
            return try await group.reduce(SoakTally(), +)
        }
        let seconds = (TimeSource.system.elapsed() - begin).components.seconds
        print("soak: \(backend), grace \(grace.rawValue) s, \(seconds) s: \(total)")

        #expect(total.grants >= plan.refreshes && total.kills >= plan.kills, "\(total)")
        #expect(total.intents > 0 && total.results > 0, "kills met every part of a refresh: \(total)")
        let statistics = try await scene.provider.statistics()
        #expect(total.lost == (grace == .some ? 0 : total.windows), "\(total) \(statistics)")
        #expect(statistics["familiesRevoked"] == total.lost, "\(total) \(statistics)")
        #expect(
            (statistics["bodiesSeenTwice"] ?? .max) <= total.unknown,
            "a token is sent again once for each unknown outcome: \(total) \(statistics)")
        #expect(statistics["graceReplays"].map { $0 <= total.unknown } == true)
        let left = try scene.home.entries().filter { $0.path.contains("/.tmp-") }
        #expect(left.isEmpty, "what a crash left is swept: \(left)")
    }
}
