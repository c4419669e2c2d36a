import Platform
import Testing

@testable import OAuth

@Suite("The callback listener accepts exactly one request: the callback of its own login")
struct CallbackRequestTests {
    static let state = "s3cretState-0123456789abcdefghijklmnopqrstu"
    static let port = 4321

    static func judge(
        _ head: [UInt8], host: String = "127.0.0.1", path: String = "/callback", issuer: String? = nil, requiresIssuer: Bool = false,
        done: Bool = false
    ) -> CallbackRequest.Verdict {
        CallbackRequest(
            rule: RedirectRule(host: host, path: path, ports: []), port: port,
            fields: CallbackFields(state: state, issuer: issuer, issuerIsRequired: requiresIssuer), serverOrigin: "https://id.example.org"
        ).judge(head, doneIsOpen: done)
    }

    static func head(
        _ target: String = "/callback?code=abcd&state=\(state)", method: String = "GET", version: String = "HTTP/1.1",
        host: String? = "127.0.0.1:4321", _ lines: String...
    ) -> [UInt8] {
        let hostLine = host.map { ["Host: \($0)"] } ?? []
        return Array((["\(method) \(target) \(version)"] + hostLine + lines).joined(separator: "\r\n").utf8) + Array("\r\n\r\n".utf8)
    }

    /// What a verdict comes to, in a word.
    static func word(_ verdict: CallbackRequest.Verdict) -> String {
        switch verdict {
        case .answer(let page): String(String(decoding: page.response, as: UTF8.self).dropFirst(9).prefix(3))
        case .done: "done"
        case .hit(.denied(let error, let description)): "denied \(error) \(description ?? "-")"
        case .hit(.code(let box, let checked)): "\(oauthText(optional: box.take()) ?? "spent") \(checked)"
        }
    }

    @Test(
        "The right callback is a hit with its code, its state checked",
        arguments: [
            head(), head(version: "HTTP/1.0"), head("/callback?state=\(state)&code=abcd"),
            head("/callback?code=%61bcd&state=\(state)&scope=a+b"),
            head("/callback?code=abcd&state=\(state)&unknown=1"), head(host: "127.0.0.1:4321", "User-Agent: x", "Accept: */*"),
            head(host: " 127.0.0.1:4321 "), head(host: nil, "hOsT: 127.0.0.1:4321"), head(host: "127.0.0.1:4321", "Origin: null"),
            head(host: "127.0.0.1:4321", "Origin: https://id.example.org"), head(host: "127.0.0.1:4321", "Content-Length: 0"),
            head("/callback?&code=abcd&&state=\(state)&"),
        ])
    func right(_ request: [UInt8]) {
        #expect(CallbackRequestTests.word(CallbackRequestTests.judge(request)) == "abcd true")
    }

    @Test(
        "The host of the registered redirect URI is compared as a whole",
        arguments: [
            ("localhost", "localhost:4321"), ("localhost", "LOCALHOST:4321"), ("[::1]", "[::1]:4321"), ("127.0.0.1", "127.0.0.1:4321"),
        ])
    func rightHost(_ host: String, _ sent: String) {
        #expect(CallbackRequestTests.word(CallbackRequestTests.judge(CallbackRequestTests.head(host: sent), host: host)) == "abcd true")
    }

    @Test(
        "Any other host is misdirected: names that an attacker's DNS points to us, other ports, no port, none",
        arguments: [
            "evil.example:4321", "127.0.0.1.evil.example:4321", "localhost:4321", "[::1]:4321", "127.0.0.1", "127.0.0.1:4322",
            "127.0.0.1:04321",
            "127.0.0.1:4321.evil.example", "127.1:4321", "2130706433:4321", "0.0.0.0:4321", "127.0.0.1:4321, evil.example",
            "user@127.0.0.1:4321", "",
            "127.0.0.1:4321\nHost: 127.0.0.1:4321",
        ])
    func wrongHost(_ host: String) {
        #expect(CallbackRequestTests.word(CallbackRequestTests.judge(CallbackRequestTests.head(host: host))) == "421")
        #expect(CallbackRequestTests.word(CallbackRequestTests.judge(CallbackRequestTests.head(host: nil))) == "421")
    }

    /// The target, and what comes of it.
    static let targets: [(String, String)] = [
        // State first, for everything.
        ("/callback?code=abcd", "400"), ("/callback?code=abcd&state=", "400"), ("/callback?code=abcd&state=wrong", "400"),
        ("/callback?code=abcd&state=\(state.dropLast())", "400"), ("/callback?code=abcd&state=\(state)x", "400"),
        ("/callback?code=abcd&state=\(state.uppercased())", "400"), ("/callback?code=abcd&STATE=\(state)", "400"),
        ("/callback?error=access_denied", "400"), ("/callback?error=access_denied&state=wrong", "400"),
        ("/callback?error=access_denied&state=\(state)", "denied access_denied -"),
        ("/callback?error=access_denied&error_description=not+today&state=\(state)", "denied access_denied not today"),
        ("/callback?error=x%1B%5B2J&error_description=%C2%9Bq&state=\(state)", "denied x\\u{1b}[2J \\u{9b}q"),
        ("/callback?error=access_denied&code=abcd&state=\(state)", "denied access_denied -"),
        ("/callback?state=\(state)", "400"), ("/callback?code=&state=\(state)", "400"),
        ("/callback?code=\(String(repeating: "c", count: 4097))&state=\(state)", "400"),
        // One of each.
        ("/callback?code=abcd&code=efgh&state=\(state)", "400"), ("/callback?code=abcd&state=\(state)&state=\(state)", "400"),
        ("/callback?code=abcd&c%6Fde=efgh&state=\(state)", "400"), ("/callback?code=abcd&state=wrong&state=\(state)", "400"),
        // Malformed.
        ("/callback?code=ab%zz&state=\(state)", "400"), ("/callback?code=ab%C3&state=\(state)", "400"),
        ("/callback?code=ab%&state=\(state)", "400"),
        ("/callback", "400"), ("/callback?", "400"), ("/callback?code=abcd&state=\(state)#top", "400"),
        ("/callback#?code=abcd&state=\(state)", "400"),
        ("http://127.0.0.1:4321/callback?code=abcd&state=\(state)", "400"), ("*", "400"), ("callback?code=abcd&state=\(state)", "400"),
        ("", "400"),
        // Another path.
        ("/", "404"), ("/callback/?code=abcd&state=\(state)", "404"), ("/Callback?code=abcd&state=\(state)", "404"),
        ("//callback?code=abcd&state=\(state)", "404"), ("/x/../callback?code=abcd&state=\(state)", "404"),
        ("/%63allback?code=abcd&state=\(state)", "404"), ("/callback;x?code=abcd&state=\(state)", "404"),
        ("/callbac?code=abcd&state=\(state)", "404"),
        ("/favicon.ico", "404"), ("/done?code=abcd&state=\(state)", "404"), ("/done/", "404"), ("/done", "404"),
    ]

    @Test("The state decides first, then the shape of the query; other paths are not found", arguments: targets)
    func target(_ target: String, _ expected: String) {
        #expect(CallbackRequestTests.word(CallbackRequestTests.judge(CallbackRequestTests.head(target))) == expected)
    }

    @Test(
        "/done is answered only after the callback, and then as written only",
        arguments: [("/done", "done"), ("/done?", "404"), ("/done?x=1", "404"), ("/Done", "404")])
    func done(_ target: String, _ expected: String) {
        #expect(CallbackRequestTests.word(CallbackRequestTests.judge(CallbackRequestTests.head(target), done: true)) == expected)
        #expect(
            CallbackRequestTests.word(CallbackRequestTests.judge(CallbackRequestTests.head("/done", host: "evil.example:4321"), done: true))
                == "421")
    }

    @Test(
        "Only GET is a way to come, even with the right state",
        arguments: ["POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "get", "GETS", "DELETE"])
    func method(_ method: String) {
        #expect(CallbackRequestTests.word(CallbackRequestTests.judge(CallbackRequestTests.head(method: method))) == "405")
    }

    /// Heads that no browser sends: the name of the trick and the bytes.
    static let tricks: [(String, [UInt8])] = {
        let good = String(decoding: head(), as: UTF8.self)
        func text(_ change: (String) -> String) -> [UInt8] { Array(change(good).utf8) }
        return [
            ("HTTP/0.9", Array("GET /callback?code=abcd&state=\(state)\r\n\r\n".utf8)), ("HTTP/2", head(version: "HTTP/2.0")),
            ("lower-case version", head(version: "http/1.1")), ("two blanks", text { "GET  " + $0.dropFirst(4) }),
            ("four words", head(version: "HTTP/1.1 x")),
            ("tab for blank", Array(String(good).utf8).enumerated().map { $0.offset == 3 ? 9 : $0.element }),
            ("NUL in the target", head("/callback?code=ab\0cd&state=\(state)")), ("NUL in a header", head(host: "127.0.0.1:4321", "X: \0")),
            ("no UTF-8", [UInt8](head().prefix(head().count - 4)) + Array("\r\nX: ".utf8) + [0xFF, 0xFE] + Array("\r\n\r\n".utf8)),
            ("folded header", head(host: "127.0.0.1:4321", "X: a", " b")),
            ("folded with a tab", head(host: "127.0.0.1:4321", "X: a", "\tb")),
            ("folded host", head(host: "127.0.0.1:4321", " evil")), ("two hosts", head(host: "127.0.0.1:4321", "Host: 127.0.0.1:4321")),
            ("two hosts in other letters", head(host: "127.0.0.1:4321", "HOST: evil.example")),
            ("header without colon", head(host: "127.0.0.1:4321", "nothing")),
            ("header without name", head(host: "127.0.0.1:4321", ": x")),
            ("foreign origin", head(host: "127.0.0.1:4321", "Origin: https://evil.example")),
            ("origin of the listener itself", head(host: "127.0.0.1:4321", "Origin: http://127.0.0.1:4321")),
            ("origin with a path", head(host: "127.0.0.1:4321", "Origin: https://id.example.org/")),
            ("empty origin", head(host: "127.0.0.1:4321", "Origin:")),
            ("two origins", head(host: "127.0.0.1:4321", "Origin: null", "Origin: null")),
            ("a body", head(host: "127.0.0.1:4321", "Content-Length: 4")),
            ("a body of 00", head(host: "127.0.0.1:4321", "Content-Length: 00")),
            ("a negative body", head(host: "127.0.0.1:4321", "Content-Length: -1")),
            ("two lengths", head(host: "127.0.0.1:4321", "Content-Length: 0", "Content-Length: 0")),
            ("a chunked body", head(host: "127.0.0.1:4321", "Transfer-Encoding: chunked")), ("nothing", []),
            ("only the empty line", Array("\r\n\r\n".utf8)),
        ]
    }()

    @Test("What no browser sends is a bad request, even with the right state", arguments: tricks)
    func trick(_ name: String, _ request: [UInt8]) {
        #expect(CallbackRequestTests.word(CallbackRequestTests.judge(request)) == "400", "\(name)")
    }

    /// iss as sent, whether it is required, and the verdict for a code and for an error (RFC 9207).
    static let issuers: [(String, Bool, String, String)] = [
        ("&iss=https%3A%2F%2Fid.example.org", false, "abcd true", "denied e -"),
        ("&iss=https%3A%2F%2Fid.example.org", true, "abcd true", "denied e -"),
        ("", false, "abcd true", "denied e -"), ("", true, "400", "denied e -"),
        ("&iss=https%3A%2F%2Fid.example.org%2F", false, "400", "400"),
        ("&iss=https%3A%2F%2Fevil.example", true, "400", "400"), ("&iss=", false, "400", "400"),
        ("&iss=HTTPS%3A%2F%2Fid.example.org", false, "400", "400"),
    ]

    @Test(
        "The issuer is compared where it is sent and demanded where it was promised; an error without it still counts", arguments: issuers)
    func issuer(_ field: String, _ required: Bool, _ forCode: String, _ forError: String) {
        func verdict(_ answer: String) -> String {
            CallbackRequestTests.word(
                CallbackRequestTests.judge(
                    CallbackRequestTests.head("/callback?\(answer)&state=\(CallbackRequestTests.state)\(field)"),
                    issuer: "https://id.example.org",
                    requiresIssuer: required))
        }
        #expect(verdict("code=abcd") == forCode)
        #expect(verdict("error=e") == forError)
    }

    @Test("No bytes at all bring it down: 5,000 mutations of the right request")
    func mutations() {
        var seed: UInt64 = 0x5DEE_CE66_D123_4567
        func next(_ bound: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % bound
        }
        var hits = 0
        for _ in 0..<5000 {
            var request = CallbackRequestTests.head(host: "127.0.0.1:4321", "User-Agent: x")
            for _ in 0...next(3) {
                let at = next(request.count)
                switch next(3) {
                case 0: request[at] = UInt8(next(256))
                case 1: request.remove(at: at)
                default: request.insert(UInt8(next(256)), at: at)
                }
            }
            let verdict = CallbackRequestTests.word(CallbackRequestTests.judge(request))
            #expect(["400", "404", "405", "421"].contains(verdict) || verdict.hasSuffix(" true"))
            if verdict.hasSuffix(" true") { hits += 1 }
        }
        // Changes of the code and of the header nobody reads must still get through, or nothing was tested.
        #expect(hits > 50 && hits < 2500)
    }
}
