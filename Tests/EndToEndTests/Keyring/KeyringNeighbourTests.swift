import Platform
import TestSupport
import Testing

@Suite("Two vaults in one keyring", .enabled(if: KeyringSession.isPossible, "the keyring's programs are missing (make test installs them)"))
struct KeyringNeighbourTests {
    /// A scene with ada in the keyring, and another home of the same person with bob in it.
    private func withTwo(_ body: (Scene, OtherHome, KeyringSession) async throws -> Void) async throws {
        try await Scene.withKeyring(KeyringSession.self) { scene, session in
            try await scene.login("codex", as: "ada")
            try await OtherHome.with(scene, initialization: ["--backend", "keyring"]) { other in
                try await other.login(as: "bob")
                #expect(try await session.itemCount() == 4, "two accounts, two keys")
                try await body(scene, other, session)
            }
        }
    }

    private func emails(_ list: JSONValue) -> [String] { (list["accounts"].array ?? []).compactMap { $0["email"].string } }

    @Test("A migration moves and removes its own accounts, and the other vault goes on", arguments: [0, 1])
    func migration(_ which: Int) async throws {
        try await withTwo { scene, other, session in
            let line = ["vault", "migrate", "--to", "file", "--identity", "key-file", "--json"]
            let moved = which == 0 ? try await scene.run(line) : try await other.run(line)
            #expect(moved.status == 0 && moved.json["accounts"] == 1, "\(moved)")
            #expect(try await session.itemCount() == 2)
            try await scene.require("auth", "refresh", "codex")
            try await other.require(["auth", "refresh", "codex"])
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshGrants"] == 2 && statistics["refused"] == 0, "\(statistics)")
        }
    }

    @Test("What changes a vault as a whole takes nothing of the other's", arguments: [["adopt"], ["rekey"], ["export"]])
    func maintenance(_ command: [String]) async throws {
        try await withTwo { scene, other, session in
            var line = ["vault"] + command + ["--json"]
            if command == ["export"] {
                let key = try await AgeKey(at: scene.home.path + "/seal.txt")
                line += ["--recipient", key.recipient, "--output", scene.home.path + "/out.age"]
            }
            let outcome = try await scene.run(line)
            #expect(outcome.status == 0, "\(outcome)")
            if command != ["adopt"] { #expect(outcome.json["accounts"] == 1, "\(outcome)") }
            #expect(emails(try await scene.require("auth", "list", "--json").json) == ["ada@example.org"])
            #expect(try await session.itemCount() == 4)
            try await scene.require("auth", "refresh", "codex")
            try await other.require(["auth", "refresh", "codex"])
            #expect(try await scene.provider.statistics()["refused"] == 0)
        }
    }
}
