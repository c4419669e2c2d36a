import Platform

@testable import OAuth
@testable import Providers

/// The claims of tokens, whole tokens and payloads alike, and what the providers make of them.
extension FuzzTarget {
    static let jwt = FuzzTarget(name: "jwt", longest: 2048) { input in
        if let claims = Claims.decode(SecretBytes(input)) { check(claims) }
        // The input as a payload, under a header and a signature that nobody reads.
        let token = "e30." + Base64.encode(input.span, .urlSafe) + ".c2ln"
        let claims = Claims.decode(SecretBytes(token))
        let value = try? JSONValue(parsing: input.span)
        hold(claims == (value?.object == nil ? nil : value), "the claims of a token are its payload, where that is an object")
        if let claims { check(claims) }
    }

    private static let readers: [any IdentityReading] = [
        CodexIdentity(), ClaudeIdentity(), OpenIDIdentity(issuer: nil), OpenIDIdentity(issuer: "https://id.example.org"),
    ]

    private static func check(_ claims: JSONValue) {
        hold(claims.object != nil, "claims are an object")
        for name in ["exp", "iat"] {
            guard let seconds = Claims.seconds(claims[name]) else { continue }
            hold(abs(seconds) <= 1_000_000_000_000, "a time is one that a clock could show")
            let moment = Timestamp(seconds: seconds)
            hold(Timestamp(moment.description) == moment, "a time that is taken from a token can be written and read: \(moment)")
        }
        for nonce in [nil, "n"] {
            let problem = Claims.problem(
                idToken: claims, issuer: "https://id.example.org", clientId: "fuzz", nonce: nonce, now: Timestamp(seconds: 1_795_251_959))
            holdShowable(problem, limit: 120, "the problem of an id_token")
            if problem == nil {
                hold(claims["iss"] == "https://id.example.org", "an id_token of another issuer is refused")
                hold(Claims.audiences(claims["aud"]).contains("fuzz"), "an id_token for another client is refused")
                hold(nonce == nil || claims["nonce"].string == nonce, "an id_token of another login is refused")
            }
        }
        let lifetime = TokenLifetime.seconds(expiresIn: nil, claims: claims)
        hold((1...30 * 86400).contains(lifetime), "a lifetime is between a second and thirty days")
        for reader in readers {
            for tokens in [(claims, nil), (nil, claims), (claims, claims)] as [(JSONValue?, JSONValue?)] {
                guard let identity = reader.identity(idToken: tokens.0, accessToken: tokens.1) else { continue }
                hold(!identity.accountKey.isEmpty, "an account has a key")
                hold(
                    !reader.contradicts(identity.accountKey, idToken: tokens.0, accessToken: tokens.1),
                    "tokens do not contradict the account that they name: \(identity.accountKey)")
            }
            for (owner, profile) in [(claims, nil), (nil, claims)] as [(JSONValue?, JSONValue?)] {
                if let identity = reader.identity(owner: owner, profile: profile) {
                    hold(!identity.accountKey.isEmpty, "an account has a key")
                }
            }
        }
    }
}
