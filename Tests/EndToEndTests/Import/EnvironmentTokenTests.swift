import Platform
import TestSupport
import Testing

@Suite("AI_USAGE_AGENT_<PROVIDER>_TOKEN: a token of the environment")
struct EnvironmentTokenTests {
    private static let variable = "AI_USAGE_AGENT_CODEX_TOKEN"

    @Test("It is shown with its id and source, used without a vault, sent where config.json says, and stored nowhere")
    func used() async throws {
        try await Scene.with(start: .vault) { scene in
            let grant = try await scene.foreignGrant()
            try scene.forgetEverything()
            try scene.home.delete(scene.home.path + "/contents.age")
            scene.variables.withLock { $0[Self.variable] = grant.access }
            let account = try await scene.require("auth", "list", "--json").json["accounts"].array?.first ?? .null
            #expect(account["id"] == "env:codex" && account["source"] == "env" && account["refreshable"] == false)
            #expect(account["email"] == "ada@example.org" && account["status"] == "active" && account["isDefault"] == true)
            #expect(try await scene.require("token", "codex").text == grant.access)
            #expect(try await scene.require("token", "codex", "--account", "env:codex").text == grant.access)
            let before = try await scene.provider.statistics()["usageRequests"] ?? 0
            #expect(try await scene.require("usage", "codex", "--json").json["snapshots"].array?.first?["error"].isNull == true)
            #expect(try await scene.provider.statistics()["usageRequests"] == before + 1)
            for line in [["auth", "refresh", "codex", "--json"], ["auth", "logout", "codex", "--json"]] {
                let refused = try await scene.run(line)
                #expect(refused.status == (line[1] == "refresh" ? 3 : 64) && refused.complaint.contains(Self.variable), "\(refused)")
            }
            #expect(try scene.home.search(for: [Needle(grant.access)]) == [])
            #expect(try await scene.provider.statistics()["refreshRequests"] == 0)
        }
    }

    @Test("A login of the vault comes before it, and it comes before a reference")
    func order() async throws {
        try await Scene.with(start: .vault) { scene in
            let reference = ForeignGrant.synthetic("bob")
            try scene.home.plant(reference.codex, at: ".codex/auth.json")
            try await scene.require("auth", "import", "codex")
            #expect(try await scene.require("token", "codex").text == reference.access)
            let variable = ForeignGrant.synthetic("eve")
            scene.variables.withLock { $0[Self.variable] = variable.access }
            #expect(try await scene.require("token", "codex").text == variable.access)
            try await scene.login()
            let own = try await scene.require("token", "codex").text
            #expect(![reference.access, variable.access].contains(own))
            #expect(try await scene.require("token", "codex", "--account", "env:").text == variable.access)
            let accounts = try await scene.require("auth", "list", "codex", "--json").json["accounts"].array ?? []
            #expect(accounts.count == 3 && accounts.first { $0["isDefault"] == true }?["source"] == "agent-store")
        }
    }

    @Test("It works for claude and for a configured provider, whose name gives the variable")
    func others() async throws {
        try await Scene.with(start: .empty) { scene in
            try scene.configure(#"{"schemaVersion": 1, "providers": {"my-id.p": {"type": "oidc", "issuer": "BASE", "clientId": "c"}}}"#)
            scene.variables.withLock {
                $0["AI_USAGE_AGENT_CLAUDE_TOKEN"] = "sk-ant-oat01-example"
                $0["AI_USAGE_AGENT_MY_ID_P_TOKEN"] = "opaque-token"
                $0["AI_USAGE_AGENT_UNKNOWN_TOKEN"] = "nobody"
            }
            #expect(try await scene.require("token", "claude").text == "sk-ant-oat01-example")
            let token = try await scene.require("token", "my-id.p", "--json").json
            #expect(token["accessToken"] == "opaque-token" && token["accountId"] == "env:my-id.p" && token["expiresAt"].isNull)
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.count == 2)
        }
    }

    @Test("No program that this one starts gets it")
    func children() async throws {
        try await Scene.with(start: .empty) { scene in
            scene.variables.withLock { $0[Self.variable] = "opaque-token" }
            let seen = scene.home.path + "/seen"
            let command = ["/bin/sh", "-c", "env > \(seen); echo correct horse battery"]
            let words = command.flatMap { ["--passphrase-command", $0] }
            let made = try await scene.run(["vault", "init", "--backend", "file", "--identity", "passphrase"] + words)
            try #require(made.status == 0, "\(made)")
            let text = try scene.home.text(seen)
            #expect(text.contains("HOME=" + scene.home.path) && !text.contains("opaque-token") && !text.contains("AI_USAGE_AGENT"))
        }
    }

    @Test("One that is over, empty or no token is an error that names the variable", arguments: ["over", "", "two words"])
    func useless(_ value: String) async throws {
        try await Scene.with(start: .empty) { scene in
            scene.variables.withLock { $0[Self.variable] = value == "over" ? ForeignGrant.synthetic("ada", lives: -5).access : value }
            let refused = try await scene.run("token", "codex", "--json")
            #expect(refused.status == 3, "\(refused)")
            #expect(value.isEmpty ? refused.errorCode == "no_such_account" : refused.complaint.contains(Self.variable), "\(refused)")
        }
    }
}
