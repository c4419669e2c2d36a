import Platform
import TestSupport
import Testing

@Suite("auth import --reference: another program's login is used and never spent")
struct ReferenceTests {
    @Test(
        "The token, the usage and the list work without a vault, and no request ever carries the refresh token",
        arguments: ForeignStoreCase.all)
    func works(_ it: ForeignStoreCase) async throws {
        try await Scene.with(start: .vault) { scene in
            let grant = try await scene.foreignGrant()
            try scene.forgetEverything()
            try scene.home.plant(it.text(grant), at: it.file)
            let before = try scene.home.read(scene.home.path + "/" + it.file)
            let requests = try await scene.provider.statistics()["tokenRequests"]

            let imported = try await scene.require("auth", "import", it.program, "--json").json
            let row = imported["results"].array?.first ?? .null
            #expect(imported["provider"] == "codex" && row["action"] == "added" && row["status"] == "active", "\(imported.compact)")
            #expect(try await scene.require("token", "codex").text == grant.access)
            let token = try await scene.require("token", "codex", "--json").json
            #expect(token["accountKey"] == row["accountKey"] && token["providerAccountId"].string == grant.accountId)
            #expect(try await scene.require("usage", "codex", "--json").json["snapshots"].array?.first?["error"].isNull == true)
            let listed = try await scene.require("auth", "list", "--json").json["accounts"].array?.first ?? .null
            #expect(
                listed["source"].string == "reference:" + it.program && listed["refreshable"] == false
                    && listed["email"] == "ada@example.org")

            for _ in 0..<2 {
                let refused = try await scene.run("auth", "refresh", "codex", "--json")
                #expect(refused.status == 3 && refused.errorCode == "login_required", "\(refused)")
                #expect(refused.complaint.contains("`\(it.program)`"), "\(refused)")
            }
            // The server says that the token is over: nobody here may renew it.
            try await scene.provider.expireAccess()
            try await scene.refreshUsage { row in
                row["error"]["code"] == "login_required" && row["error"]["message"].string?.contains("never renews it") == true
            }

            #expect(try await scene.provider.statistics()["tokenRequests"] == requests, "no token request at all")
            #expect(try await scene.provider.statistics()["refreshRequests"] == 0)
            #expect(try scene.home.read(scene.home.path + "/" + it.file) == before, "the store is as it was")
            let ours = try scene.home.search(for: [Needle(grant.access), Needle(grant.refresh), Needle(grant.id)])
            #expect(ours.allSatisfy { $0.contains(it.file) || $0.contains("contents.age") } && !ours.isEmpty, "\(ours)")
            #expect(!scene.home.exists(scene.home.sealedFile), "there is no vault")
        }
    }

    @Test("What the other program renews is used at once, and what it lets run out is an error that names it")
    func follows() async throws {
        try await Scene.with(start: .empty) { scene in
            let first = ForeignGrant.synthetic("ada", lives: 600)
            try scene.home.plant(first.codex, at: ".codex/auth.json")
            try await scene.require("auth", "import", "codex")
            #expect(try await scene.require("token", "codex").text == first.access)
            let second = ForeignGrant.synthetic("ada", lives: 1200)
            try scene.home.plant(second.codex, at: ".codex/auth.json")
            #expect(try await scene.require("token", "codex").text == second.access)
            let listed = try await scene.require("auth", "list", "--json").json["accounts"].array?.first ?? .null
            #expect(listed["expiresAt"].string == second.expires.description)
            let short = try await scene.run("token", "codex", "--min-ttl", "3000")
            #expect(short.status == 0 && short.errorText.contains("only Codex renews it"), "\(short)")

            try scene.home.plant(ForeignGrant.synthetic("ada", lives: -5).codex, at: ".codex/auth.json")
            for line in [["token", "codex", "--json"], ["usage", "codex", "--json"], ["auth", "refresh", "codex", "--json"]] {
                let over = try await scene.run(line)
                #expect(
                    over.status == 3 && over.output.contains(text: "login_required") && over.output.contains(text: "run `codex`"), "\(over)"
                )
            }
            #expect(try await scene.provider.statistics()["tokenRequests"] == 0)
        }
    }

    @Test("Another person's login in the same place is refused, whichever of the tokens names them")
    func another() async throws {
        try await Scene.with(start: .empty) { scene in
            let ada = ForeignGrant.synthetic("ada")
            let bob = ForeignGrant.synthetic("bob")
            try scene.home.plant(ada.codex, at: ".codex/auth.json")
            try await scene.require("auth", "import", "codex")
            var mixed = ada
            mixed.access = bob.access
            for other in [bob, mixed] {
                try scene.home.plant(other.codex, at: ".codex/auth.json")
                let refused = try await scene.run("token", "codex", "--json")
                #expect(refused.status == 3 && refused.errorCode == "login_required", "\(refused)")
                #expect(refused.complaint.contains("another account"), "\(refused)")
                #expect(!refused.text.contains(bob.access))
            }
            try scene.home.plant(ada.codex, at: ".codex/auth.json")
            #expect(try await scene.require("token", "codex").text == ada.access)
            try scene.home.plant(bob.codex, at: ".codex/auth.json")
            try await scene.require("auth", "import", "codex")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.count == 2)
        }
    }

    @Test("A store that is gone, torn or logged out afterwards is an error that says so; logout needs no vault")
    func vanished() async throws {
        try await Scene.with(start: .empty) { scene in
            let grant = ForeignGrant.synthetic("ada")
            try scene.home.plant(grant.codex, at: ".codex/auth.json")
            try await scene.require("auth", "import", "codex")
            let cases = [
                (String(grant.codex.dropLast(40)), "torn"), (#"{"auth_mode":"chatgpt","tokens":null}"#, "logged out"),
                (#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-x"}"#, "apikey"),
            ]
            for (text, word) in cases {
                try scene.home.plant(text, at: ".codex/auth.json")
                let refused = try await scene.run("token", "codex", "--json")
                #expect(refused.status == 3 && refused.complaint.contains(word), "\(refused)")
            }
            try scene.home.delete(scene.home.path + "/.codex/auth.json")
            let gone = try await scene.run("token", "codex", "--json")
            #expect(gone.status == 3 && gone.complaint.contains("there is no "), "\(gone)")
            let out = try await scene.require("auth", "logout", "codex", "--revoke", "--json").json
            #expect(out["results"].array?.first?["warning"].string?.contains("not revoked") == true)
            #expect(try await scene.require("auth", "list", "--json").json["accounts"] == [])
        }
    }

    @Test("A dry run changes no byte of either home, with references and with moves", arguments: ForeignStoreCase.all)
    func dryRun(_ it: ForeignStoreCase) async throws {
        try await Scene.with(start: .vault) { scene in
            try scene.home.plant(it.text(ForeignGrant.synthetic("ada")), at: it.file)
            let before = try scene.home.snapshot()
            let reference = try await scene.require("auth", "import", it.program, "--dry-run", "--json").json["results"].array?.first
            #expect(reference?["action"] == "would_add" && reference?["accountId"].isNull == true)
            let move = try await scene.require("auth", "import", it.program, "--move", "--dry-run", "--json").json["results"].array?.first
            #expect(move?["action"] == "would_move")
            #expect(try scene.home.snapshot() == before)
        }
    }

    @Test("A login of one's own is used before a reference, and an import does not touch it")
    func ownLogin() async throws {
        try await Scene.with { scene in
            let own = try await scene.require("token", "codex").text
            try scene.home.plant(ForeignGrant.synthetic("bob").codex, at: ".codex/auth.json")
            try await scene.require("auth", "import", "codex")
            #expect(try await scene.require("token", "codex").text == own)
            let listed = try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
            #expect(listed.first { $0["isDefault"] == true }?["source"] == "agent-store")
            #expect(listed.first { $0["isDefault"] == true }?["defaultReason"] == "source")

            var twin = ForeignGrant.synthetic("ada")
            twin.id = try await scene.contents()["ada"]?["idToken"].string ?? ""
            twin.access = own
            try scene.home.plant(twin.codex, at: ".codex/auth.json")
            let stores = scene.home.stores()
            let kept = try await scene.require("auth", "import", "codex", "--json").json["results"].array?.first
            #expect(kept?["action"] == "kept" && kept?["warning"].string?.contains("on its own") == true)
            #expect(scene.home.stores() == stores)
        }
    }

    @Test("A login here makes a reference a login of the vault")
    func loginAfterReference() async throws {
        try await Scene.with(start: .vault) { scene in
            let grant = try await scene.foreignGrant()
            try scene.home.plant(grant.codex, at: ".codex/auth.json")
            try await scene.require("auth", "import", "codex")
            try await scene.login()
            let accounts = try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
            #expect(accounts.count == 1 && accounts.first?["source"] == "agent-store" && accounts.first?["refreshable"] == true)
            try await scene.require("auth", "refresh", "codex")
            #expect(try scene.home.text(scene.home.path + "/.codex/auth.json") == grant.codex)
        }
    }

    @Test("Claude Code's login is compared by the account beside it, and works though nobody logs in to claude here")
    func claude() async throws {
        try await Scene.with(start: .empty) { scene in
            var grant = ForeignGrant.synthetic("ada")
            grant.access = "sk-ant-oat01-example"
            try scene.home.plant(grant.claudeCode, at: ".claude/.credentials.json")
            try scene.home.plant(ForeignGrant.claudeProfile, at: ".claude.json")
            let row = try await scene.require("auth", "import", "claude-code", "--json").json["results"].array?.first
            #expect(row?["accountKey"] == "acc-1:org-1" && row?["email"] == "ada@example.org", "\(row?.compact ?? "")")
            #expect(try await scene.require("token", "claude").text == grant.access)
            let listed = try await scene.require("auth", "list", "claude", "--json").json["accounts"].array?.first
            #expect(listed?["source"] == "reference:claude-code" && listed?["plan"] == "max")
            let refused = try await scene.run("auth", "refresh", "claude", "--json")
            #expect(refused.status == 3 && refused.complaint.contains("`claude`"), "\(refused)")
            // Somebody else logged in to Claude Code.
            try scene.home.plant(
                #"{"oauthAccount": {"accountUuid": "acc-2", "organizationUuid": "org-1"}}"#, at: ".claude.json")
            let other = try await scene.run("token", "claude", "--json")
            #expect(other.status == 3 && other.complaint.contains("another account"), "\(other)")
            let move = try await scene.run("auth", "import", "claude-code", "--move", "--json")
            #expect(move.status == 78 && move.errorCode == "config_invalid", "\(move)")
        }
    }

    @Test("A login that nothing identifies is used as long as nothing identifies it")
    func opaque() async throws {
        try await Scene.with(start: .empty) { scene in
            var grant = ForeignGrant.synthetic("ada")
            grant.access = "sk-ant-oat01-example"
            try scene.home.plant(grant.claudeCode, at: ".claude/.credentials.json")
            let first = try await scene.require("auth", "import", "claude-code", "--json").json["results"].array?.first
            #expect(first?["accountKey"].string?.hasPrefix("opaque#") == true)
            #expect(try await scene.require("token", "claude").text == grant.access)
            let again = try await scene.require("auth", "import", "claude-code", "--json").json["results"].array?.first
            #expect(again?["action"] == "updated" && again?["accountId"] == first?["accountId"])
            try scene.home.plant(ForeignGrant.claudeProfile, at: ".claude.json")
            #expect(try await scene.run("token", "claude").status == 3)
        }
    }
}

extension [UInt8] {
    func contains(text: String) -> Bool { String(decoding: self, as: UTF8.self).contains(text) }
}
