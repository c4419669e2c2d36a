import Platform
import TestSupport
import Testing

@Suite("Claude, against a server that does everything its way")
struct ClaudeTests {
    private static let configuration = """
        {"schemaVersion": 1, "providers": {"claude": {"issuer": "BASE/claude", "clientId": "our-own-client"}}}
        """

    private func withClaude(_ configuration: String = configuration, _ body: (Scene) async throws -> Void) async throws {
        try await Scene.with(start: .vault) { scene in
            try scene.configure(configuration)
            try await body(scene)
        }
    }

    private func account(_ scene: Scene) async throws -> JSONValue {
        let accounts = try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
        #expect(accounts.count == 1)
        return accounts.first ?? .null
    }

    @Test("Without a client id a login is exit 78 and names the two ways that need none; nothing is sent")
    func withoutClient() async throws {
        try await withClaude(#"{"schemaVersion": 1, "providers": {"claude": {"issuer": "BASE/claude"}}}"#) { scene in
            let outcome = try await scene.run("auth", "login", "claude", "--no-open", "--json")
            #expect(outcome.status == 78 && outcome.errorCode == "config_invalid", "\(outcome)")
            let remedy = outcome.json["error"]["remedy"].string ?? ""
            #expect(remedy.contains("auth import claude-code --reference") && remedy.contains("AI_USAGE_AGENT_CLAUDE_TOKEN"), "\(remedy)")
            #expect(try await scene.provider.statistics()["tokenRequests"] == 0)
        }
    }

    @Test("A login through the browser: exchange as JSON with its state, identity and plan of the profile, the day the login ends")
    func loopback() async throws {
        try await withClaude { scene in
            let login = try await scene.startLogin("claude")
            #expect(login.url.contains("/claude/oauth/authorize?") && login.url.contains("code=true") && login.url.contains("%2Fcallback"))
            let outcome = try await login.complete()
            #expect(outcome.status == 0, "\(outcome)")
            let account = try await account(scene)
            #expect(account["provider"] == "claude" && account["email"] == "ada@example.org" && account["plan"] == "max", "\(account)")
            let key = account["accountKey"].string ?? ""
            #expect(key.contains(":") && !key.hasPrefix("opaque#"), "\(key)")
            let end = try #require(account["loginExpiresAt"].string.flatMap(Timestamp.init))
            #expect((29 * 86400...30 * 86400).contains(end - TimeSource.system.now()))
            #expect(try await scene.require("token", "claude").text.hasPrefix("sk-ant-oat01-"))

            let usage = try await scene.require("usage", "claude", "--json").json["snapshots"].array?.first ?? .null
            let windows = (usage["usageWindows"].array ?? []).compactMap { $0["id"].string }
            #expect(windows == ["session", "weekly", "weekly-fable"] && usage["plan"] == "max", "\(usage)")
        }
    }

    @Test("With --manual the redirect is the provider's page, and code#state from it completes the login")
    func codePage() async throws {
        try await withClaude { scene in
            let child = try scene.start(["auth", "login", "claude", "--manual", "--json"], input: .open)
            let login = try await HeadlessLogin(child)
            #expect(login.url.contains("claude%2Foauth%2Fcode%2Fcallback"), "\(login.url)")
            let page = try await LoopbackClient().get(try await login.callback())
            #expect(page.status == 200)
            child.write(page.text)
            child.closeInput()
            let outcome = await child.finish()
            #expect(outcome.status == 0 && outcome.json["results"].array?.first?["action"] == "added", "\(outcome)")
            try await scene.require("token", "claude")
        }
    }

    @Test(
        "A refresh is one JSON request, keeps the account, and does not move the end of the login; tokens of somebody else are kept aside")
    func refresh() async throws {
        try await withClaude { scene in
            let first = try await scene.startLogin("claude").complete()
            #expect(first.status == 0, "\(first)")
            let before = try await account(scene)
            let token = try await scene.require("token", "claude").text
            try await scene.require("auth", "refresh", "claude")
            let after = try await account(scene)
            #expect(try await scene.require("token", "claude").text != token)
            #expect(after["accountKey"] == before["accountKey"] && after["loginExpiresAt"] == before["loginExpiresAt"], "\(after)")
            #expect(try await scene.provider.statistics()["refreshRequests"] == 1)

            try await scene.provider.misbehave("other-identity")
            let stranger = try await scene.run("auth", "refresh", "claude", "--json")
            #expect(stranger.status == 3 && stranger.errorCode == "login_required", "\(stranger)")
            #expect(try await account(scene)["accountKey"] == before["accountKey"])
        }
    }

    @Test("Where the profile cannot be read the login is kept, by what the token answer says, with a word about it")
    func withoutProfile() async throws {
        try await withClaude { scene in
            try await scene.provider.misbehave("usage-500")
            let outcome = try await scene.startLogin("claude").complete()
            #expect(outcome.status == 0 && outcome.errorText.contains("profile of claude could not be read"), "\(outcome)")
            let account = try await account(scene)
            #expect(account["email"] == "ada@example.org" && account["accountKey"].string?.contains(":") == true, "\(account)")
        }
    }

    @Test("A dry run shows the JSON exchange with its secrets left out")
    func dryRun() async throws {
        try await withClaude { scene in
            let document = try await scene.require("auth", "login", "claude", "--dry-run", "--manual", "--json").json
            #expect(document["tokenRequest"]["contentType"] == "application/json", "\(document)")
            #expect(document["tokenRequest"]["body"]["state"] == "<redacted>")
            #expect(document["redirectUri"].string?.hasSuffix("/claude/oauth/code/callback") == true)
        }
    }
}
