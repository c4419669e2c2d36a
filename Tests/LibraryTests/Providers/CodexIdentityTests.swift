import OAuth
import Platform
import Providers
import Testing

@Suite("A Codex account is a user in a workspace, whatever its tokens leave out")
struct CodexIdentityTests {
    static let account = "11111111-2222-4333-8444-555555555555"
    static let user = "user-EXAMPLEuser0001"

    static func token(_ auth: JSONObject, _ root: JSONObject = [:]) -> JSONValue {
        var object: JSONObject = ["sub": "auth0|EXAMPLE0001", "https://api.openai.com/auth": .object(auth)]
        for member in root.members { object[member.name] = member.value }
        return .object(object)
    }

    static let full: JSONObject = [
        "chatgpt_account_id": .string(account), "chatgpt_user_id": .string(user), "user_id": .string(user), "chatgpt_plan_type": "plus",
        "organizations": [["id": "org-EXAMPLE", "is_default": true]], "organization_id": "org-EXAMPLE",
    ]

    @Test("Both tokens together name the user, the workspace, the plan, the e-mail and the person")
    func both() {
        let identity = CodexIdentity().identity(
            idToken: CodexIdentityTests.token(CodexIdentityTests.full, ["email": "ada@example.org", "preferred_username": "ada"]),
            accessToken: CodexIdentityTests.token(CodexIdentityTests.full))
        #expect(identity?.accountKey == "\(CodexIdentityTests.user)__\(CodexIdentityTests.account)")
        #expect(identity?.providerAccountId == CodexIdentityTests.account)
        #expect(identity?.email == "ada@example.org")
        #expect(identity?.plan == "plus")
        #expect(identity?.name == "ada")
    }

    @Test("The access token alone gives the same key, and its profile the e-mail")
    func accessTokenOnly() {
        let access = CodexIdentityTests.token(CodexIdentityTests.full, ["https://api.openai.com/profile": ["email": "ada@example.org"]])
        let identity = CodexIdentity().identity(idToken: nil, accessToken: access)
        #expect(identity?.accountKey == "\(CodexIdentityTests.user)__\(CodexIdentityTests.account)")
        #expect(identity?.email == "ada@example.org")
    }

    /// What the id_token and the access token say, and the key that follows.
    static let keys: [(JSONValue?, JSONValue?, String?)] = [
        (token(["chatgpt_user_id": "u", "chatgpt_account_id": "a"]), nil, "u__a"),
        (token(["user_id": "u", "chatgpt_account_id": "a"]), nil, "u__a"),
        (token(["chatgpt_user_id": "u1", "user_id": "u2", "chatgpt_account_id": "a"]), nil, "u1__a"),
        // One token completes the other; the id_token wins.
        (token(["chatgpt_user_id": "u"]), token(["chatgpt_account_id": "a"]), "u__a"),
        (token(["chatgpt_user_id": "u", "chatgpt_account_id": "a"]), token(["chatgpt_user_id": "x", "chatgpt_account_id": "y"]), "u__a"),
        // Less than both.
        (token(["chatgpt_account_id": "a"]), nil, "a"), (token(["chatgpt_user_id": "u"]), nil, "u"),
        (token(["chatgpt_account_id": "", "chatgpt_user_id": "u"]), nil, "u"),
        (token(["chatgpt_account_id": nil, "chatgpt_user_id": 5]), nil, "auth0|EXAMPLE0001"),
        (token([:]), nil, "auth0|EXAMPLE0001"), (["sub": "s"], nil, "s"), (nil, ["sub": "s"], "s"),
        // Organisations are those of the API platform, never the workspace.
        (token(["organizations": [["id": "org-EXAMPLE"]], "organization_id": "org-EXAMPLE", "chatgpt_user_id": "u"]), nil, "u"),
        (["organizations": [["id": "org-EXAMPLE"]], "chatgpt_account_id": "root", "sub": "s"], nil, "s"),
        // Nothing.
        (nil, nil, nil), ([:], nil, nil), (["sub": 5], nil, nil), (["https://api.openai.com/auth": "x"], nil, nil),
        (["https://api.openai.com/auth": []], ["email": "a@b"], nil),
    ]

    @Test("The key is user and workspace; never an organisation, never the e-mail", arguments: 0..<19)
    func key(_ index: Int) {
        #expect(CodexIdentityTests.keys.count == 19)
        let (id, access, expected) = CodexIdentityTests.keys[index]
        #expect(CodexIdentity().identity(idToken: id, accessToken: access)?.accountKey == expected)
    }

    @Test("A subject without a letter names nobody: an account without a key could not be read again")
    func emptySubject() {
        #expect(CodexIdentity().identity(idToken: ["sub": ""], accessToken: nil) == nil)
        #expect(CodexIdentity().identity(idToken: ["sub": ""], accessToken: ["sub": "s"])?.accountKey == "s")
    }

    @Test("Tokens never contradict the account that they name", arguments: [("_", "_"), ("__", "__"), ("a__b", "c"), ("a", "a")])
    func noSelfContradiction(_ user: String, _ account: String) throws {
        let claims = CodexIdentityTests.token(["chatgpt_user_id": .string(user), "chatgpt_account_id": .string(account)])
        let key = try #require(CodexIdentity().identity(idToken: claims, accessToken: nil)).accountKey
        #expect(!CodexIdentity().contradicts(key, idToken: claims, accessToken: nil))
    }

    @Test("The e-mail comes from the id_token, then from a profile, then from nowhere")
    func email() {
        func email(_ id: JSONValue?, _ access: JSONValue?) -> String? { CodexIdentity().identity(idToken: id, accessToken: access)?.email }
        let profile: JSONValue = ["sub": "s", "https://api.openai.com/profile": ["email": "profile@example.org"]]
        #expect(email(["sub": "s", "email": "id@example.org"], profile) == "id@example.org")
        #expect(email(["sub": "s"], profile) == "profile@example.org")
        #expect(email(profile, ["sub": "s", "email": "access@example.org"]) == "profile@example.org")
        #expect(email(["sub": "s", "email": nil], ["sub": "s"]) == nil)
        #expect(email(["sub": "s", "email": 5], ["sub": "s"]) == nil)
    }

    /// What a refresh answers; every one of these says less than the login did, and none says another.
    static let weaker: [JSONValue] = [
        ["sub": "auth0|EXAMPLE0001"], token([:]), token(["chatgpt_account_id": .string(account)]),
        token(["chatgpt_user_id": .string(user)]),
    ]

    @Test(
        "A refreshed token that names less than the login did contradicts nothing: it is kept, not set aside as somebody else's",
        arguments: 0..<4)
    func weakerRefresh(_ index: Int) async throws {
        let house = try await VaultHouse()
        let client = VaultHouse.client { $0 = CodexIdentityTests.codex($0) }
        let account = try await house.login(as: "\(CodexIdentityTests.user)__\(CodexIdentityTests.account)", client: client).account
        house.clock.advance(7200)
        let access = OAuthTokens.jwt(CodexIdentityTests.weaker[index])
        await house.server.expect(.reply(200, OAuthTokens.answer(access, "rt-2")))
        let held = try await house.token(account, client: client)
        #expect(held.text == access)
        #expect(try await house.stored(account)?.refresh == "rt-2")
    }

    @Test("A refreshed token of another workspace of the same user is somebody else's", arguments: ["other", account + "x"])
    func otherWorkspace(_ other: String) async throws {
        let house = try await VaultHouse()
        let client = VaultHouse.client { $0 = CodexIdentityTests.codex($0) }
        let account = try await house.login(as: "\(CodexIdentityTests.user)__\(CodexIdentityTests.account)", client: client).account
        house.clock.advance(7200)
        let access = OAuthTokens.jwt(
            CodexIdentityTests.token(["chatgpt_user_id": .string(CodexIdentityTests.user), "chatgpt_account_id": .string(other)]))
        await house.server.expect(.reply(200, OAuthTokens.answer(access, "rt-2")))
        #expect(await house.refusal(account, client: client)?.code == .loginRequired)
        #expect(try await house.stored(account)?.refresh == "rt-1")
    }

    /// The client of the tests with Codex's way to read an identity.
    static func codex(_ client: OAuthClient) -> OAuthClient {
        OAuthClient(
            provider: client.provider, clientId: client.clientId, scopes: client.scopes, issuer: client.issuer, endpoints: client.endpoints,
            redirect: client.redirect, identityReader: CodexIdentity())
    }
}
