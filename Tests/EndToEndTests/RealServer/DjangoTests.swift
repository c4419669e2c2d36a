import Platform
import TestSupport
import Testing

@Suite(
    "Against django-oauth-toolkit", .serialized,
    // Skipped without its Python: `make test` makes .venv and sets AUA_PYTHON; by hand see Servers/README.md.
    .enabled(if: Python.path != nil, "no Python with django-oauth-toolkit: run `make test`, or set AUA_PYTHON"))
struct DjangoTests {
    private func withServer(login: Bool = true, _ body: (Scene, DjangoProvider) async throws -> Void) async throws {
        let server = try await DjangoProvider()
        do {
            try await Scene.with(start: .vault, configuration: server.configuration) { scene in
                if login {
                    let outcome = try await self.login(scene, server)
                    try #require(outcome.status == 0, "\(outcome)")
                }
                try await body(scene, server)
            }
            await server.stop()
        } catch {
            await server.stop()
            throw error
        }
    }

    private func login(_ scene: Scene, _ server: DjangoProvider, _ flags: [String] = []) async throws -> Outcome {
        let login = try await scene.startLogin("acme", ["--json"])
        #expect(try await server.browse(login.url, flags) == "done 200")
        return await login.child.finish()
    }

    @Test("A login in the browser gives an account with e-mail, issuer and subject, and a token")
    func login() async throws {
        try await withServer { scene, server in
            let account = try #require(try await scene.require("auth", "list", "--json").json["accounts"].array?.first)
            #expect(account["email"] == "alice@example.org")
            #expect(account["accountKey"].string == server.base + "/o#1")
            #expect(account["refreshable"] == true && account["status"] == "active")
            #expect(try await scene.require("token", "acme").text.isEmpty == false)
            #expect(try await server.count("refused") == 0)
        }
    }

    @Test("auth refresh rotates with one request, again and again")
    func refresh() async throws {
        try await withServer { scene, server in
            var tokens: Set = [try await scene.require("token", "acme").text]
            for round in 1...3 {
                try await scene.require("auth", "refresh", "acme")
                tokens.insert(try await scene.require("token", "acme").text)
                #expect(try await server.count("refresh_grants") == round)
            }
            #expect(tokens.count == 4)
            #expect(try await server.count("refused") == 0)
        }
    }

    @Test("A copy of the store from before a rotation is refused by the server: exit 3, needs_login, and no second try")
    func reuse() async throws {
        try await withServer { scene, server in
            // As if restored on another machine: data copied, no memory of a newer state.
            let other = try Home()
            defer { other.remove() }
            try other.delete(other.path + "/data")
            try other.copy(scene.home.path + "/data", to: other.path + "/data")
            let environment = ["XDG_DATA_HOME": other.path + "/data", "XDG_STATE_HOME": other.path + "/state"]
            try await scene.require("auth", "refresh", "acme")

            let stale = try await scene.run("auth", "refresh", "acme", "--json", environment: environment)
            Refusal(3, "login_required", "invalid_grant", "ai-usage-agent auth login acme").check(stale)
            let listed = try await scene.run("auth", "list", "--json", environment: environment)
            #expect(listed.json["accounts"].array?.map { $0["status"] } == ["needs_login"])
            let requests = try await server.count("token_requests")
            #expect(try await scene.run("auth", "refresh", "acme", environment: environment).status == 3)
            #expect(try await server.count("token_requests") == requests)
            #expect(try await server.count("refused") == 1)
        }
    }

    @Test("A person who says no is exit 3 and access_denied, and no code is exchanged")
    func deny() async throws {
        try await withServer(login: false) { scene, server in
            let outcome = try await login(scene, server, ["--deny"])
            Refusal(3, "access_denied", "ai-usage-agent auth login acme").check(outcome)
            #expect(try await server.count("token_requests") == 0)
        }
    }

    @Test("--manual takes the address that the browser ended on")
    func manual() async throws {
        try await withServer(login: false) { scene, server in
            let login = try await scene.startLogin("acme", ["--manual"], input: .open)
            login.child.write(try await server.browse(login.url, ["--print-callback"]) + "\n")
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
            try await scene.require("auth", "refresh", "acme")
        }
    }

    @Test("logout --revoke is answered by the server, and the token is worth nothing there")
    func revoke() async throws {
        try await withServer { scene, server in
            let outcome = try await scene.require("auth", "logout", "acme", "--revoke", "--json")
            #expect(outcome.json["results"].array?.first?["warning"].isNull == true, "\(outcome)")
            #expect(try await server.count("revocations") == 1)
            #expect(try await server.count("refused") == 0)
        }
    }
}
