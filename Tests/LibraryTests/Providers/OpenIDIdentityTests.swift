import OAuth
import Platform
import Providers
import Testing

@Suite("An OpenID account is its issuer and its subject")
struct OpenIDIdentityTests {
    /// id_token, access token, configured issuer, key, e-mail, name.
    static let rows: [(JSONValue?, JSONValue?, String?, String?, String?, String?)] = [
        (["iss": "https://a", "sub": "s", "email": "ada@example.org", "name": "Ada"], nil, nil, "https://a#s", "ada@example.org", "s"),
        (["iss": "https://a", "sub": "s", "preferred_username": "ada", "name": "Ada"], nil, "https://b", "https://a#s", nil, "ada"),
        (["sub": "s"], nil, "https://b", "https://b#s", nil, "s"), (["sub": "s"], nil, nil, nil, nil, nil),
        (["iss": "https://a", "sub": "s"], ["iss": "https://x", "sub": "y"], nil, "https://a#s", nil, "s"),
        (nil, ["iss": "https://x", "sub": "y"], nil, "https://x#y", nil, "y"),
        (["iss": "https://a", "sub": ""], nil, nil, nil, nil, nil), (["iss": "https://a"], nil, nil, nil, nil, nil),
        (["iss": "https://a", "sub": 5], nil, nil, nil, nil, nil),
        (["iss": "https://a", "email": "ada@example.org"], nil, nil, nil, nil, nil), (nil, nil, "https://b", nil, nil, nil),
    ]

    @Test("The key is issuer and subject, never the e-mail; the name is preferred_username, else the subject", arguments: 0..<11)
    func identity(_ index: Int) {
        #expect(OpenIDIdentityTests.rows.count == 11)
        let (id, access, issuer, key, email, name) = OpenIDIdentityTests.rows[index]
        let identity = OpenIDIdentity(issuer: issuer).identity(idToken: id, accessToken: access)
        #expect(identity?.accountKey == key)
        #expect(identity?.email == email)
        #expect(identity?.name == name)
    }

    @Test("An access token that names its subject otherwise than the id_token did is not compared with it")
    func accessTokenIsNotCompared() async throws {
        let house = try await VaultHouse()
        let client = OpenIDIdentityTests.client
        let account = try await house.login(as: "https://id.example.org#ada", client: client).account
        house.clock.advance(7200)
        let access = OAuthTokens.jwt(["iss": "https://id.example.org", "sub": "internal-4711"])
        await house.server.expect(
            .reply(200, OAuthTokens.answer(access, "rt-2")), .reply(200, OAuthTokens.answer(access, "rt-3", idToken: "not-a-jwt")))
        #expect(try await house.token(account, client: client).text == access)
        // An id_token that cannot be read says nothing either.
        #expect(try await house.token(account, .new, client: client).text == access)
        #expect(try await house.stored(account)?.refresh == "rt-3")
    }

    @Test("A refreshed id_token of another subject is somebody else's")
    func otherSubject() async throws {
        let house = try await VaultHouse()
        let account = try await house.login(as: "https://id.example.org#ada", client: OpenIDIdentityTests.client).account
        house.clock.advance(7200)
        let theirs = OAuthTokens.jwt(["iss": "https://id.example.org", "sub": "eve"])
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2", idToken: theirs)))
        #expect(await house.refusal(account, client: OpenIDIdentityTests.client)?.code == .loginRequired)
        #expect(try await house.stored(account)?.refresh == "rt-1")
    }

    static var client: OAuthClient {
        let plain = VaultHouse.client()
        var client = OAuthClient(
            provider: plain.provider, clientId: plain.clientId, scopes: plain.scopes, issuer: plain.issuer, endpoints: plain.endpoints,
            redirect: plain.redirect, identityReader: OpenIDIdentity(issuer: plain.issuer))
        client.isOpenID = true
        return client
    }
}
