import Foundation
import Platform
import TestSupport
import Testing

@Suite(
    "An older copy of a keyring",
    .enabled(if: KeyringSession.isPossible, "needs dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool (make test installs them)"))
struct KeyringRollbackTests {
    /// Logs in, refreshes, and puts keyring and auth.json back as they were in between.
    private func withOlderCopy(_ body: (Scene) async throws -> Void) async throws {
        try await VaultKind.keyring.with { scene, session in
            let session = try #require(session)
            // The daemon looks for its files below $XDG_DATA_HOME.
            let (keyrings, kept) = (scene.home.path + "/data/keyrings", scene.home.path + "/kept")
            await session.stop()
            try scene.home.copy(keyrings, to: kept)
            let metadata = try scene.home.read(scene.home.metadataFile)
            func start() async throws -> KeyringSession {
                let session = try await KeyringSession(scene.home)
                scene.variables.withLock { $0["DBUS_SESSION_BUS_ADDRESS"] = session.address }
                return session
            }
            let between = try await start()
            do { try await scene.refreshAll(["ada", "bob"]) } catch {
                await between.stop()
                throw error
            }
            await between.stop()
            try scene.home.delete(keyrings)
            try scene.home.copy(kept, to: keyrings)
            try scene.home.write(metadata, to: scene.home.metadataFile)
            let after = try await start()
            do { try await body(scene) } catch {
                await after.stop()
                throw error
            }
            await after.stop()
        }
    }

    @Test("With an auth.json as old as it is, a refresh is refused: the state directory remembers")
    func refused() async throws {
        try await withOlderCopy { scene in
            let requests = try await scene.provider.statistics()["refreshRequests"]
            let outcome = try await scene.run("auth", "refresh", "codex", "--account", "ada", "--json")
            Refusal(65, "rollback_suspected", "generation", "vault adopt").check(outcome)
            let served = try await scene.run("token", "codex", "--account", "ada")
            #expect(served.status == 0 && served.errorText.contains("restored backup"), "\(served)")
            #expect(try await scene.provider.statistics()["refreshRequests"] == requests, "the old token was not spent")
            let audit = try await scene.run("auth", "doctor", "--json").json["findings"].array ?? []
            let troubles = audit.filter { $0["status"] == "warning" || $0["status"] == "error" }
            #expect(Set(troubles.compactMap { $0["id"].string }) == ["vault.rollback"], "\(troubles)")
            try await scene.require("vault", "adopt")
            #expect(try await scene.run("auth", "refresh", "codex", "--account", "ada").status == 3, "it was spent; the way on is a login")
            try await scene.login("codex", as: "ada")
            try await scene.require("auth", "refresh", "codex", "--account", "ada")
        }
    }

    @Test(
        "Nothing that changes the vault as a whole makes it forget that",
        arguments: [
            ["rekey"], ["migrate", "--to", "file", "--identity", "key-file"], ["migrate", "--to", "keyring", "--identity", "key-file"],
            ["import"],
        ])
    func remembered(_ command: [String]) async throws {
        try await withOlderCopy { scene in
            let requests = try await scene.provider.statistics()["refreshRequests"]
            if command == ["import"] {
                // Another account comes in, which is no reason to forget what is known of these.
                let key = try await AgeKey(at: scene.home.path + "/key.txt")
                let export = SyntheticExport(["eve"])
                try await key.seal(export.text, to: scene.home.path + "/eve.age")
                try await scene.require("vault", "import", scene.home.path + "/eve.age", "--identity-file", key.path)
            } else {
                Refusal(65, "rollback_suspected", "vault adopt").check(try await scene.run(["vault"] + command + ["--json"]))
            }
            let outcome = try await scene.run("auth", "refresh", "codex", "--account", "ada", "--json")
            Refusal(65, "rollback_suspected").check(outcome)
            #expect(try await scene.provider.statistics()["refreshRequests"] == requests, "the old token was not spent")
        }
    }
}
