import Platform
import TestSupport
import Testing

@Suite("auth list and auth use")
struct AccountTests {
    private func accounts(_ scene: Scene) async throws -> [JSONValue] {
        try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
    }

    private func defaultEmail(_ scene: Scene) async throws -> String? {
        try await accounts(scene).first { $0["isDefault"].bool == true }?["email"].string
    }

    @Test("The list names every documented key of an account")
    func keys() async throws {
        try await Scene.with { scene in
            let outcome = try await scene.require("auth", "list", "--json")
            #expect(outcome.json.object?.names == ["schemaVersion", "accounts"])
            let account = try #require(outcome.json["accounts"].array?.first)
            let documented: Set = [
                "id", "provider", "accountKey", "label", "email", "plan", "authType", "source", "scopes", "expiresAt", "loginExpiresAt",
                "refreshable", "status", "statusReason", "lastUsedAt", "lastRefreshAt", "isDefault", "defaultReason", "insecure",
            ]
            #expect(Set(account.object?.names ?? []) == documented)
            #expect(account["provider"] == "codex" && account["plan"] == "plus" && account["authType"] == "oauth")
            #expect(account["source"] == "agent-store" && account["status"] == "active" && account["refreshable"] == true)
            #expect(account["insecure"] == true, "the provider is plain http")
            #expect(account["isDefault"] == true)
        }
    }

    @Test("The list for people shows the account, its state and why it is the default, and no secret")
    func text() async throws {
        try await Scene.with { scene in
            let outcome = try await scene.require("auth", "list")
            for word in ["codex", "ada@example.org", "plus", "active", "default of codex: the only account"] {
                #expect(outcome.text.contains(word), "\(word) in \(outcome)")
            }
            let needles = try await scene.provider.tokens().map(Needle.init)
            #expect(!needles.contains { $0.isFound(in: outcome.output) })
        }
    }

    @Test("Without accounts the list is empty, exits 0 and says how to log in")
    func empty() async throws {
        try await Scene.with(start: .empty) { scene in
            let outcome = try await scene.require("auth", "list")
            #expect(outcome.text.contains("ai-usage-agent auth login codex"))
            #expect(try await accounts(scene).isEmpty)
        }
    }

    @Test("The account that logged in last is the default; a pin holds until --auto takes it back")
    func defaults() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", as: "bob")
            #expect(try await defaultEmail(scene) == "bob@example.org")

            let pinned = try await scene.require("auth", "use", "codex", "ada@example.org", "--json")
            #expect(pinned.json["results"].array?.first?["action"] == "pinned")
            #expect(try await defaultEmail(scene) == "ada@example.org")
            try await scene.login("codex", as: "bob")
            #expect(try await defaultEmail(scene) == "ada@example.org", "a login must not undo a pin")
            let token = try await scene.require("token", "codex", "--json")
            #expect(token.json["accountId"] == (try await accounts(scene).first { $0["email"] == "ada@example.org" })?["id"])

            let unpinned = try await scene.require("auth", "use", "codex", "--auto", "--json")
            #expect(unpinned.json["results"].array?.first?["action"] == "unpinned")
            #expect(try await defaultEmail(scene) == "bob@example.org")
        }
    }

    @Test("Neither plain token nor usage changes the default")
    func pollingIsNoUse() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", as: "bob")
            let before = try await accounts(scene).map { $0["lastUsedAt"] }
            try await scene.require("token", "codex")
            try await scene.require("usage")
            #expect(try await accounts(scene).map { $0["lastUsedAt"] } == before)
        }
    }

    @Test(
        "An account is named by its id, its e-mail, its label or a unique beginning of one",
        arguments: ["id", "email", "label", "beginning"])
    func naming(_ how: String) async throws {
        try await Scene.with { scene in
            try await scene.login("codex", ["--account", "work"], as: "bob")
            let bob = try #require(try await accounts(scene).first { $0["email"] == "bob@example.org" })
            let name: String? = how == "beginning" ? "bo" : bob[how].string
            let outcome = try await scene.require("token", "codex", "--json", "--account", try #require(name))
            #expect(outcome.json["accountId"] == bob["id"])
        }
    }

    @Test("An ambiguous --account is refused with the candidates named")
    func ambiguous() async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.login("codex", ["--account", "work-a"])
            try await scene.login("codex", ["--account", "work-b"], as: "bob")
            let before = scene.home.stores()
            let outcome = try await scene.run("token", "codex", "--account", "work", "--json")
            #expect(outcome.status == 64)
            #expect(outcome.errorCode == "ambiguous_account")
            for candidate in ["ada@example.org", "bob@example.org"] {
                #expect(outcome.complaint.contains(candidate) || outcome.complaint.contains("work-"), "\(outcome)")
            }
            #expect(scene.home.stores() == before)
        }
    }

    @Test("An account that is not there is exit 3 and no_such_account")
    func unknown() async throws {
        try await Scene.with { scene in
            let outcome = try await scene.run("token", "codex", "--account", "nobody", "--json")
            #expect(outcome.status == 3)
            #expect(outcome.errorCode == "no_such_account")
        }
    }
}
