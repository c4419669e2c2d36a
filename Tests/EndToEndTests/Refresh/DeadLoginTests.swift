import Platform
import TestSupport
import Testing

@Suite("A login that is over, and a provider that is away")
struct DeadLoginTests {
    @Test(
        "A dead refresh token is exit 3 and needs_login in the list, and the second call sends no request", arguments: ["codex", "oauth"])
    func dead(_ style: String) async throws {
        try await Scene.with(["--error-style", style], start: .vault) { scene in
            try await scene.loginExpired()
            try await scene.provider.revokeAll()
            let sealed = try scene.home.read(scene.home.sealedFile)
            let refusal = Refusal(3, "login_required", "ada@example.org", "ai-usage-agent auth login codex")
            refusal.check(try await scene.run("token", "codex", "--json"))
            let account = try await scene.require("auth", "list", "--json").json["accounts"].array?.first
            #expect(account?["status"] == "needs_login")
            #expect(account?["statusReason"].string == (style == "codex" ? "refresh_token_invalidated" : "invalid_grant"))
            #expect(try await scene.provider.statistics()["tokenRequests"] == 2)

            refusal.check(try await scene.run("token", "codex", "--json"))
            refusal.checkText(try await scene.run("auth", "refresh", "codex"))
            #expect(try await scene.run("usage", "codex").status == 3)
            #expect(try await scene.provider.statistics()["tokenRequests"] == 2, "no request loop")
            #expect(try scene.home.read(scene.home.sealedFile) == sealed, "the bytes are kept")

            try await scene.login()
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.map { $0["status"] } == ["active"])
        }
    }

    @Test("vault adopt on a sane vault does not try a refused token again, and a new login forgets the refusal")
    func adopted() async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.loginExpired()
            try await scene.provider.revokeAll()
            #expect(try await scene.run("token", "codex").status == 3)
            let account = try await scene.require("auth", "list", "--json").json["accounts"].array?.first
            let requests = try await scene.provider.statistics()["tokenRequests"]
            #expect(requests == 2, "the login, and one refresh")
            try await scene.require("vault", "adopt")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.first == account)
            #expect(try await scene.run("token", "codex").status == 3)
            #expect(try await scene.provider.statistics()["tokenRequests"] == requests, "it is known to be dead")
            try await scene.login()
            try await scene.require("vault", "adopt")
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test("A refused refresh leaves an access token that still lives usable")
    func liveToken() async throws {
        try await Scene.with { scene in
            let issued = try await scene.require("token", "codex").text
            try await scene.provider.revokeAll()
            #expect(try await scene.run("auth", "refresh", "codex").status == 3)
            #expect(try await scene.require("token", "codex").text == issued)
        }
    }

    @Test("A provider that is down is exit 5 and network, nothing is lost, and a live token needs no provider")
    func down() async throws {
        try await Scene.with { scene in
            let issued = try await scene.require("token", "codex").text
            await scene.provider.stop()
            let before = scene.home.stores()
            Refusal(5, "network", "nothing was lost").check(try await scene.run("auth", "refresh", "codex", "--json"))
            #expect(try await scene.run("usage", "codex").status == 5)
            #expect(try await scene.require("token", "codex").text == issued)
            #expect(scene.home.stores() == before)
        }
    }

    @Test("An expired token with the provider down is exit 5, not a dead login")
    func expiredAndDown() async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.loginExpired()
            await scene.provider.stop()
            let outcome = try await scene.run("token", "codex", "--json")
            #expect(outcome.status == 5 && outcome.errorCode == "network", "\(outcome)")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.map { $0["status"] } == ["active"])
        }
    }
}
