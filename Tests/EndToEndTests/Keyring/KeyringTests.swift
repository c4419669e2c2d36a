import Platform
import TestSupport
import Testing

@Suite(
    "A vault in the desktop keyring, with a real gnome-keyring on a private bus",
    .enabled(if: KeyringSession.isPossible, "needs dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool (make test installs them)"))
struct KeyringTests {
    private func withKeyring(_ body: (Scene, KeyringSession) async throws -> Void) async throws {
        try await Scene.withKeyring(KeyringSession.self, body)
    }

    @Test("A first login finds the keyring, pins it, and keeps one item per account and one for the identity")
    func login() async throws {
        try await withKeyring { scene, session in
            try await scene.login()
            let status = try await scene.require("vault", "status", "--json").json
            #expect(status["backend"] == "keyring" && status["identitySource"] == "keyring")
            #expect(!scene.home.exists(scene.home.sealedFile))
            let token = try await scene.require("token", "codex").text
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.require("token", "codex").text != token)
            try await scene.require("usage", "codex")

            let lines = try await session.items().split(separator: "\n")
            let attributes = Set(lines.filter { $0.hasPrefix("attribute.") }.compactMap { $0.split(separator: " ").first })
            #expect(attributes == ["attribute.app", "attribute.ref", "attribute.v"])
            #expect(lines.count { $0.hasPrefix("attribute.ref") } == 2)
            #expect(!lines.contains { $0.hasPrefix("label") && $0.contains("@") })

            try await scene.require("auth", "logout", "codex")
            let left = try await session.items().split(separator: "\n").count { $0.hasPrefix("attribute.ref") }
            #expect(left == 1, "only the identity is left")
        }
    }

    @Test("A locked keyring is exit 4 with the way out, is never taken for an empty one, and loses nothing")
    func locked() async throws {
        try await withKeyring { scene, session in
            try await scene.login()
            let token = try await scene.require("token", "codex").text
            try await session.lock()
            for arguments in [
                ["token", "codex", "--json"], ["auth", "refresh", "codex", "--json"], ["auth", "logout", "codex", "--json"],
            ] {
                let begun = TimeSource.system.elapsed()
                let outcome = try await scene.run(arguments)
                #expect(outcome.status == 4 && outcome.errorCode == "vault_locked", "\(outcome)")
                #expect(TimeSource.system.elapsed() - begun < KeyringFaultTests.limit)
            }
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.first?["status"] == "active")
            await session.stop()
            let gone = try await scene.run("token", "codex", "--json")
            #expect(gone.status == 4 && gone.errorCode == "vault_unavailable", "\(gone)")
            let again = try await KeyringSession(scene.home)
            scene.use(again.address)
            #expect(try await scene.require("token", "codex").text == token)
            await again.stop()
        }
    }

    @Test("Migration moves every account to a file and back, and removes what it leaves")
    func migrate() async throws {
        try await withKeyring { scene, session in
            for person in ["ada", "bob", "cyd"] { try await scene.login("codex", as: person) }
            let before = try await tokens(scene)
            let refused = try await scene.run("vault", "migrate", "--to", "file", "--json")
            #expect(refused.status == 64, "a file whose key is in the keyring: \(refused)")
            try await scene.require("vault", "migrate", "--to", "file", "--identity", "key-file")
            #expect(scene.home.exists(scene.home.sealedFile))
            #expect(try await tokens(scene) == before)
            #expect(try await !session.items().contains("attribute.ref"))
            try await scene.require("auth", "refresh", "codex", "--account", "bob@example.org")
            let after = try await tokens(scene)
            try await scene.require("vault", "migrate", "--to", "keyring")
            #expect(!scene.home.exists(scene.home.sealedFile))
            #expect(try await tokens(scene) == after)
            try await scene.require("auth", "refresh", "codex", "--account", "cyd@example.org")
        }
    }

    @Test("Where nobody has logged in to the desktop yet there is no default keyring: exit 4, nothing is made and nobody is asked")
    func fresh() async throws {
        func make(_ home: Home) async throws -> KeyringSession { try await KeyringSession(home, isFresh: true) }
        try await Scene.withKeyring(KeyringSession.self, making: make) { scene, _ in
            for command in [["vault", "init", "--backend", "keyring"], ["vault", "init"], ["auth", "login", "codex", "--no-open"]] {
                let begun = TimeSource.system.elapsed()
                Refusal(4, "vault_unavailable", "no default keyring", "ai-usage-agent vault init --backend file").check(
                    try await scene.run(command + ["--json"]))
                #expect(TimeSource.system.elapsed() - begun < KeyringFaultTests.limit)
            }
            #expect(scene.home.stores().isEmpty)
        }
    }

    private func tokens(_ scene: Scene) async throws -> [String] {
        var all: [String] = []
        for person in ["ada", "bob", "cyd"] {
            all.append(try await scene.require("token", "codex", "--account", "\(person)@example.org").text)
        }
        return all
    }
}
