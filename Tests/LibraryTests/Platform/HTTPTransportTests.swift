import Platform
import Testing

struct HTTPTransportTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\nX-Two: a\r\nx-two: b\r\n\r\n{}"

    private func transport(proxy: String? = nil) -> HTTPTransport {
        var settings = HTTPTransport.Settings(userAgent: "tests/1")
        settings.proxy = proxy
        return HTTPTransport(settings)
    }

    /// The failure of a request; nil if there was an answer.
    private func failure(_ request: consuming HTTPRequest, proxy: String? = nil) async -> HTTPFailure? {
        do throws(HTTPFailure) {
            _ = try await transport(proxy: proxy).send(request)
            return nil
        } catch { return error }
    }

    @Test("A request says what it was given, and its whole answer comes back")
    func exchange() async throws {
        try await ScriptedServer.with(.answer(Self.ok)) { server in
            var request = HTTPRequest(.post, "http://127.0.0.1:\(server.port)/token?x=1")
            request.body = SecretBytes("grant_type=refresh_token")
            request.contentType = "application/x-www-form-urlencoded"
            request.bearer = SecretBytes("the-token")
            request.headers = [(name: "X-Mine", value: "yes")]
            let response = try await transport().send(request)
            #expect(response.status == 200)
            #expect(response.header("content-type") == "application/json")
            #expect(response.header("x-two") == "b")
            #expect(response.header("none") == nil)
            #expect(response.isHTML == false)
            #expect(copy(of: response.body) == Array("{}".utf8))

            let asked = try #require(server.requests.first)
            let lines = asked.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
            #expect(lines[0] == "POST /token?x=1 HTTP/1.1")
            for line in [
                "Host: 127.0.0.1:\(server.port)", "User-Agent: tests/1", "Accept: application/json", "Authorization: Bearer the-token",
                "Content-Type: application/x-www-form-urlencoded", "X-Mine: yes", "Content-Length: 24",
            ] { #expect(lines.contains(line), "\(line)") }
            #expect(lines.last == "grant_type=refresh_token")
            #expect(!asked.contains("Expect:"))
        }
    }

    @Test("Every request has a connection of its own and is sent once")
    func once() async throws {
        try await ScriptedServer.with(.answer(Self.ok)) { server in
            for _ in 0..<3 { _ = try await transport().send(HTTPRequest(.get, "http://127.0.0.1:\(server.port)/")) }
            #expect(server.requests.count == 3)
            #expect(server.requests.allSatisfy { $0.hasPrefix("GET / HTTP/1.1\r\n") })
        }
    }

    @Test("A refused connection is known not to have carried the request")
    func refusedConnection() async throws {
        let error = await failure(HTTPRequest(.post, "http://127.0.0.1:\(try ScriptedServer.unusedPort())/"))
        #expect(error?.kind == .connect)
        #expect(error?.mayHaveBeenSent == false)
        #expect(error?.host == "127.0.0.1")
    }

    @Test("A host that does not exist is known not to have got the request")
    func unknownHost() async {
        let error = await failure(HTTPRequest(.post, "https://nothing.invalid/token"), proxy: "")
        #expect(error?.kind == .resolve)
        #expect(error?.mayHaveBeenSent == false)
    }

    @Test("A server that closes without an answer may have seen the request, which is not sent again")
    func hangUp() async throws {
        try await ScriptedServer.with(.hangUp) { server in
            var request = HTTPRequest(.post, "http://127.0.0.1:\(server.port)/")
            request.body = SecretBytes("refresh_token=single-use")
            let error = await failure(request)
            #expect(error?.kind == .cut)
            #expect(error?.mayHaveBeenSent == true)
            #expect(server.requests.count == 1)
        }
    }

    @Test(
        "An answer that is cut is no answer",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}",
            "garbage\r\n\r\n",
        ])
    func cut(_ answer: String) async throws {
        try await ScriptedServer.with(.answer(answer)) { server in
            let error = await failure(HTTPRequest(.get, "http://127.0.0.1:\(server.port)/"))
            #expect(error?.kind == .cut)
            #expect(error?.mayHaveBeenSent == true)
        }
    }

    @Test("A server that never answers may have seen the request when the deadline passes")
    func silence() async throws {
        try await ScriptedServer.with(.silence) { server in
            let error = await failure(HTTPRequest(.post, "http://127.0.0.1:\(server.port)/", deadline: .seconds(1)))
            #expect(error?.kind == .timeout)
            #expect(error?.mayHaveBeenSent == true)
        }
    }

    @Test("A body is taken up to its limit and refused one byte above it", arguments: [(1000, true), (1001, false)])
    func bodyLimit(_ count: Int, _ fits: Bool) async throws {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n" + String(repeating: "x", count: count)
        try await ScriptedServer.with(.answer(answer)) { server in
            var request = HTTPRequest(.get, "http://127.0.0.1:\(server.port)/")
            request.bodyLimit = 1000
            let error = await failure(request)
            #expect(error?.kind == (fits ? nil : .tooLarge))
            #expect(error?.mayHaveBeenSent == (fits ? nil : true))
        }
    }

    @Test("A redirect is an answer and is not followed", arguments: [301, 302, 303, 307, 308])
    func redirect(_ status: Int) async throws {
        try await ScriptedServer.with(.answer(Self.ok)) { target in
            let location = "http://127.0.0.1:\(target.port)/stolen"
            try await ScriptedServer.with(.answer("HTTP/1.1 \(status) Moved\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")) {
                server in
                var request = HTTPRequest(.post, "http://127.0.0.1:\(server.port)/")
                request.body = SecretBytes("refresh_token=secret")
                let response = try await transport().send(request)
                #expect(response.status == status)
                #expect(response.header("location") == location)
            }
            #expect(target.requests.isEmpty)
        }
    }

    @Test(
        "A header or token that would be two headers is refused before anything is sent",
        arguments: ["a\r\nX-Evil: 1", "a\nb", "a\u{0}b", "a\rb"])
    func injection(_ value: String) async throws {
        try await ScriptedServer.with(.answer(Self.ok)) { server in
            let url = "http://127.0.0.1:\(server.port)/"
            var header = HTTPRequest(.get, url)
            header.headers = [(name: "X-Mine", value: value)]
            var name = HTTPRequest(.get, url)
            name.headers = [(name: value, value: "x")]
            var bearer = HTTPRequest(.get, url)
            bearer.bearer = SecretBytes(value)
            for error in [await failure(header), await failure(name), await failure(bearer)] {
                #expect(error?.kind == .configuration)
                #expect(error?.mayHaveBeenSent == false)
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test("localhost is this machine: no DNS and no proxy, whatever the settings say", arguments: ["localhost", "LocalHost", "127.0.0.1"])
    func loopbackIsDirect(_ host: String) async throws {
        try await ScriptedServer.with(.answer(Self.ok)) { proxy in
            try await ScriptedServer.with(.answer(Self.ok)) { server in
                let response = try await transport(proxy: "http://127.0.0.1:\(proxy.port)").send(
                    HTTPRequest(.get, "http://\(host):\(server.port)/"))
                #expect(response.status == 200)
                #expect(server.requests.count == 1)
            }
            #expect(proxy.requests.isEmpty)
        }
    }

    @Test("Other hosts go through the proxy of the settings")
    func proxied() async throws {
        try await ScriptedServer.with(.answer(Self.ok)) { proxy in
            let response = try await transport(proxy: "http://127.0.0.1:\(proxy.port)").send(HTTPRequest(.get, "http://nothing.invalid/x"))
            #expect(response.status == 200)
            #expect(proxy.requests.first?.hasPrefix("GET http://nothing.invalid/x HTTP/1.1\r\n") == true)
        }
    }

    @Test(
        "An address that is no plain http address is refused before anything is opened",
        arguments: ["ftp://a/", "http://u:p@127.0.0.1/", "", "file:///etc/passwd"])
    func badAddress(_ url: String) async {
        let error = await failure(HTTPRequest(.get, url))
        #expect(error?.kind == .configuration)
        #expect(error?.mayHaveBeenSent == false)
    }

    @Test("The headers of an interim answer are not those of the answer")
    func interim() async throws {
        let interim =
            "HTTP/1.1 100 Continue\r\nX-First: 1\r\n\r\nHTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Type: Text/HTML; charset=utf-8\r\nContent-Length: 0\r\n\r\n"
        try await ScriptedServer.with(.answer(interim)) { server in
            let response = try await transport().send(HTTPRequest(.get, "http://127.0.0.1:\(server.port)/"))
            #expect(response.status == 503)
            #expect(response.header("x-first") == nil)
            #expect(response.retryAfter == 7)
            #expect(response.isHTML == true)
        }
    }
}
