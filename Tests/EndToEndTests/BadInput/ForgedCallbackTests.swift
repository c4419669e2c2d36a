import Platform
import TestSupport
import Testing

@Suite("Whoever else on this machine talks to the listener of a login")
struct ForgedCallbackTests {
    /// One way to forge a callback and the status that it gets.
    private struct Forgery {
        let status: Int
        let request: String
    }

    /// - Parameter callback: the right one, taken apart.
    private func forgeries(_ path: String, _ query: String, code: String, port: Int) -> [Forgery] {
        func head(_ target: String, method: String = "GET", host: String? = nil, more: String = "") -> String {
            "\(method) \(target) HTTP/1.1\r\nHost: \(host ?? "127.0.0.1:\(port)")\r\n\(more)\r\n"
        }
        let right = path + "?" + query
        return [
            Forgery(status: 400, request: head("\(path)?code=\(code)&state=\(String(repeating: "A", count: 43))")),
            Forgery(status: 400, request: head("\(path)?code=\(code)")),
            Forgery(status: 400, request: head("\(path)?error=access_denied&state=wrong")),
            Forgery(status: 421, request: head(right, host: "evil.example:\(port)")),
            Forgery(status: 404, request: head("/other?" + query)),
            Forgery(status: 405, request: head(right, method: "POST", more: "Content-Length: 0\r\n")),
            Forgery(status: 431, request: head(right, more: "X-Long: \(String(repeating: "x", count: 100_000))\r\n")),
            Forgery(status: 400, request: head(right, more: "Origin: https://evil.example\r\n")),
        ]
    }

    @Test("A hundred forged callbacks come first, of eight kinds; each is answered, none ends the login, and the right one completes it")
    func hundred() async throws {
        try await Scene.with(start: .vault) { scene in
            let login = try await scene.startLogin("codex", ["--json"])
            let callback = try await login.callback()
            let address = try #require(WebAddress(callback))
            let query = try #require(address.query)
            let code = try #require(WebAddress.decodeForm(query)?["code"])
            let kinds = forgeries(address.path, query, code: code, port: address.port)
            var statuses: [Int: Int] = [:]
            for index in 0..<100 {
                let forgery = kinds[index % kinds.count]
                let answer = try await LoopbackClient().raw(forgery.request, port: address.port)
                #expect(answer.status == forgery.status, "\(forgery.request.prefix(80)): \(answer)")
                #expect(!answer.text.contains(code))
                statuses[answer.status, default: 0] += 1
            }
            #expect(statuses.values.reduce(0, +) == 100 && statuses.count == 5, "\(statuses)")
            #expect(!login.child.hasEnded)
            try await login.visit(callback)
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.json["results"].array?.first?["email"] == "ada@example.org")
            #expect(try await scene.provider.statistics()["codeGrants"] == 1)
        }
    }

    @Test("Two logins at once have a port and a state each: the one's callback is nothing to the other, and both complete")
    func two() async throws {
        try await Scene.with(start: .vault) { scene in
            let first = try await scene.startLogin("codex", ["--json"])
            let second = try await scene.startLogin("codex", ["--json"])
            let (ada, bob) = (try await first.callback("&demo_user=ada"), try await second.callback("&demo_user=bob"))
            let ports = try [ada, bob].map { try #require(WebAddress($0)?.port) }
            #expect(ports[0] != ports[1])
            let crossed = ada.replacing(":\(ports[0])/", with: ":\(ports[1])/")
            #expect(try await LoopbackClient().get(crossed).status == 400)
            try await second.visit(bob)
            try await first.visit(ada)
            for login in [first, second] {
                let outcome = await login.child.finish()
                #expect(outcome.status == 0, "\(outcome)")
            }
            let emails = try await scene.require("auth", "list", "--json").json["accounts"].array?.compactMap { $0["email"].string }
            #expect(Set(emails ?? []) == ["ada@example.org", "bob@example.org"])
        }
    }

    @Test(
        "A host that has only one family of loopback logs in over that one",
        .enabled(if: SystemCalls.isPossible && Scene.canStrike, "needs strace, and root to attach it"), arguments: [false, true])
    func oneFamily(_ usesV6: Bool) async throws {
        let configuration = #"{"schemaVersion": 1, "providers": {"codex": {"issuer": "BASE", "redirectUri": "http://localhost/callback"}}}"#
        try await Scene.with(start: .vault, configuration: configuration) { scene in
            let strace = try #require(Program.find("strace"))
            // 127.0.0.1 is bound first, then ::1.
            let fault = "inject=bind:error=EADDRNOTAVAIL:when=\(usesV6 ? 1 : 2)"
            let child = try scene.start(
                ["auth", "login", "codex", "--no-open", "--json"],
                through: [strace, "-f", "-o", scene.home.path + "/trace", "-e", "trace=bind", "-e", fault])
            let login = try await HeadlessLogin(child)
            let callback = try await login.callback()
            let port = try #require(WebAddress(callback)?.port)
            await #expect(throws: LoopbackClient.Failure.self) {
                try await LoopbackClient(usesV6: !usesV6).raw("GET / HTTP/1.1\r\nHost: localhost:\(port)\r\n\r\n", port: port)
            }
            try await login.visit(callback, by: LoopbackClient(usesV6: usesV6))
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
            #expect(try scene.home.text(scene.home.path + "/trace").contains("(INJECTED)"))
        }
    }
}
