import Platform
import Testing

@testable import OAuth

@Suite("Claims are read from any bytes without trusting or breaking on them")
struct ClaimsTests {
    static let now = Timestamp(seconds: 1_790_000_000)
    static let good: JSONObject = [
        "iss": "https://id.example.org", "sub": "ada", "aud": "cli", "iat": 1_790_000_000, "exp": 1_790_003_600, "nonce": "n-1",
    ]

    @Test("The payload of a compact JWT is read, whatever its head and signature are")
    func decode() {
        let token = OAuthTokens.jwt(["sub": "ada", "n": 3])
        #expect(Claims.decode(SecretBytes(token))?["sub"] == "ada")
        let payload = String(token.split(separator: ".")[1])
        #expect(Claims.decode(SecretBytes("." + payload + "."))?["n"] == 3)
    }

    @Test(
        "What is no JWT has no claims",
        arguments: [
            "", ".", "..", "...", "opaque", "rt_example.x", "a.b.c", "a.e30=.c", "a.e30.c.d", "e30", "a.W10.c", "a.MQ.c", "a.bnVsbA.c",
            "a.eyJhIjoxLCJhIjoyfQ.c",
            "a.eyJhIjo.c", "a. e30.c", "a.e30\n.c", "a.\u{0}.c", "a.//8.c", "a.__8.c",
        ])
    func malformed(_ token: String) {
        #expect(Claims.decode(SecretBytes(token)) == nil)
        #expect(Claims.decode(optional: nil) == nil)
    }

    @Test("2,000 mutations of a JWT never bring it down, and some of them still read")
    func mutations() {
        let token = Array(OAuthTokens.jwt(.object(ClaimsTests.good)).utf8)
        var seed: UInt64 = 42
        func next(_ bound: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % bound
        }
        var read = 0
        for _ in 0..<2000 {
            var mutated = token
            for _ in 0...next(4) where !mutated.isEmpty {
                let at = next(mutated.count)
                switch next(4) {
                case 0: mutated[at] = UInt8(next(256))
                case 1: mutated.remove(at: at)
                case 2: mutated.insert(UInt8(next(256)), at: at)
                default: mutated = Array(mutated.prefix(max(1, at)))
                }
            }
            if let claims = Claims.decode(SecretBytes(copying: mutated.span)) {
                read += 1
                _ = Claims.problem(idToken: claims, issuer: "x", clientId: "cli", nonce: "n", now: ClaimsTests.now)
                _ = Claims.seconds(claims["exp"])
            }
        }
        #expect(read > 20 && read < 1900)
    }

    @Test(
        "A NumericDate may be a float, and nothing else",
        arguments: [
            ("1790000000", 1_790_000_000), ("1790000000.75", 1_790_000_000), ("1.79e9", 1_790_000_000), ("-1.5", -2), ("0", 0),
            (#""1790000000""#, nil), ("null", nil),
            ("true", nil), ("1e12", nil), ("1e400", nil), ("-1e300", nil), ("[1]", nil),
        ] as [(String, Int?)])
    func seconds(_ literal: String, _ expected: Int?) throws {
        #expect(Claims.seconds(try JSONValue(parsing: literal)) == expected)
    }

    /// A change of a good id_token and a word of what is said about it; nil where nothing is.
    static let idTokens: [(String, JSONObject, String?)] = [
        ("nothing", [:], nil),
        ("aud as a list", ["aud": ["cli"]], nil),
        ("two audiences with azp", ["aud": ["cli", "api"], "azp": "cli"], nil),
        ("two audiences without azp", ["aud": ["cli", "api"]], "several clients"),
        ("two audiences, azp another", ["aud": ["cli", "api"], "azp": "api"], "authorized party"),
        ("azp another", ["azp": "api"], "authorized party"),
        ("another audience", ["aud": "other"], "another client"),
        ("audience in other letters", ["aud": "CLI"], "another client"),
        ("audiences without us", ["aud": ["a", "b"], "azp": "cli"], "another client"),
        ("no audience", ["aud": nil], "another client"),
        ("audience a number", ["aud": 7], "another client"),
        ("an empty list", ["aud": []], "another client"),
        ("another issuer", ["iss": "https://evil.example"], "issuer"),
        ("issuer with a slash", ["iss": "https://id.example.org/"], "issuer"),
        ("no issuer", ["iss": nil], "issuer"),
        (
            "times as floats", ["iat": .number(JSONNumber(literal: "1790000000.5")), "exp": .number(JSONNumber(literal: "1790003600.5"))],
            nil
        ),
        ("no exp", ["exp": nil], "no exp or iat"), ("no iat", ["iat": nil], "no exp or iat"),
        ("exp as a text", ["exp": "1790003600"], "no exp or iat"),
        ("expires when issued", ["exp": 1_790_000_000], "before it was issued"),
        ("expires before", ["exp": 1_789_999_999], "before it was issued"),
        ("a clock half a day ahead", ["iat": 1_789_950_000, "exp": 1_789_953_600], nil),
        ("a clock half a day behind", ["iat": 1_790_050_000, "exp": 1_790_053_600], nil),
        ("a clock a day and a half ahead", ["iat": 1_789_866_800, "exp": 1_789_870_400], nil),
        ("expired two days ago", ["iat": 1_789_800_000, "exp": 1_789_803_600], "expired more than two days ago"),
        ("issued in two days", ["iat": 1_790_172_901, "exp": 1_790_176_500], "in the future"),
        ("another nonce", ["nonce": "n-2"], "nonce"), ("no nonce", ["nonce": nil], "nonce"), ("nonce a number", ["nonce": 1], "nonce"),
        ("unknown members", ["at_hash": "x", "email": "a@b", "groups": ["x"]], nil),
    ]

    @Test("An id_token is held to OpenID Connect Core 3.1.3.7, with two days of tolerance for clocks", arguments: 0..<30)
    func idToken(_ index: Int) throws {
        #expect(ClaimsTests.idTokens.count == 30)
        let (name, change, expected) = ClaimsTests.idTokens[index]
        var claims = ClaimsTests.good
        // JSON null stands for "not there": a claim that is null says nothing.
        for member in change.members { claims[member.name] = member.value }
        let problem = Claims.problem(
            idToken: .object(claims), issuer: "https://id.example.org", clientId: "cli", nonce: "n-1", now: ClaimsTests.now)
        if let expected {
            #expect(problem?.contains(expected) == true, "\(name): \(problem ?? "accepted")")
        } else {
            #expect(problem == nil, "\(name)")
        }
    }

    @Test("Without a configured issuer or a nonce neither is asked for")
    func optional() {
        let problem = Claims.problem(
            idToken: ["aud": "cli", "iat": 1_790_000_000, "exp": 1_790_000_001], issuer: nil, clientId: "cli", nonce: nil,
            now: ClaimsTests.now)
        #expect(problem == nil)
    }
}
