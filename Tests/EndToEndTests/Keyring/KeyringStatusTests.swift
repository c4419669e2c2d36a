import Platform
import TestSupport
import Testing

@Suite(
    "What is shown of a keyring vault",
    .enabled(if: KeyringSession.isPossible, "needs dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool (make test installs them)"))
struct KeyringStatusTests {
    @Test("Why it cannot be opened stands in the JSON form of vault status, too", arguments: ["no bus", "dead bus", "locked"])
    func unreachable(_ fault: String) async throws {
        try await VaultKind.keyring.with(["ada"]) { scene, session in
            let session = try #require(session)
            #expect(try await scene.require("vault", "status", "--json").json["findings"].array == [])
            #expect(try await scene.require("vault", "lock", "--json").json["locked"] == false)
            switch fault {
            case "no bus": scene.variables.withLock { $0["DBUS_SESSION_BUS_ADDRESS"] = nil }
            case "dead bus": scene.variables.withLock { $0["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=\(scene.home.path)/nobody" }
            default: try await session.lock()
            }
            let status = try await scene.require("vault", "status", "--json").json
            let finding = try #require(status["findings"].array?.first?.string, "\(status)")
            #expect(status["locked"] == true && status["findings"].array?.count == 1, "\(status)")
            let text = try await scene.require("vault", "status").text
            #expect(text.contains("locked      yes, \(finding)") && !text.contains("finding  "), "said once: \(text)")
            #expect(try await scene.require("vault", "lock", "--json").json["locked"] == true)
        }
    }

    @Test("An account whose item is gone from an open keyring needs a login, another one becomes the default, and a login heals it")
    func missing() async throws {
        try await VaultKind.keyring.with(["bob", "ada"]) { scene, session in
            let session = try #require(session)
            func accounts() async throws -> [String: JSONValue] {
                let list = try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
                return Dictionary(list.map { ($0["email"].string ?? "", $0) }) { $1 }
            }
            let before = try await accounts()
            let ada = try #require(before["ada@example.org"])
            #expect(ada["isDefault"] == true)
            try await session.remove(ref: try #require(ada["id"].string))
            Refusal(3, "login_required", "missing from the vault", "auth login codex").check(
                try await scene.run("token", "codex", "--json"))
            let after = try await accounts()
            #expect(after["ada@example.org"]?["status"] == "needs_login")
            #expect(after["ada@example.org"]?["statusReason"] == "secret_missing")
            #expect(after["bob@example.org"]?["status"] == "active" && after["bob@example.org"]?["isDefault"] == true)
            #expect(try await scene.require("token", "codex", "--json").json["accountId"] == before["bob@example.org"]?["id"])
            try await scene.login("codex", as: "ada")
            #expect(try await accounts()["ada@example.org"]?["status"] == "active")

            // Nothing is concluded from a keyring that is locked.
            try await session.remove(ref: try #require(before["bob@example.org"]?["id"].string))
            try await session.lock()
            #expect(try await scene.run("token", "codex", "--account", "bob").status == 4)
            #expect(try await accounts()["bob@example.org"]?["status"] == "active")
        }
    }
}
