import Platform
import TestSupport
import Testing

@Suite(
    "A device login against django-oauth-toolkit", .serialized,
    .enabled(if: Python.path != nil, "no Python with django-oauth-toolkit: run `make test`, or set AUA_PYTHON"))
struct DjangoDeviceTests {
    private func withServer(_ flags: [String] = [], _ body: (Scene, DjangoProvider) async throws -> Void) async throws {
        let server = try await DjangoProvider(flags)
        do {
            try await Scene.with(start: .vault, configuration: server.deviceConfiguration) { scene in try await body(scene, server) }
            await server.stop()
        } catch {
            await server.stop()
            throw error
        }
    }

    @Test("A code that a person approves gives an account whose token works and is refreshed")
    func approved() async throws {
        try await withServer { scene, server in
            let login = try await scene.startDeviceLogin("acme")
            // A poll before the approval: pending.
            while try await server.count("device_polls") == 0 { await TimeSource.system.sleep(.milliseconds(50)) }
            #expect(!login.child.hasEnded)
            #expect(try await server.browse(login.page, ["--code", login.code]).hasSuffix("Device Authorized"))
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
            let result = try #require(outcome.json["results"].array?.first)
            #expect(result["action"] == "added")
            // Opaque tokens and no id_token: an identity of its own, and a name that tells two of them apart.
            #expect(result["accountKey"].string?.hasPrefix("opaque#") == true && result["label"].string?.hasPrefix("opaque-") == true)
            #expect(outcome.errorText.contains(login.page + "?user_code=" + login.code), "the address with the code in it, too")
            #expect(outcome.errorText.contains("Approve only a code that you have just started"))
            let first = try await scene.require("token", "acme").text
            try await scene.require("auth", "refresh", "acme")
            #expect(try await scene.require("token", "acme").text != first)
            #expect(try await server.count("refresh_grants") == 1)
        }
    }

    @Test("The address that holds the code works, too")
    func complete() async throws {
        try await withServer { scene, server in
            let login = try await scene.startDeviceLogin("acme")
            _ = try await server.browse(login.page + "?user_code=" + login.code, ["--code", login.code])
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    @Test("A person who says no is exit 3 and access_denied, and nothing is stored")
    func denied() async throws {
        try await withServer { scene, server in
            let before = scene.home.stores()
            let login = try await scene.startDeviceLogin("acme")
            #expect(try await server.browse(login.page, ["--deny", "--code", login.code]).hasSuffix("Device Denied"))
            Refusal(3, "access_denied", "ai-usage-agent auth login acme").check(await login.child.finish())
            #expect(scene.home.stores() == before)
        }
    }

    @Test("This server says pending for ever; the login ends by its own clock when expires_in is over: exit 5, login_timeout")
    func expired() async throws {
        try await withServer(["--device-seconds", "3"]) { scene, server in
            let before = scene.home.stores()
            let begun = TimeSource.system.elapsed()
            let login = try await scene.startDeviceLogin("acme")
            Refusal(5, "login_timeout", "within 3 s", "--device").check(await login.child.finish())
            #expect(TimeSource.system.elapsed() - begun < .seconds(30))
            let polls = try await server.count("device_polls") ?? 0
            #expect((1...2).contains(polls), "after one second and after two, and none when it is over: \(polls)")
            #expect(scene.home.stores() == before)
        }
    }

    @Test("--timeout ends it earlier; a code approved afterwards is of no use to anybody")
    func timeout() async throws {
        try await withServer { scene, server in
            let login = try await scene.startDeviceLogin("acme", ["--json", "--timeout", "2"])
            Refusal(5, "login_timeout", "within 2 s").check(await login.child.finish())
            let polls = try await server.count("device_polls")
            #expect(try await server.browse(login.page, ["--code", login.code]).hasSuffix("Device Authorized"))
            #expect(try await server.count("device_polls") == polls)
        }
    }

    @Test("A client that may not use the device flow is refused before a code is shown")
    func wrongClient() async throws {
        try await withServer { scene, server in
            let outcome = try await scene.run("auth", "login", "acme", "--device", "--client-id", "nobody", "--json")
            #expect(outcome.status == 5, "\(outcome)")
            #expect(outcome.errorCode == "provider_refused_client", "\(outcome)")
            #expect(!outcome.errorText.contains("Code:"))
        }
    }

    @Test("Logout revokes at this server what came by the device flow")
    func revoked() async throws {
        try await withServer { scene, server in
            let login = try await scene.startDeviceLogin("acme")
            _ = try await server.browse(login.page, ["--code", login.code])
            #expect(await login.child.finish().status == 0)
            let outcome = try await scene.require("auth", "logout", "acme", "--revoke", "--json")
            #expect(outcome.json["results"].array?.first?["warning"].isNull == true, "\(outcome)")
            #expect(try await server.count("revocations") == 1)
        }
    }
}
