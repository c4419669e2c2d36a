import Platform
import TestSupport
import Testing

@Suite(
    "Many processes at one desktop keyring",
    .enabled(if: KeyringSession.isPossible, "needs dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool (make test installs them)"))
struct KeyringRaceTests {
    @Test("128 processes that need a token of an expired account make exactly one request, and every one gets the same token")
    func manyProcesses() async throws {
        try await Scene.withKeyring(KeyringSession.self) { scene, _ in
            try await scene.loginExpired()
            #expect(try await scene.require("vault", "status", "--json").json["backend"] == "keyring")
            let children = try (0..<128).map { _ in try scene.start(["token", "codex"]) }
            var printed: Set<String> = []
            var failures: [Outcome] = []
            for child in children {
                let outcome = await child.finish()
                if outcome.status == 0 { printed.insert(outcome.text) } else { failures.append(outcome) }
            }
            #expect(failures.isEmpty, "\(failures.count) of 128: \(failures.first.map { "\($0)" } ?? "")")
            #expect(printed.count == 1)
            #expect(try await scene.provider.tokens().contains(printed.first ?? ""))
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshRequests"] == 1 && statistics["rotations"] == 1, "\(statistics)")
            // A hundred helpers would have wanted more turns than there are.
            let turns = (0..<9).map { scene.home.exists(scene.home.data + "/locks/keyring-\($0)") }
            #expect(turns == Array(repeating: true, count: 8) + [false], "\(turns)")
        }
    }
}
