import Platform
import TestSupport
import Testing

@Suite(
    "Unlocking the desktop keyring",
    .enabled(if: ScriptedKeyring.isPossible, "needs dbus-daemon and a Python with dbus-next: run `make test`, or set AUA_PYTHON"))
struct KeyringUnlockTests {
    private func withLogin(_ body: (Scene, ScriptedKeyring, _ token: String) async throws -> Void) async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            try await scene.login()
            let token = try await scene.require("token", "codex").text
            try await keyring.set("locked=yes")
            try await keyring.forgetCalls()
            try await body(scene, keyring, token)
        }
    }

    @Test("With --unlock a person is asked once, may take longer than a service may, and then the command goes on")
    func patience() async throws {
        try await withLogin { scene, keyring, token in
            try await keyring.set("prompt=wait")
            let command = try scene.start(["token", "codex", "--unlock"])
            try await keyring.wait(for: "Prompt")
            #expect(await !command.end(within: .milliseconds(3500)), "it waits for the person")
            try await keyring.answerPrompt()
            let outcome = await scene.finish(command)
            #expect(outcome.status == 0 && outcome.text == token, "\(outcome)")
            #expect(try await keyring.count("Prompt") == 1)
            #expect(try await scene.require("token", "codex").text == token, "it stays unlocked")
        }
    }

    @Test("A person who says no is asked once by each command, and it is exit 4 with nothing lost")
    func refused() async throws {
        try await withLogin { scene, keyring, token in
            let before = scene.home.stores()
            for (number, command) in [["token", "codex", "--unlock"], ["vault", "unlock"], ["auth", "logout", "codex", "--unlock"]]
                .enumerated()
            {
                let outcome = try await scene.run(command + ["--json"])
                Refusal(4, "vault_locked", "the desktop keyring is locked", "no dialog appeared, or it was dismissed").check(outcome)
                #expect(!outcome.complaint.contains("ai-usage-agent vault unlock"), "no way round in a circle: \(outcome)")
                #expect(try await keyring.count("Prompt") == number + 1, "\(outcome)")
            }
            try await keyring.heal()
            #expect(scene.home.stores() == before)
            #expect(try await scene.require("token", "codex").text == token)
        }
    }

    @Test("vault unlock lets the service ask, and asks nobody where it is unlocked")
    func unlock() async throws {
        try await withLogin { scene, keyring, token in
            try await keyring.set("prompt=complete")
            for _ in 0..<2 {
                let outcome = try await scene.require("vault", "unlock", "--json")
                #expect(outcome.json["unlocked"] == true)
            }
            #expect(try await keyring.count("Prompt") == 1)
            #expect(try await scene.require("token", "codex").text == token)
        }
    }

    @Test("A first login may unlock the keyring that it is going to use")
    func firstLogin() async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            try await keyring.set("locked=yes", "prompt=complete")
            try await scene.login("codex", ["--unlock"])
            #expect(try await keyring.count("Prompt") == 1)
            #expect(try await scene.require("vault", "status", "--json").json["backend"] == "keyring")
        }
    }
}
