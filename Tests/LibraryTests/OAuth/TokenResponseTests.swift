import Platform
import Testing

@testable import OAuth

@Suite("A token answer is read strictly where it matters and leniently where servers differ")
struct TokenResponseTests {
    /// What was read, in copyable words; the reason where nothing was.
    struct Read {
        var access = ""
        var refresh: String?
        var identity: String?
        var expiresIn: Int?
        var scopes: [String]?
        var problem: String?

        init(_ body: String) {
            do throws(TokenResponse.Malformed) {
                let response = try TokenResponse(SecretBytes(body))
                access = oauthText(response.accessToken)
                refresh = oauthText(optional: response.refreshToken)
                identity = oauthText(optional: response.idToken)
                expiresIn = response.expiresIn
                scopes = response.scopes
            } catch { problem = error.reason }
        }
    }

    @Test("A whole answer is read, unknown members are ignored")
    func whole() {
        let read = Read(
            #"{"id_token":"i.d.t","access_token":"at","refresh_token":"rt_\u0061","expires_in":864000,"token_type":"bearer","scope":"openid  email","x":{"y":[1]}}"#
        )
        #expect(read.problem == nil)
        #expect(read.access == "at")
        #expect(read.refresh == "rt_a")
        #expect(read.identity == "i.d.t")
        #expect(read.expiresIn == 864_000)
        #expect(read.scopes == ["openid", "email"])
    }

    @Test(
        "An access token alone is an answer",
        arguments: [
            #"{"access_token":"at"}"#, #" {"access_token":"at","refresh_token":null,"id_token":null,"token_type":null,"scope":null} "#,
        ])
    func least(_ body: String) {
        let read = Read(body)
        #expect(read.problem == nil)
        #expect(read.access == "at")
        #expect(read.refresh == nil)
        #expect(read.expiresIn == nil)
        #expect(read.scopes == nil)
    }

    /// A body that is no token answer, and a word of the reason.
    static let malformedBodies: [(String, String)] = [
        ("", "no JSON"), ("<html></html>", "no JSON"), ("null", "no JSON object"), ("[]", "no JSON object"),
        ("[{\"access_token\":\"at\"}]", "no JSON object"),
        ("\"at\"", "no JSON object"), ("{}", "no access_token"), (#"{"access_token":null}"#, "no access_token"),
        (#"{"access_token":""}"#, "access_token is empty"),
        (#"{"access_token":7}"#, "access_token is no string"), (#"{"access_token":["at"]}"#, "access_token is no string"),
        (#"{"access_token":"at""#, "no JSON"),
        (#"{"access_token":"at"}x"#, "no JSON"), (#"{"access_token":"a","access_token":"b"}"#, "no JSON"),
        (#"{"access_token":"at","refresh_token":"a","refresh_token":"b"}"#, "no JSON"), (#"{"access_token":"at","x":1,"x":2}"#, "no JSON"),
        (#"{"access_token":"at","refresh_token":""}"#, "refresh_token is empty"),
        (#"{"access_token":"at","refresh_token":5}"#, "refresh_token is no string"),
        (#"{"access_token":"at","refresh_token":{}}"#, "refresh_token is no string"),
        (#"{"access_token":"at","refresh_token":false}"#, "refresh_token is no string"),
        (#"{"access_token":"at","id_token":""}"#, "id_token is empty"), (#"{"access_token":"a\nb"}"#, "characters that no token has"),
        (#"{"access_token":"a b"}"#, "characters that no token has"), (#"{"access_token":"a\u0000"}"#, "characters that no token has"),
        (#"{"access_token":"at\r\nX: y"}"#, "characters that no token has"),
        (#"{"access_token":"a\u007f"}"#, "characters that no token has"),
        (#"{"access_token":"ä"}"#, "characters that no token has"),
        (#"{"access_token":"at","refresh_token":"r\tt"}"#, "characters that no token has"),
        (#"{"access_token":"at","token_type":"mac"}"#, "token_type"), (#"{"access_token":"at","token_type":""}"#, "token_type"),
        (#"{"access_token":"at","token_type":1}"#, "token_type"), (#"{"access_token":"at","token_type":"N_A"}"#, "token_type"),
        (#"{"error":"invalid_grant"}"#, "no access_token"),
        ("{\"access_token\":\"\(String(repeating: "a", count: 49153))\"}", "access_token is empty or holds"),
    ]

    @Test("What is no whole token answer is malformed, never guessed at", arguments: malformedBodies)
    func malformed(_ body: String, _ reason: String) {
        #expect(Read(body).problem?.contains(reason) == true)
    }

    @Test("A reason never repeats the body", arguments: malformedBodies)
    func noEcho(_ body: String, _ reason: String) {
        let marked = body.replacing("at", with: "S3CRET")
        #expect(Read(marked).problem?.contains("S3CRET") != true)
    }

    @Test("The token type is compared without case", arguments: ["Bearer", "bearer", "BEARER", "bEaReR"])
    func tokenType(_ type: String) {
        #expect(Read(#"{"access_token":"at","token_type":"\#(type)"}"#).problem == nil)
    }

    @Test(
        "expires_in is read as a number or a text; nonsense counts as not said",
        arguments: [
            ("3600", 3600), ("3600.9", 3600), (#""3600""#, 3600), ("0", 0), ("-1", -1), ("-1e18", -1), ("1e18", 1_000_000_000_000),
            ("1e400", nil), (#""soon""#, nil),
            (#""""#, nil), ("null", nil), ("true", nil), ("[]", nil), (#""nan""#, nil), (#""inf""#, nil),
            ("999999999999999999999", 1_000_000_000_000),
        ] as [(String, Int?)])
    func expiresIn(_ literal: String, _ expected: Int?) {
        let read = Read(#"{"access_token":"at","expires_in":\#(literal)}"#)
        #expect(read.problem == nil)
        #expect(read.expiresIn == expected)
    }

    /// expires_in, exp - iat, and the lifetime that follows.
    static let lifetimes: [(Int?, Int?, Int)] = [
        (3600, nil, 3600), (nil, 864_000, 864_000), (3600, 864_000, 3600), (864_000, 3600, 3600), (nil, nil, 3600), (0, nil, 1),
        (-1, nil, 1), (nil, -50, 1),
        (3600, -50, 1), (1_000_000_000_000, nil, 2_592_000), (2_592_001, nil, 2_592_000), (1, nil, 1), (1_000_000_000_000, 60, 60),
    ]

    @Test(
        "A token lives for the smaller of expires_in and exp - iat, between a second and thirty days; an hour if nobody says",
        arguments: lifetimes)
    func lifetime(_ expiresIn: Int?, _ span: Int?, _ expected: Int) {
        // A server whose clock is years off says the same.
        for issued in [1_790_000_000, 0, 4_000_000_000] {
            let claims: JSONValue? = span.map { ["iat": .number(JSONNumber(issued)), "exp": .number(JSONNumber(issued + $0))] }
            #expect(TokenLifetime.seconds(expiresIn: expiresIn, claims: claims) == expected)
        }
        #expect(TokenLifetime.seconds(expiresIn: expiresIn, claims: ["exp": 5]) == TokenLifetime.seconds(expiresIn: expiresIn, claims: nil))
    }

    /// Lifetime, wish, margin.
    static let margins: [(Int, Int?, Int)] = [
        (3600, nil, 300), (1500, nil, 300), (1499, nil, 299), (100, nil, 20), (1, nil, 0), (864_000, nil, 300), (3600, 0, 300),
        (3600, 300, 300), (3600, 301, 301),
        (3600, 1800, 1800), (3600, 1801, 1800), (3600, .max, 1800), (3600, -1, 300), (3600, .min, 300), (10, 100, 5),
        (864_000, 500_000, 432_000),
    ]

    @Test("The margin is five minutes or 20 %, or the caller's wish up to half the lifetime", arguments: margins)
    func margin(_ lifetime: Int, _ minimum: Int?, _ expected: Int) {
        #expect(TokenLifetime.margin(lifetime: lifetime, minimum: minimum) == expected)
    }
}
