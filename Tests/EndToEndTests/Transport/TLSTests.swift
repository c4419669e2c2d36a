import Platform
import TestSupport
import Testing

@Suite(
    "Over TLS, with an authority of the test's own", .serialized,
    .enabled(if: TLSProxy.isPossible, "python3 or openssl is missing: apt-get install python3 openssl"))
struct TLSTests {
    /// The provider with its token endpoint behind TLS; a person's browser goes to it directly.
    private func with(
        _ flags: [String] = [], issuer: String? = nil, network: String = "", _ body: (Scene, TLSProxy) async throws -> Void
    ) async throws {
        let proxy = try await TLSProxy(flags)
        let configuration = """
            {"schemaVersion": 1, \(network.replacing("CERTIFICATE", with: proxy.certificate))
             "providers": {"codex": {"issuer": "\(issuer ?? proxy.base)", "redirectUri": "http://127.0.0.1/callback",
               "endpoints": {"authorization": "BASE/oauth/authorize"}}}}
            """
        do {
            try await Scene.with(start: .vault, configuration: configuration) { scene in
                proxy.connect(to: scene.provider.base)
                try await body(scene, proxy)
            }
            await proxy.stop()
        } catch {
            await proxy.stop()
            throw error
        }
    }

    static let caFile = #""network": {"caFile": "CERTIFICATE"},"#

    @Test(
        "Login and refresh work with an authority that SSL_CERT_FILE or network.caFile names, and with nothing else",
        arguments: [true, false])
    func works(_ byVariable: Bool) async throws {
        try await with(network: byVariable ? "" : Self.caFile) { scene, proxy in
            if byVariable { scene.variables.withLock { $0["SSL_CERT_FILE"] = proxy.certificate } }
            try await scene.login()
            try await scene.require("auth", "refresh", "codex")
            let account = try #require(try await scene.require("auth", "list", "--json").json["accounts"].array?.first)
            #expect(account["insecure"] == false)
            #expect(try await scene.provider.statistics()["rotations"] == 1)
            guard byVariable else { return }

            scene.variables.withLock { $0["SSL_CERT_FILE"] = nil }
            let outcome = try await scene.run("auth", "refresh", "codex", "--json")
            Refusal(5, "network", "authority that this machine does not know", "SSL_CERT_FILE").check(outcome)
            #expect(try await scene.provider.statistics()["rotations"] == 1, "nothing left this machine")
            #expect(try await scene.run("token", "codex").status == 0, "and nothing was lost")
        }
    }

    /// What is wrong with the certificate, whether its authority is known, and the words that only this fault gets.
    static let faults: [(flags: [String], isKnown: Bool, words: String)] = [
        (["--name", "other.example"], true, "its certificate is for another name"), (["--expired"], true, "its certificate has expired"),
        ([], false, "comes from an authority that this machine does not know"),
    ]

    @Test(
        "Another name, an expired and an unknown certificate are refused before the code is sent, each in its own words", arguments: 0..<3)
    func refused(_ index: Int) async throws {
        let fault = Self.faults[index]
        try await with(fault.flags) { scene, proxy in
            if fault.isKnown { scene.variables.withLock { $0["SSL_CERT_FILE"] = proxy.certificate } }
            let before = scene.home.stores()
            let login = try await scene.startLogin("codex", ["--json"])
            let outcome = try await login.complete()
            Refusal(5, "network", fault.words).check(outcome)
            for other in Self.faults where other.words != fault.words { #expect(!outcome.complaint.contains(other.words), "\(outcome)") }
            #expect(try await scene.provider.statistics()["tokenRequests"] == 0)
            #expect(scene.home.stores() == before)
        }
    }

    @Test("A server that speaks nothing newer than TLS 1.1 is sent nothing; with TLS 1.2 it is", arguments: ["1.1", "1.2"])
    func versions(_ newest: String) async throws {
        try await with(["--tls", newest], network: Self.caFile) { scene, proxy in
            let address = String(proxy.base.dropFirst("https://".count))
            let talk = ["s_client", "-connect", address, "-tls1_" + newest.suffix(1), "-cipher", "DEFAULT@SECLEVEL=0"]
            let control = try await Child(try #require(Program.find("openssl")), talk, environment: scene.home.environment).finish()
            #expect(control.text.contains("TLSv\(newest)"), "who asks for it can speak that version: \(control)")
            let outcome = try await (try await scene.startLogin("codex", ["--json"])).complete()
            if newest == "1.2" {
                #expect(outcome.status == 0, "\(outcome)")
            } else {
                Refusal(5, "network", "protocol version").check(outcome)
            }
            #expect(try await scene.provider.statistics()["tokenRequests"] == (newest == "1.2" ? 1 : 0))
        }
    }

    @Test(
        "A name outside of this machine goes through the proxy, TLS and all",
        arguments: ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "network.proxy"])
    func proxied(_ way: String) async throws {
        let name = "login.example.test"
        let tunnel = Guarded<ConnectProxy?>(nil)
        try await with(["--name", name], issuer: "https://" + name) { scene, proxy in
            let made = try await ConnectProxy(name, to: proxy.base)
            tunnel.withLock { $0 = made }
            scene.variables.withLock { $0["SSL_CERT_FILE"] = proxy.certificate }
            if way == "network.proxy" {
                let written = try scene.home.text(scene.home.configurationFile)
                try scene.home.configure(
                    written.replacing("\"schemaVersion\": 1,", with: "\"schemaVersion\": 1, \"network\": {\"proxy\": \"\(made.base)\"},"))
            } else {
                scene.variables.withLock { $0[way] = made.base }
            }
            try await scene.login()
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.provider.statistics()["rotations"] == 1)
        }
        let lines = await tunnel.withLock { $0 }?.stop()
        #expect(lines == Array(repeating: "CONNECT \(name):443 HTTP/1.1", count: 2))
    }

    @Test("A proxy that refuses the name is exit 5 and network, and the code was not sent")
    func refusedByProxy() async throws {
        try await with(["--name", "login.example.test"], issuer: "https://login.example.test") { scene, proxy in
            let tunnel = try await ConnectProxy("another.example.test", to: proxy.base)
            scene.variables.withLock { $0 = ["SSL_CERT_FILE": proxy.certificate, "HTTPS_PROXY": tunnel.base] }
            let outcome = try await scene.startLogin("codex", ["--json"]).complete()
            Refusal(5, "network").check(outcome)
            #expect(try await scene.provider.statistics()["tokenRequests"] == 0)
            #expect(await tunnel.stop() == ["CONNECT login.example.test:443 HTTP/1.1"])
        }
    }

    @Test("Loopback never goes through a proxy, over TLS or plain, by whatever name", arguments: ["TLS", "127.0.0.1", "localhost"])
    func loopback(_ way: String) async throws {
        try await with { scene, proxy in
            let tunnel = try await ConnectProxy("nothing.example.test", to: proxy.base)
            let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
            scene.variables.withLock { variables in
                for name in names { variables[name] = tunnel.base }
                variables["SSL_CERT_FILE"] = proxy.certificate
            }
            if way != "TLS" { try scene.configure(Scene.configuration) }
            if way == "localhost" {
                try scene.home.configure(
                    try scene.home.text(scene.home.configurationFile).replacing("http://127.0.0.1:", with: "http://localhost:"))
            }
            try await scene.login()
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.provider.statistics()["rotations"] == 1)
            #expect(await tunnel.stop() == [])
        }
    }
}
