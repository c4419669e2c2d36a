import Glibc
import Platform
import TestSupport
import Testing

@Suite("auth login --device")
struct DeviceLoginTests {
    @Test("A code that is approved elsewhere logs in, with codex's own way and with RFC 8628", arguments: ["codex", "acme"])
    func approved(_ provider: String) async throws {
        try await Scene.with(start: .vault) { scene in
            let login = try await scene.startDeviceLogin(provider)
            #expect(login.page == scene.provider.base + (provider == "codex" ? "/codex/device" : "/device"))
            try await scene.provider.decide(login.code, as: "bob")
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
            let result = try #require(outcome.json["results"].array?.first)
            #expect(result["email"] == "bob@example.org" && result["action"] == "added" && result["status"] == "active")
            #expect(outcome.errorText.contains("Approve only a code that you have just started"))
            try await scene.require("auth", "refresh", provider)
            #expect(try await scene.provider.statistics()["codeGrants"] == 1)
        }
    }

    @Test("Logging in again by a code updates the account that a browser login made", arguments: ["codex", "acme"])
    func again(_ provider: String) async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.login(provider)
            let login = try await scene.startDeviceLogin(provider)
            try await scene.provider.decide(login.code, as: "ada")
            #expect(await login.child.finish().json["results"].array?.first?["action"] == "updated")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.count == 1)
        }
    }

    @Test("A code that is denied is exit 3 and access_denied, and nothing is stored", arguments: ["codex", "acme"])
    func denied(_ provider: String) async throws {
        try await Scene.with(start: .vault) { scene in
            let before = scene.home.stores()
            let login = try await scene.startDeviceLogin(provider)
            try await scene.provider.decide(login.code, as: nil)
            Refusal(3, "access_denied", "ai-usage-agent auth login \(provider)").check(await login.child.finish())
            #expect(scene.home.stores() == before)
        }
    }

    @Test("A server that fails while it is polled is asked again, and the login completes")
    func hiccups() async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.provider.misbehave("status-503")
            try await scene.provider.misbehave("lost-before")
            let login = try await scene.startDeviceLogin("acme")
            try await scene.provider.decide(login.code, as: "ada")
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.errorText.contains("less often"))
            #expect(try await scene.provider.statistics()["misbehaved"] == 2)
        }
    }

    @Test("An answer without an id_token, as device flows give, is a login all the same")
    func noIDToken() async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.provider.misbehave("no-id-token")
            let login = try await scene.startDeviceLogin("acme")
            try await scene.provider.decide(login.code, as: "ada")
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
            try await scene.require("auth", "refresh", "acme")
        }
    }

    @Test("A signal ends a waiting login with 128 and its number, and nothing is stored", arguments: [SIGINT, SIGTERM])
    func signal(_ number: Int32) async throws {
        try await Scene.with(start: .vault) { scene in
            let before = scene.home.stores()
            let login = try await scene.startDeviceLogin("codex")
            login.child.signal(number)
            let outcome = await login.child.finish()
            #expect(outcome.status == 128 + number, "\(outcome)")
            #expect(scene.home.stores() == before)
        }
    }

    @Test("No token, device code or verifier is in any output or file")
    func secrets() async throws {
        try await Scene.with(start: .vault) { scene in
            let login = try await scene.startDeviceLogin("codex", ["--verbose"])
            try await scene.provider.decide(login.code, as: "ada")
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
            let needles = try await scene.provider.tokens().map(Needle.init)
            #expect(!needles.isEmpty)
            #expect(!needles.contains { $0.isFound(in: outcome.output) || $0.isFound(in: outcome.error) })
            #expect(!outcome.errorText.contains("dc_") && !outcome.errorText.contains("ac_"))
            #expect(try scene.home.search(for: needles) == [])
        }
    }

    @Test(
        "--device goes with neither --manual, --port nor --dry-run: exit 64",
        arguments: [["--manual"], ["--port", "1455"], ["--dry-run"]])
    func conflicts(_ options: [String]) async throws {
        try await Scene.with(start: .vault) { scene in
            let outcome = try await scene.run(["auth", "login", "codex", "--device", "--json"] + options)
            #expect(outcome.status == 64 && outcome.errorCode == "usage_error", "\(outcome)")
        }
    }

    @Test("A provider without a device endpoint is exit 78, and the setting is named")
    func none() async throws {
        let configuration = """
            {"schemaVersion": 1, "providers": {"acme": {"type": "oidc", "clientId": "cli",
              "endpoints": {"authorization": "BASE/oauth/authorize", "token": "BASE/oauth/token"}}}}
            """
        try await Scene.with(start: .vault, configuration: configuration) { scene in
            Refusal(78, "config_invalid", "deviceAuthorization").check(
                try await scene.run("auth", "login", "acme", "--device", "--json"))
        }
    }
}
