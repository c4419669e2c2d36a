import Agent
import Platform
import TestSupport
import Testing

@Suite(
    "auth doctor with a desktop keyring",
    .enabled(if: ScriptedKeyring.isPossible, "needs dbus-daemon and a Python with dbus-next: run `make test`, or set AUA_PYTHON"))
struct KeyringDoctorTests {
    private struct Case: Sendable {
        let fault: KeyringFault
        let id: String

        var consequences: Set<String> {
            let check = DoctorCheck(rawValue: id)
            // What one brings with it may bring more.
            let first = check?.consequences ?? []
            return Set(first.union(first.flatMap(\.consequences)).map(\.rawValue))
        }
    }

    private static let cases = [
        Case(fault: .noBus, id: "backend.no-session-bus"), Case(fault: .stoppedBus, id: "backend.no-session-bus"),
        Case(fault: .emptyBus, id: "backend.no-secret-service"), Case(fault: .noDefault, id: "backend.no-default-collection"),
        Case(fault: .locked, id: "backend.locked"), Case(fault: .silentFromTheFirstCall, id: "backend.slow"),
        Case(fault: .refusesToSearch, id: "backend.roundtrip-failed"),
    ]

    private func troubles(_ scene: Scene) async throws -> Set<String> {
        let begun = TimeSource.system.elapsed()
        let outcome = try await scene.run("auth", "doctor", "--json")
        #expect(TimeSource.system.elapsed() - begun < .seconds(7))
        let findings = try #require(outcome.json["findings"].array, "\(outcome)")
        return Set(findings.filter { $0["status"] == "warning" || $0["status"] == "error" }.compactMap { $0["id"].string })
    }

    @Test("A keyring that cannot be used is named, asks nobody and is not waited for", arguments: 0..<7)
    func fault(_ index: Int) async throws {
        let it = Self.cases[index]
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            try await scene.require("vault", "init", "--backend", "keyring", "--identity", "keyring")
            try await scene.login()
            #expect(try await troubles(scene) == [])
            let before = scene.home.stores()
            let items = try await keyring.items()
            try await it.fault.during(scene, keyring) {
                let found = try await troubles(scene)
                #expect(found.contains(it.id) && found.subtracting(it.consequences) == [it.id], "\(found)")
                let isPinned = it.consequences.contains("backend.pin-unavailable")
                #expect(found.contains("backend.pin-unavailable") == isPinned, "\(found)")
            }
            #expect(scene.home.stores() == before)
            #expect(try await keyring.items().filter { !$0.isTestItem }.count == items.count)
            #expect(try await keyring.count("Prompt") == 0, "nobody was asked")
        }
    }

    @Test("An account that is in the keyring twice is named")
    func duplicate() async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            try await scene.require("vault", "init", "--backend", "keyring", "--identity", "keyring")
            try await scene.login()
            let id = try #require(try await scene.require("auth", "list", "--json").json["accounts"].array?.first?["id"].string)
            await keyring.kill()
            let state = scene.home.path + "/keyring.json"
            let text = try scene.home.read(state)
            var items = try #require(try JSONValue(parsing: text.span).object)
            items["99"] = try #require(items.members.first { $0.value["attributes"]["ref"].string == id }?.value)
            try scene.home.write(Array(JSONValue.object(items).compact.utf8), to: state)
            try await keyring.start()
            #expect(try await troubles(scene) == ["backend.duplicate-item"])
        }
    }

    @Test(
        "A clean desktop gives no warning and no error, and an account whose item is gone is named",
        .enabled(if: KeyringSession.isPossible, "needs dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool"))
    func desktop() async throws {
        try await VaultKind.keyring.with(["ada"]) { scene, session in
            let session = try #require(session)
            #expect(try await troubles(scene) == [])
            // Nothing but the test item of the round trip, which is gone again, was written.
            let (files, items) = (scene.home.stores(), try await session.itemCount())
            #expect(try await scene.run("doctor", "--strict", "--json").status == 0)
            #expect(scene.home.stores() == files)
            #expect(try await session.itemCount() == items)
            let id = try #require(try await scene.require("auth", "list", "--json").json["accounts"].array?.first?["id"].string)
            try await session.remove(ref: id)
            #expect(try await troubles(scene) == ["backend.account-without-secret"])
        }
    }
}
