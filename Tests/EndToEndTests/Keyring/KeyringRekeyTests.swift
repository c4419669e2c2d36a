import Platform
import TestSupport
import Testing

@Suite(
    "A keyring vault gets another key",
    .enabled(if: KeyringSession.isPossible, "needs dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool (make test installs them)"))
struct KeyringRekeyTests {
    /// The identities among the items: what secret-tool prints of them.
    private func identities(_ session: KeyringSession) async throws -> [String] {
        try await session.items().matches(of: /AGE-SECRET-KEY-1[0-9A-Z]+/).map { String($0.output) }
    }

    @Test("With its key in the keyring there is one key item afterwards, the new one, and every token is the same")
    func keyring() async throws {
        try await VaultKind.keyring.with { scene, session in
            let session = try #require(session)
            let before = try await scene.contents()
            let (old, recipient) = (try await identities(session), try scene.recipient())
            #expect(old.count == 1)
            let outcome = try await scene.run("vault", "rekey", "--json")
            #expect(outcome.status == 0 && outcome.json["warning"].isNull, "\(outcome)")
            #expect(outcome.json["identitySource"] == "keyring" && outcome.json["accounts"] == 2)
            let new = try await identities(session)
            #expect(new.count == 1 && new != old)
            #expect(try scene.recipient() != recipient)
            #expect(try await scene.contents() == before)
            try await scene.refreshAll(["ada", "bob"])
        }
    }

    @Test("With a key file the file changes and the items stay as they are")
    func keyFile() async throws {
        try await VaultKind.keyringWithKeyFile.with { scene, session in
            let session = try #require(session)
            let (before, items) = (try await scene.contents(), try await session.items())
            let key = try scene.home.read(scene.home.keyFile)
            try await scene.require("vault", "rekey")
            #expect(try scene.home.read(scene.home.keyFile) != key)
            #expect(try await session.items() == items)
            #expect(try await scene.contents() == before)
            try await scene.refreshAll(["ada", "bob"])
        }
    }

    @Test("A refusal that is remembered is still recognised: the dead token is not sent a second time")
    func refusedFingerprint() async throws {
        try await VaultKind.keyring.with(["ada"]) { scene, _ in
            try await scene.provider.revokeAll()
            #expect(try await scene.run("auth", "refresh", "codex").status == 3)
            let requests = try await scene.provider.statistics()["refreshRequests"]
            try await scene.require("vault", "rekey")
            #expect(try await scene.run("auth", "refresh", "codex").status == 3)
            #expect(try await scene.provider.statistics()["refreshRequests"] == requests)
        }
    }

    @Test("A key that moves out of the keyring into a file is not left behind, and can move back")
    func moveOut() async throws {
        try await VaultKind.keyring.with(["ada"]) { scene, session in
            let session = try #require(session)
            let before = try await scene.contents()
            let moved = try await scene.run("vault", "migrate", "--to", "keyring", "--identity", "key-file", "--json")
            #expect(moved.status == 0 && moved.json["identitySource"] == "key-file" && moved.json["warning"].isNull, "\(moved)")
            #expect(try await identities(session) == [])
            #expect(try await AgeKey(of: scene.home.keyFile).recipient == scene.recipient())
            #expect(try await scene.contents() == before)
            try await scene.require("auth", "refresh", "codex")
            try await scene.require("vault", "migrate", "--to", "keyring", "--identity", "keyring")
            #expect(try await identities(session).count == 1)
            try scene.home.delete(scene.home.keyFile)
            try await scene.require("auth", "refresh", "codex")
        }
    }
}
