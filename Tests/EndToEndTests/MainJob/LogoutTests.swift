import Platform
import TestSupport
import Testing

@Suite("auth logout")
struct LogoutTests {
    /// What the vault holds, opened with the key file by the age tool.
    private func plaintext(_ scene: Scene) async throws -> [UInt8] {
        let age = try #require(Program.find("age"), "the age tool is missing: apt-get install age")
        let child = try Child(age, ["-d", "-i", scene.home.keyFile, scene.home.sealedFile], environment: scene.home.environment)
        let outcome = await child.finish()
        try #require(outcome.status == 0, "\(outcome)")
        return outcome.output
    }

    @Test("Logout removes account and secret: no token that was ever issued is left in the opened vault or in any file")
    func nothingIsLeft() async throws {
        try await Scene.with { scene in
            try await scene.require("auth", "refresh", "codex")
            let needles = try await scene.provider.tokens().map(Needle.init)
            let current = try await scene.require("token", "codex").text
            #expect(Needle(current).isFound(in: try await plaintext(scene)), "the search must be able to find something")

            let outcome = try await scene.require("auth", "logout", "codex", "--json")
            #expect(outcome.json["results"].array?.first?["action"] == "removed")
            let left = try await plaintext(scene)
            #expect(!needles.contains { $0.isFound(in: left) })
            #expect(try scene.home.search(for: needles) == [])
            #expect(try await scene.require("auth", "list", "--json").json["accounts"] == [])
            #expect(!(try scene.home.entries()).contains { $0.path.contains("/journal/") }, "the journal record goes too")
            let token = try await scene.run("token", "codex", "--json")
            #expect(token.status == 3 && token.errorCode == "no_such_account", "\(token)")
            #expect(try await scene.provider.statistics()["revocations"] == 0, "the provider is told only when asked")
        }
    }

    @Test("Logout of one account leaves the other working")
    func one() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", as: "bob")
            try await scene.require("auth", "logout", "codex", "--account", "ada@example.org")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.map { $0["email"] } == ["bob@example.org"])
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test("logout --all removes every account of that provider and of no other")
    func all() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", as: "bob")
            try await scene.login("acme")
            let outcome = try await scene.require("auth", "logout", "codex", "--all", "--json")
            #expect(outcome.json["results"].array?.count == 2)
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.map { $0["provider"] } == ["acme"])
        }
    }

    @Test("logout --revoke tells the provider first, and the family is dead there", arguments: ["codex", "acme"])
    func revoke(_ provider: String) async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.login(provider)
            let outcome = try await scene.require("auth", "logout", provider, "--revoke", "--json")
            #expect(outcome.json["results"].array?.first?["warning"].isNull == true, "\(outcome)")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["revocations"] == 1 && statistics["familiesRevoked"] == 1, "\(statistics)")
        }
    }

    @Test("A provider that cannot be told is a warning; the account is removed all the same")
    func revokeUnreachable() async throws {
        try await Scene.with { scene in
            await scene.provider.stop()
            let outcome = try await scene.require("auth", "logout", "codex", "--revoke", "--json")
            #expect(outcome.json["results"].array?.first?["warning"].string?.isEmpty == false)
            #expect(outcome.errorText.contains("warning"))
            #expect(try await scene.require("auth", "list", "--json").json["accounts"] == [])
        }
    }

    @Test(
        "A server that lets only clients with a secret revoke is a warning that names its answer; the account is removed here all the same")
    func revokeRefused() async throws {
        try await Scene.with(["--refuse-revocation"]) { scene in
            let outcome = try await scene.require("auth", "logout", "codex", "--revoke", "--json")
            #expect(outcome.json["results"].array?.first?["warning"].string?.contains("401: invalid_client") == true, "\(outcome)")
            #expect(outcome.errorText.contains("it was removed here all the same"))
            #expect(try await scene.require("auth", "list", "--json").json["accounts"] == [])
            #expect(try await scene.provider.statistics()["revocations"] == 0)
        }
    }

    @Test("A login after a logout begins a new account that works")
    func loginAfter() async throws {
        try await Scene.with { scene in
            try await scene.require("auth", "logout", "codex")
            try await scene.login()
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.run("token", "codex").status == 0)
        }
    }
}
