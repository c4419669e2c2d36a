import Platform
import TestSupport
import Testing

@Suite(
    "Moving a vault into and out of a desktop keyring that fails",
    .enabled(if: ScriptedKeyring.isPossible, "needs dbus-daemon and a Python with dbus-next: run `make test`, or set AUA_PYTHON"))
struct KeyringMigrationTests {
    private static let people = ["ada", "bob"]

    private func tokens(_ scene: Scene) async throws -> [String] {
        var all: [String] = []
        for person in Self.people { all.append(try await scene.require("token", "codex", "--account", "\(person)@example.org").text) }
        return all
    }

    @Test(
        "Into one that cannot be used: exit 4 within 3.5 s, and the file is what it was",
        arguments: [KeyringFault.noBus, .stoppedBus, .emptyBus, .noDefault, .locked, .silentAtOpenSession, .refusesToSearch])
    func unusable(fault: KeyringFault) async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            try await scene.require("vault", "init", "--backend", "file", "--identity", "key-file")
            try await scene.login()
            let before = scene.home.stores()
            try await fault.during(scene, keyring) {
                let begun = TimeSource.system.elapsed()
                let outcome = try await scene.run("vault", "migrate", "--to", "keyring", "--json")
                #expect(TimeSource.system.elapsed() - begun < KeyringFaultTests.limit, "\(outcome)")
                #expect(outcome.status == 4 && outcome.errorCode == fault.refusal.code, "\(outcome)")
                #expect(outcome.complaint.contains("ai-usage-agent vault migrate --to keyring"), "\(outcome)")
                try await scene.require("token", "codex")
            }
            #expect(scene.home.stores() == before)
            try await scene.require("vault", "migrate", "--to", "keyring")
        }
    }

    /// The test item, the identity, then both accounts: every write of the move.
    @Test(
        "Into one that fails at any of its writes: nothing is switched, and the next try moves everything",
        arguments: [(WriteFault.refuse, 2), (.refuse, 4), (.silent, 3), (.dieDone, 4), (.alter, 2), (.alter, 3), (.lock, 4)])
    func into(fault: WriteFault, write: Int) async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            try await scene.require("vault", "init", "--backend", "file", "--identity", "key-file")
            for person in Self.people { try await scene.login("codex", as: person) }
            let tokens = try await tokens(scene)
            let before = scene.home.stores()
            try await keyring.on(fault.rule("CreateItem", from: write))
            let outcome = try await scene.run("vault", "migrate", "--to", "keyring", "--json")
            #expect(outcome.status == 4, "\(outcome)")
            #expect(scene.home.stores() == before)
            #expect(try await self.tokens(scene) == tokens, "the file serves on")
            try await keyring.heal()
            try await scene.require("vault", "migrate", "--to", "keyring")
            #expect(try await self.tokens(scene) == tokens)
            #expect(!scene.home.exists(scene.home.sealedFile))
            let items = try await keyring.items().filter { !$0.isTestItem }
            #expect(items.count == 3, "\(items)")
        }
    }

    @Test(
        "Out of one that removes nothing: the file serves, what is left is said, and the next try clears the keyring",
        arguments: [WriteFault.refuse, .silent, .die, .lock])
    func out(fault: WriteFault) async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            for person in Self.people { try await scene.login("codex", as: person) }
            let tokens = try await tokens(scene)
            try await keyring.on(fault.rule("Delete"))
            let move = ["vault", "migrate", "--to", "file", "--identity", "key-file", "--json"]
            let moved = try await scene.run(move)
            #expect(moved.status == 0 && moved.json["moved"] == true, "\(moved)")
            #expect(moved.json["warning"].string?.contains("could not be removed") == true, "\(moved)")
            #expect(moved.errorText.contains("run the command again"))
            #expect(try await self.tokens(scene) == tokens)
            try await keyring.heal()
            let again = try await scene.run(move)
            #expect(again.status == 0 && again.json["moved"] == false, "\(again)")
            #expect(try await self.tokens(scene) == tokens)
            #expect(try await keyring.items().isEmpty)
        }
    }

    @Test("Out of one that hands out other bytes for one account: nothing is switched or removed")
    func damagedItem() async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            for person in Self.people { try await scene.login("codex", as: person) }
            let tokens = try await tokens(scene)
            let before = scene.home.stores()
            let items = try await keyring.items()
            // The identity is read once to open the vault; then it is among all items, of which none is right.
            try await keyring.on("GetSecrets=alter@2")
            let outcome = try await scene.run("vault", "migrate", "--to", "file", "--identity", "key-file", "--json")
            #expect(outcome.status == 65 && outcome.errorCode == "vault_corrupt", "\(outcome)")
            #expect(scene.home.stores() == before)
            try await keyring.heal()
            #expect(try await keyring.items() == items)
            #expect(try await self.tokens(scene) == tokens)
        }
    }
}
