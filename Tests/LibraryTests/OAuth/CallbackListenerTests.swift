import Platform
import Testing

@testable import OAuth

@Suite("The callback listener waits on loopback for one request and for nothing else")
struct CallbackListenerTests {
    static let state = "the-state-of-this-login"

    /// A listener on any port, already answering.
    static func start(lingering: Duration = CallbackListener.lingering) throws -> CallbackListener {
        let rule = RedirectRule(host: "127.0.0.1", path: "/callback", ports: [])
        let listener = try #require(try CallbackListener.bind(rule, only: nil))
        try listener.start(
            rule, CallbackFields(state: state, issuer: nil, issuerIsRequired: false), serverOrigin: nil,
            lingering: lingering)
        return listener
    }

    static func get(_ target: String, port: Int, host: String = "127.0.0.1") -> [UInt8] {
        Array("GET \(target) HTTP/1.1\r\nHost: \(host):\(port)\r\nAccept: text/html\r\n\r\n".utf8)
    }

    static func callback(_ code: String = "c0de", port: Int) -> [UInt8] { get("/callback?code=\(code)&state=\(state)", port: port) }

    static func code(_ answer: AuthorizationAnswer?) -> String? {
        guard case .code(let box, true) = answer, let secret = box.take() else { return nil }
        return oauthText(secret)
    }

    @Test("A hundred forged requests change nothing, and the right one then completes the login")
    func forged() async throws {
        let listener = try CallbackListenerTests.start()
        let port = listener.port
        let forged = [
            "/callback?error=access_denied", "/callback?code=x&state=wrong", "/callback", "/", "/done", "/callback?code=x&state=",
            "/callback?error=access_denied&state=wrong", "/favicon.ico", "/callback?code=a&code=b&state=\(CallbackListenerTests.state)",
            "/cancel",
        ]
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<100 {
                group.addTask {
                    let answer = await OAuthBrowser.exchange(
                        CallbackListenerTests.get(forged[index % forged.count], port: port), port: port)
                    #expect(answer?.hasPrefix("HTTP/1.1 40") == true)
                }
                if index % 10 == 9 { await group.waitForAll() }
            }
        }
        let answer = await OAuthBrowser.exchange(CallbackListenerTests.callback(port: port), port: port)
        #expect(answer?.hasPrefix("HTTP/1.1 303 See Other\r\n") == true)
        #expect(answer?.contains("\r\nLocation: /done\r\n") == true)
        #expect(await CallbackListenerTests.code(listener.wait()) == "c0de")
        await listener.close(lingering: false)
    }

    @Test("After the hit only /done is answered, a second callback does not count, and then nobody listens any more")
    func afterTheHit() async throws {
        let listener = try CallbackListenerTests.start(lingering: .seconds(60))
        let port = listener.port
        let requests = [
            CallbackListenerTests.callback("first", port: port), CallbackListenerTests.callback("second", port: port),
            CallbackListenerTests.get("/done", port: port),
        ]
        // Connected before the first one is sent: the page is served for a while only.
        let answers = await onOwnThread {
            requests.map { (OAuthBrowser(.v4, port: port), $0) }.map { browser, request in
                browser?.send(request)
                return String((browser?.receiveAll() ?? "").prefix(12))
            }
        }
        #expect(answers == ["HTTP/1.1 303", "HTTP/1.1 400", "HTTP/1.1 200"])
        await listener.close(lingering: true)
        for family in LoopbackSocket.Family.allCases {
            #expect(await OAuthBrowser.exchange(CallbackListenerTests.get("/done", port: port), port: port, family) == nil)
        }
        #expect(await CallbackListenerTests.code(listener.wait()) == "first")
    }

    @Test("An error redirect with the right state ends the wait with the error")
    func denied() async throws {
        let listener = try CallbackListenerTests.start()
        let port = listener.port
        _ = await OAuthBrowser.exchange(
            CallbackListenerTests.get(
                "/callback?error=access_denied&error_description=no&state=\(CallbackListenerTests.state)", port: port), port: port)
        guard case .denied(let error, let description) = await listener.wait() else {
            Issue.record("no error was delivered")
            return
        }
        #expect(error == "access_denied")
        #expect(description == "no")
        await listener.close(lingering: false)
    }

    @Test("Both families of loopback answer on one port", .enabled(if: OAuthBrowser.hasV6))
    func bothFamilies() async throws {
        let listener = try CallbackListenerTests.start()
        for family in LoopbackSocket.Family.allCases {
            let answer = await OAuthBrowser.exchange(CallbackListenerTests.get("/", port: listener.port), port: listener.port, family)
            #expect(answer?.hasPrefix("HTTP/1.1 404 ") == true)
        }
        // The name in the Host header counts, not the family it came over.
        let answer = await OAuthBrowser.exchange(CallbackListenerTests.callback(port: listener.port), port: listener.port, .v6)
        #expect(answer?.hasPrefix("HTTP/1.1 303 ") == true)
        await listener.close(lingering: false)
    }

    @Test("Seventy connections that say nothing do not keep the right one out")
    func halfOpen() async throws {
        let listener = try CallbackListenerTests.start()
        let port = listener.port
        let silent = (0..<70).compactMap { index -> OAuthBrowser? in
            let client = OAuthBrowser(.v4, port: port)
            if index % 2 == 0 { client?.send(Array("GET /callback?code=".utf8)) }
            return client
        }
        #expect(silent.count == 70)
        let answer = await OAuthBrowser.exchange(CallbackListenerTests.callback(port: port), port: port)
        #expect(answer?.hasPrefix("HTTP/1.1 303 ") == true)
        #expect(await CallbackListenerTests.code(listener.wait()) == "c0de")
        await listener.close(lingering: false)
        extendLifetime(silent)
    }

    @Test("A request that comes in pieces is read as a whole")
    func pieces() async throws {
        let listener = try CallbackListenerTests.start()
        let port = listener.port
        let request = CallbackListenerTests.callback(port: port)
        let answer = await onOwnThread { () -> String? in
            guard let client = OAuthBrowser(.v4, port: port) else { return nil }
            for byte in request { client.send([byte]) }
            return client.receiveAll()
        }
        #expect(answer?.hasPrefix("HTTP/1.1 303 ") == true)
        await listener.close(lingering: false)
    }

    @Test("A head above 8 KiB gets 431, and the login goes on", arguments: [8193, 100_000])
    func tooLarge(_ size: Int) async throws {
        let listener = try CallbackListenerTests.start()
        let port = listener.port
        let start = "GET /callback?code=c0de&state=\(CallbackListenerTests.state) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nX: "
        let long = Array((start + String(repeating: "a", count: size - start.utf8.count - 4) + "\r\n\r\n").utf8)
        let answer = await OAuthBrowser.exchange(long, port: port)
        #expect(answer?.hasPrefix("HTTP/1.1 431 ") == true)
        let right = await OAuthBrowser.exchange(CallbackListenerTests.callback(port: port), port: port)
        #expect(right?.hasPrefix("HTTP/1.1 303 ") == true)
        await listener.close(lingering: false)
    }

    @Test("A head of exactly 8 KiB is read")
    func largest() async throws {
        let listener = try CallbackListenerTests.start()
        let port = listener.port
        let start = "GET /callback?code=c0de&state=\(CallbackListenerTests.state) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nX: "
        let long = Array((start + String(repeating: "a", count: 8192 - start.utf8.count - 4) + "\r\n\r\n").utf8)
        #expect(long.count == 8192)
        #expect(await OAuthBrowser.exchange(long, port: port)?.hasPrefix("HTTP/1.1 303 ") == true)
        await listener.close(lingering: false)
    }

    @Test(
        "A port of which one family is taken is not used: the next one is, or none", .enabled(if: OAuthBrowser.hasV6),
        arguments: LoopbackSocket.Family.allCases)
    func takenPort(_ family: LoopbackSocket.Family) throws {
        let holder = try LoopbackSocket.bind(family, port: 0)
        let taken = holder.port
        #expect(try CallbackListener.bind(RedirectRule(host: "localhost", path: "/", ports: [taken]), only: nil) == nil)
        let free = try #require(try CallbackListener.bind(RedirectRule(host: "localhost", path: "/", ports: []), only: nil)).port
        let next = try CallbackListener.bind(RedirectRule(host: "localhost", path: "/", ports: [taken, free]), only: nil)
        #expect(next?.port == free)
        // --port N means N.
        #expect(try CallbackListener.bind(RedirectRule(host: "localhost", path: "/", ports: [free]), only: taken) == nil)
        extendLifetime(holder)
    }

    @Test("Any port means one port for both families", .enabled(if: OAuthBrowser.hasV6))
    func anyPort() throws {
        let listener = try #require(try CallbackListener.bind(RedirectRule(host: "127.0.0.1", path: "/", ports: []), only: nil))
        #expect(listener.port > 1023)
        for family in LoopbackSocket.Family.allCases {
            #expect(throws: SocketError.self) { try LoopbackSocket.bind(family, port: listener.port).port }
        }
    }

    @Test("Closed before anything came, the wait ends with nothing", arguments: [false, true])
    func closedEarly(_ lingering: Bool) async throws {
        let listener = try CallbackListenerTests.start()
        async let answer = listener.wait()
        let closed: Void? = await oauthWithin { await listener.close(lingering: lingering) }
        #expect(closed != nil)
        #expect(await CallbackListenerTests.code(answer) == nil)
        #expect(await listener.wait() == nil)
    }
}
