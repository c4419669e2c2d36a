import Glibc
import Platform
import TestSupport
import Testing

@Suite("The callback of a login")
struct CallbackTests {
    private let client = LoopbackClient()

    @Test("A wrong or missing state, another path and another method are answered and never end the login, which then completes")
    func forgeries() async throws {
        try await Scene.with(start: .vault) { scene in
            let login = try await scene.startLogin("codex", ["--json"])
            let callback = try await login.callback()
            let parts = callback.split(separator: "?", maxSplits: 1).map(String.init)
            let state = try #require(WebAddress.decodeForm(parts[1])?["state"])
            let code = try #require(WebAddress.decodeForm(parts[1])?["code"])
            let forged = [
                "\(parts[0])?code=\(code)&state=\(state.dropLast())x": 400, "\(parts[0])?code=\(code)": 400,
                "\(parts[0])?error=access_denied&state=wrong": 400, "\(parts[0])?error=access_denied": 400,
                "\(parts[0])?state=\(state)": 400, "\(parts[0])x?code=\(code)&state=\(state)": 404,
            ]
            for (url, status) in forged {
                let answer = try await client.get(url)
                #expect(answer.status == status, "\(url): \(answer)")
                #expect(!answer.text.contains(code) && !answer.text.contains(state), "the page echoes nothing")
            }
            let post = try await client.post(callback)
            #expect(post.status == 405)
            #expect(!login.child.hasEnded)
            try await login.visit(callback)
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
            #expect(try await scene.provider.statistics()["codeGrants"] == 1)
        }
    }

    @Test("The callback cannot be read by a page of another name: a foreign Host is answered 421")
    func rebinding() async throws {
        try await Scene.with(start: .vault) { scene in
            let login = try await scene.startLogin()
            let callback = try await login.callback()
            // The same listener under another name of this machine.
            let answer = try await client.get(callback.replacing("http://127.0.0.1:", "http://localhost:"))
            #expect(answer.status == 421, "\(answer)")
            try await login.visit(callback)
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    @Test("error=access_denied with the right state ends the login with exit 3, and nothing is stored")
    func denied() async throws {
        try await Scene.with(["--deny"], start: .vault) { scene in
            let before = scene.home.stores()
            let login = try await scene.startLogin("codex", ["--json"])
            let outcome = try await login.complete()
            Refusal(3, "access_denied", "ai-usage-agent auth login codex").check(outcome)
            #expect(scene.home.stores() == before)
            #expect(try await scene.provider.statistics()["tokenRequests"] == 0)
        }
    }

    /// Takes one parameter out of a callback's address.
    private func without(_ name: String, _ callback: String) -> String {
        let parts = callback.split(separator: "?", maxSplits: 1).map(String.init)
        return parts[0] + "?" + parts[1].split(separator: "&").filter { !$0.hasPrefix(name + "=") }.joined(separator: "&")
    }

    @Test("Where the server always names its issuer, a callback without it or with another one is ignored, and the login then completes")
    func issuer() async throws {
        try await Scene.with(["--iss"], start: .vault) { scene in
            let login = try await scene.startLogin("acme", ["--json"])
            let callback = try await login.callback()
            #expect(callback.contains("&iss="))
            let bare = without("iss", callback)
            for forged in [bare, bare + "&iss=https%3A%2F%2Fevil.example"] {
                #expect(try await client.get(forged).status == 400, "\(forged)")
            }
            try await login.visit(callback)
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    @Test("An error redirect that does not name the issuer ends the login all the same, when its state is right")
    func errorWithoutIssuer() async throws {
        try await Scene.with(["--iss", "--deny"], start: .vault) { scene in
            let login = try await scene.startLogin("acme", ["--json"])
            try await login.visit(without("iss", try await login.callback()))
            Refusal(3, "access_denied", "ai-usage-agent auth login acme").check(await login.child.finish())
        }
    }

    @Test("Nobody finishing the login is exit 5 and login_timeout, and the remedy is --timeout")
    func timeout() async throws {
        try await Scene.with(start: .vault) { scene in
            let before = scene.home.stores()
            let outcome = try await scene.run("auth", "login", "codex", "--no-open", "--timeout", "1", "--json")
            Refusal(5, "login_timeout", "--timeout").check(outcome)
            #expect(scene.home.stores() == before)
        }
    }

    @Test("A signal ends a waiting login with 128 and its number, and nothing is stored", arguments: [SIGINT, SIGTERM])
    func signal(_ number: Int32) async throws {
        try await Scene.with { scene in
            let before = scene.home.stores()
            let login = try await scene.startLogin()
            login.child.signal(number)
            let outcome = await login.child.finish()
            #expect(outcome.status == 128 + number, "\(outcome)")
            #expect(scene.home.stores() == before)
            #expect(try await scene.run("token", "codex").status == 0)
        }
    }

    @Test("--port N that is taken is exit 1 and port_busy, and the holder is named")
    func portTaken() async throws {
        let socket = try LoopbackSocket.bind(.v4, port: 0)
        try await Scene.with(start: .vault) { scene in
            let outcome = try await scene.run("auth", "login", "acme", "--no-open", "--port", "\(socket.port)", "--json")
            Refusal(1, "port_busy", "\(socket.port)", "pid \(getpid())", "--manual").check(outcome)
            #expect(try await scene.provider.statistics()["tokenRequests"] == 0)
        }
        extendLifetime(socket)
    }

    @Test("--port N that is free is the port of the callback")
    func portFree() async throws {
        try await Scene.with(start: .vault) { scene in
            // Free a moment ago; the kernel hands out others first.
            let port = try { try LoopbackSocket.bind(.v4, port: 0).port }()
            let login = try await scene.startLogin("acme", ["--port", "\(port)"])
            #expect(try await login.callback().hasPrefix("http://127.0.0.1:\(port)/callback?"))
            let outcome = try await login.complete()
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    @Test(
        "A web page in place of the tokens at login is exit 5, and no account appears",
        arguments: ["html-200", "status-500", "truncated-json"])
    func strangeExchange(_ mode: String) async throws {
        try await Scene.with(start: .vault) { scene in
            let before = scene.home.stores()
            try await scene.provider.misbehave(mode)
            let outcome = try await scene.startLogin("codex", ["--json"]).complete()
            Refusal(5, "provider_unavailable", "ai-usage-agent auth login codex").check(outcome)
            #expect(scene.home.stores() == before)
            #expect(try await scene.provider.statistics()["tokenRequests"] == 1)
            try await scene.login()
        }
    }

    @Test("A provider that is down before the login is exit 5 and network")
    func down() async throws {
        try await Scene.with(start: .vault) { scene in
            await scene.provider.stop()
            let outcome = try await scene.run("auth", "login", "acme", "--no-open", "--json")
            Refusal(5, "network", "network").check(outcome)
        }
    }
}
