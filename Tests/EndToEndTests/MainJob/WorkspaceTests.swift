import Platform
import TestSupport
import Testing

/// One person in two workspaces, and two people in one of them.
@Suite("Several accounts of one e-mail address and of one workspace")
struct WorkspaceTests {
    private func login(_ scene: Scene, _ person: String, in workspace: String? = nil, _ options: [String] = []) async throws -> JSONValue {
        let login = try await scene.startLogin("codex", options + ["--json"])
        let outcome = try await login.complete("&demo_user=\(person)" + (workspace.map { "&demo_workspace=\($0)" } ?? ""))
        try #require(outcome.status == 0, "\(outcome)")
        return outcome.json["results"].array?.first ?? .null
    }

    private func accounts(_ scene: Scene) async throws -> [JSONValue] {
        try await scene.require("auth", "list", "codex", "--json").json["accounts"].array ?? []
    }

    /// Ada alone, Ada in a team, Bob in the same team.
    private func withThree(_ body: (Scene, _ own: JSONValue, _ team: JSONValue, _ bob: JSONValue) async throws -> Void) async throws {
        try await Scene.with(start: .vault) { scene in
            let own = try await login(scene, "ada")
            let team = try await login(scene, "ada", in: "team")
            let bob = try await login(scene, "bob", in: "team")
            try await body(scene, own, team, bob)
        }
    }

    @Test("The same e-mail in two workspaces, and two members of one workspace, are three accounts with a token each")
    func three() async throws {
        try await withThree { scene, own, team, bob in
            #expect([own, team, bob].allSatisfy { $0["action"] == "added" })
            #expect(own["email"] == team["email"] && own["accountKey"] != team["accountKey"])
            let listed = try await accounts(scene)
            #expect(Set(listed.compactMap { $0["accountKey"].string }).count == 3)
            var tokens: Set<String> = []
            var workspaces: [String] = []
            for account in [own, team, bob] {
                let token = try await scene.require("token", "codex", "--json", "--account", account["accountId"].string ?? "").json
                #expect(token["accountKey"] == account["accountKey"])
                tokens.insert(token["accessToken"].string ?? "")
                workspaces.append(token["providerAccountId"].string ?? "")
            }
            #expect(tokens.count == 3)
            #expect(workspaces[0] != workspaces[1] && workspaces[1] == workspaces[2] && !workspaces[1].isEmpty)
        }
    }

    @Test("An e-mail address that two accounts share is ambiguous: exit 64, both named by their id, and the id works")
    func ambiguous() async throws {
        try await withThree { scene, own, team, _ in
            for command in [["token", "codex"], ["auth", "refresh", "codex"], ["auth", "logout", "codex"], ["auth", "use", "codex"]] {
                let named = command.first == "auth" && command[1] == "use" ? ["ada@example.org"] : ["--account", "ada@example.org"]
                let outcome = try await scene.run(command + named + ["--json"])
                Refusal(64, "ambiguous_account", own["accountId"].string ?? "?", team["accountId"].string ?? "?").check(outcome)
            }
            #expect(try await accounts(scene).count == 3)
            let refreshed = try await scene.require("auth", "refresh", "codex", "--account", team["accountId"].string ?? "", "--json")
            #expect(refreshed.json["results"].array?.first?["accountKey"] == team["accountKey"])
        }
    }

    @Test("Logging in again updates the account of that workspace alone; its label stays, and a label tells the two apart")
    func again() async throws {
        try await withThree { scene, own, team, _ in
            let labelled = try await login(scene, "ada", in: "team", ["--account", "team"])
            #expect(labelled["action"] == "updated" && labelled["accountId"] == team["accountId"] && labelled["label"] == "team")
            let again = try await login(scene, "ada", in: "team")
            #expect(again["action"] == "updated" && again["label"] == "team")
            #expect(try await accounts(scene).count == 3)
            let token = try await scene.require("token", "codex", "--account", "team", "--json")
            #expect(token.json["accountId"] == team["accountId"])

            // The label is the team's: a login of the other workspace under it is refused, and changes nothing.
            let before = scene.home.stores()
            let other = try await scene.startLogin("codex", ["--account", "team", "--json"])
            Refusal(64, "usage_error", "team", own["email"].string ?? "?").check(try await other.complete("&demo_user=ada"))
            let louder = try await scene.startLogin("codex", ["--account", "TEAM", "--json"])
            Refusal(64, "usage_error", "TEAM").check(try await louder.complete("&demo_user=ada"))
            #expect(scene.home.stores() == before)
        }
    }

    @Test("A pin holds for one workspace, through logins and refreshes of the others, until it is logged out")
    func pinned() async throws {
        try await withThree { scene, own, team, bob in
            try await scene.require("auth", "use", "codex", own["accountId"].string ?? "")
            _ = try await login(scene, "ada", in: "team")
            try await scene.require("auth", "refresh", "codex", "--account", "bob@example.org")
            #expect(try await scene.require("token", "codex", "--json").json["accountId"] == own["accountId"])
            try await scene.require("auth", "logout", "codex", "--account", own["accountId"].string ?? "")
            let left = try await accounts(scene)
            #expect(left.map { $0["id"] } == [team["accountId"], bob["accountId"]])
            #expect(try await scene.require("token", "codex", "--json").json["accountId"] == team["accountId"], "used last")
        }
    }
}
