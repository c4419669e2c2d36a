import Platform
import Testing

struct WebAddressTests {
    @Test(
        "An absolute http or https address is taken apart",
        arguments: [
            ("https://Example.COM", "https://example.com", "/", nil), ("https://example.com:443/a?b=c", "https://example.com", "/a", "b=c"),
            ("https://example.com:8443/a/b", "https://example.com:8443", "/a/b", nil),
            ("HTTP://localhost:1455/auth/callback", "http://localhost:1455", "/auth/callback", nil),
            ("http://127.0.0.1:80/", "http://127.0.0.1", "/", nil), ("http://127.0.0.1:443", "http://127.0.0.1:443", "/", nil),
            ("https://[2001:DB8::1]:8443/x", "https://[2001:db8::1]:8443", "/x", nil), ("http://[::1]", "http://[::1]", "/", nil),
            ("https://a?x=1", "https://a", "/", "x=1"), ("https://a?", "https://a", "/", ""), ("https://a/?b?c", "https://a", "/", "b?c"),
            ("https://a_b.c-d.e/", "https://a_b.c-d.e", "/", nil), ("https://a/b@c:d", "https://a", "/b@c:d", nil),
            ("https://a:65535", "https://a:65535", "/", nil), ("https://a/%2F", "https://a", "/%2F", nil),
        ] as [(String, String, String, String?)])
    func accepts(_ text: String, _ origin: String, _ path: String, _ query: String?) throws {
        let address = try #require(WebAddress(text))
        #expect(address.origin == origin)
        #expect(address.path == path)
        #expect(address.query == query)
        let again = try #require(WebAddress(address.description))
        #expect(again.origin == origin && again.path == path && again.query == query)
    }

    @Test(
        "Whatever two programs could read differently is refused",
        arguments: [
            "", "/", "a.com", "//a.com", "https:", "https:/a", "https:a", "https://", "https:///a", "ftp://a", "file:///etc/passwd",
            "javascript:alert(1)", "httpss://a", " https://a", "https://user@host/", "https://user:pw@host/", "https://good.com@evil.com",
            #"https://good.com\@evil.com/"#, #"https://good.com\evil.com"#, #"https:\\good.com"#, "https://a#f", "https://a/#f",
            "https://a/b?c#d",
            "https://a:/", "https://a:0/", "https://a:65536/", "https://a:+80/", "https://a:-1/", "https://a:8x/", "https://a:8 0/",
            "https://a:1:2/",
            "https://a:99999999999999999999/", "https://:80/", "https://a b/", "https://a/ b", "https://a/\n", "https://a/\t",
            "https://a\u{0}/",
            "https://a/\u{7F}", "https://é.com/", "https://a/é", "https://a%2fb/", "https://a%00/", "https://a,b/", "https://a;b/",
            "https://[::1", "https://::1]/", "https://[::1]x/", "https://[::1]:/", "https://[g::1]/", "https://[]/",
            "https://[::1%25eth0]/",
            "https://*.a/", "https://a*/", "https://$(id)/", "https://a/" + String(repeating: "x", count: 8192),
        ])
    func refuses(_ text: String) { #expect(WebAddress(text) == nil) }

    @Test(
        "Tokens travel over TLS or stay on this machine",
        arguments: [
            ("https://example.com", true), ("https://127.0.0.1", true), ("http://127.0.0.1:1", true), ("http://localhost", true),
            ("http://LOCALHOST:9/", true), ("http://[::1]:9/", true), ("http://example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://localhost.example.com", false), ("http://localhost.", false), ("http://0.0.0.0", false), ("http://127.0.0.2", false),
            ("http://2130706433", false), ("http://127.1", false), ("http://0x7f.1", false), ("http://[::ffff:127.0.0.1]", false),
            ("http://[::]", false), ("http://192.168.0.1", false),
        ])
    func acceptable(_ text: String, _ expected: Bool) throws { #expect(try #require(WebAddress(text)).isAcceptable == expected) }

    @Test("Another scheme, host or port is another origin")
    func origins() throws {
        let one = try #require(WebAddress("https://a.com/x"))
        for other in ["http://a.com/x", "https://b.com/x", "https://a.com:444/x", "https://a.com./x", "https://www.a.com/x"] {
            #expect(try #require(WebAddress(other)).origin != one.origin)
        }
        for same in ["https://a.com", "HTTPS://A.COM:443/y?z"] { #expect(try #require(WebAddress(same)).origin == one.origin) }
    }

    @Test(
        "A form is split and decoded",
        arguments: [
            ("", [:]), ("a=1&b=2", ["a": "1", "b": "2"]), ("a=%20+%C3%A9", ["a": "  é"]), ("a", ["a": ""]), ("a=", ["a": ""]),
            ("a=b=c", ["a": "b=c"]), ("&&a=1&", ["a": "1"]), ("%61=%3d%26", ["a": "=&"]), ("A=1&a=2", ["A": "1", "a": "2"]),
        ] as [(String, [String: String])])
    func form(_ text: String, _ fields: [String: String]) { #expect(WebAddress.decodeForm(text) == fields) }

    @Test(
        "A form with a name twice or a broken escape is refused",
        arguments: [
            "a=1&a=1", "a=1&a=2", "a=1&%61=2", "a&a", "state=x&code=1&state=y", "a=%", "a=%4", "a=%zz", "%=1", "a=%FF", "a=%C3", "a=%C0%80",
        ])
    func badForm(_ text: String) { #expect(WebAddress.decodeForm(text) == nil) }

    @Test("Everything but unreserved characters is percent-encoded, for secrets too, and decodes again")
    func encoding() {
        #expect(WebAddress.encode("AZaz09-._~") == "AZaz09-._~")
        #expect(WebAddress.encode("é/ &=+%\n\u{0}") == "%C3%A9%2F%20%26%3D%2B%25%0A%00")
        let hard = String(String.UnicodeScalarView((0..<0x250).compactMap(Unicode.Scalar.init))) + "😀"
        #expect(WebAddress.decodeForm("x=" + WebAddress.encode(hard)) == ["x": hard])
        var buffer = SecretBuffer()
        WebAddress.encode(secret: SecretBytes(hard), into: &buffer)
        #expect(text(buffer.finish()) == WebAddress.encode(hard))
    }
}
