import Platform
import TestSupport
import Testing

@Suite("auth login")
struct LoginTests {
    @Test("A login answers one JSON document with the result that the documentation promises")
    func json() async throws {
        try await Scene.with(start: .vault) { scene in
            let outcome = try await scene.login("codex", ["--json"])
            #expect(outcome.json.object?.names == ["schemaVersion", "provider", "results"], "\(outcome)")
            #expect(outcome.json["schemaVersion"] == 1)
            #expect(outcome.json["provider"] == "codex")
            let result = try #require(outcome.json["results"].array?.first)
            #expect(result.object?.names == ["accountId", "accountKey", "email", "label", "action", "status", "expiresAt", "warning"])
            #expect(result["email"] == "ada@example.org")
            #expect(result["action"] == "added")
            #expect(result["status"] == "active")
            #expect(result["warning"].isNull)
            #expect(result["accountKey"].string?.hasPrefix("user-") == true)
            #expect(result["expiresAt"].string.flatMap(Timestamp.init) != nil)
        }
    }

    @Test("Without --json the result is a line for people, and the address stands alone on a line of stderr")
    func text() async throws {
        try await Scene.with(start: .vault) { scene in
            let login = try await scene.startLogin("codex")
            let outcome = try await login.complete()
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.text.hasPrefix("logged in to codex as ada@example.org (plus); the token lives "))
            #expect(outcome.errorText.split(separator: "\n").contains { $0 == login.url })
            #expect(login.url.hasPrefix(scene.provider.base + "/oauth/authorize?"))
            #expect(!outcome.text.contains("http"))
        }
    }

    @Test("Logging in again as the same person updates the account instead of adding another")
    func again() async throws {
        try await Scene.with { scene in
            let outcome = try await scene.login("codex", ["--json"])
            #expect(outcome.json["results"].array?.first?["action"] == "updated")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.count == 1)
        }
    }

    @Test("--account gives a second account its own name")
    func label() async throws {
        try await Scene.with { scene in
            let outcome = try await scene.login("codex", ["--account", "work", "--json"], as: "bob")
            #expect(outcome.json["results"].array?.first?["label"] == "work")
            let accounts = try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
            #expect(accounts.map { $0["email"].string } == ["ada@example.org", "bob@example.org"])
            let token = try await scene.require("token", "codex", "--account", "work", "--json")
            #expect(token.json["accountId"] == accounts.last?["id"])
        }
    }

    @Test("A label that belongs to somebody else is refused, and both accounts stay as they were")
    func strangerUnderALabel() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", ["--account", "work"], as: "bob")
            let before = scene.home.stores()
            let login = try await scene.startLogin("codex", ["--account", "work", "--json"])
            let outcome = try await login.complete("&demo_user=carol")
            #expect(outcome.status == 64, "\(outcome)")
            #expect(outcome.errorCode == "usage_error")
            #expect(outcome.complaint.contains("bob@example.org") && outcome.complaint.contains("carol@example.org"))
            #expect(scene.home.stores() == before)
        }
    }

    @Test("A dry run shows the real address and the token request without its secrets, and sends nothing")
    func dryRun() async throws {
        try await Scene.with(start: .empty) { scene in
            let outcome = try await scene.run("auth", "login", "codex", "--dry-run", "--json")
            #expect(outcome.status == 0, "\(outcome)")
            let body = outcome.json["tokenRequest"]["body"]
            #expect(body["code"] == "<redacted>" && body["code_verifier"] == "<redacted>")
            #expect(outcome.json["authorizationUrl"].string?.contains("code_challenge_method=S256") == true)
            #expect(outcome.json["note"].string?.contains("observed") == true)
            #expect(try await scene.provider.statistics()["tokenRequests"] == 0)
            #expect(!scene.home.exists(scene.home.metadataFile))
        }
    }

    @Test("The first login makes the vault by itself when the configuration names one way to open it")
    func vaultFromConfiguration() async throws {
        let configuration = Scene.configuration.replacing(
            "\"schemaVersion\": 1,", "\"schemaVersion\": 1, \"vault\": {\"identity\": [\"key-file\"]},")
        try await Scene.with(start: .empty, configuration: configuration) { scene in
            let outcome = try await scene.login()
            #expect(outcome.errorText.contains("made a vault"), "\(outcome)")
            #expect(try await scene.run("token", "codex").status == 0)
        }
    }

    @Test("A provider of type oidc is discovered by its issuer, and its account key is issuer and subject")
    func openID() async throws {
        try await Scene.with(start: .vault) { scene in
            let outcome = try await scene.login("acme", ["--json"])
            let key = outcome.json["results"].array?.first?["accountKey"].string
            #expect(key?.hasPrefix(scene.provider.base + "#auth0|") == true, "\(outcome)")
            #expect(try await scene.run("token", "acme").status == 0)
        }
    }
}

extension String {
    /// Every occurrence of one text replaced by another.
    func replacing(_ text: String, _ other: String) -> String {
        var result = ""
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(text) {
                result += other
                rest = rest.dropFirst(text.count)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result
    }
}
