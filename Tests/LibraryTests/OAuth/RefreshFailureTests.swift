import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("A refresh that fails loses nothing and remembers only what the server said for good")
struct RefreshFailureTests {
    @Test("A refused token ends the login with its reason, keeps the bytes and is never sent again; a login clears it")
    func refused() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        await house.server.expect(.reply(400, #"{"error":"invalid_grant","error_description":"gone"}"#))
        let error = await house.refusal(account)
        #expect(error?.code == .loginRequired)
        #expect(error?.message.contains("invalid_grant") == true)
        #expect(error?.remedy == "ai-usage-agent auth login acme")
        let record = try #require(try house.record(account))
        #expect(record.status == .needsLogin)
        #expect(record.statusReason == "invalid_grant")
        #expect(try await house.stored(account) == .init(access: "at-1", refresh: "rt-1", generation: 1))
        // Neither this process nor another one asks again with that token, not even when forced.
        #expect(await house.refusal(account)?.code == .loginRequired)
        #expect(await house.refusal(account, .new)?.code == .loginRequired)
        #expect(try await house.neighbour().refusal(account)?.message.contains("invalid_grant") == true)
        #expect(await house.server.count == 1)

        let again = try await house.login("at-5", "rt-5")
        #expect(again.account.id == account.id)
        #expect(again.account.status == .active)
        #expect(try house.record(account)?.refusedFingerprint == nil)
        await house.server.expect(.reply(200, OAuthTokens.answer("at-6", "rt-6")))
        #expect(try await house.token(account, .new).text == "at-6")
    }

    @Test("A refusal does not take away a token that still lives")
    func refusedEarly() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        house.clock.advance(3500)
        await house.server.expect(.reply(400, #"{"error":"invalid_grant"}"#))
        let held = try await house.token(account)
        #expect(held.text == "at-1")
        #expect(held.warning?.contains("invalid_grant") == true)
        #expect(try house.record(account)?.status == .needsLogin)
        #expect(try await house.token(account).text == "at-1")
        #expect(await house.server.count == 1)
        house.clock.advance(200)
        #expect(await house.refusal(account)?.code == .loginRequired)
        #expect(await house.server.count == 1)
    }

    /// What the server does, the class of the error, what a retry is told, and how often the body was sent.
    struct Trouble: Sendable, CustomTestStringConvertible {
        let name: String
        let step: OAuthServer.Step
        let code: OAuthError.Code
        var retryAfter: Int?
        var postpones = false
        /// The server may have refreshed: the next call tries once more at once, and only then automatic ones stay away.
        var isUnknown = false
        var testDescription: String { name }
    }

    static let troubles: [Trouble] = [
        .init(name: "500", step: .reply(500, ""), code: .providerUnavailable, postpones: true),
        .init(
            name: "503 with Retry-After", step: .reply(503, "{}", headers: ["retry-after": "17"]), code: .providerUnavailable,
            retryAfter: 17, postpones: true),
        .init(name: "429", step: .reply(429, "", headers: ["retry-after": "60"]), code: .rateLimited, retryAfter: 60, postpones: true),
        .init(
            name: "403 page", step: .reply(403, "<html>", headers: ["content-type": "text/html"]), code: .providerUnavailable,
            postpones: true),
        .init(name: "404", step: .reply(404, ""), code: .providerUnavailable, postpones: true),
        .init(
            name: "307", step: .reply(307, "", headers: ["location": "https://evil.example/token"]), code: .providerUnavailable,
            postpones: true),
        .init(name: "client refused", step: .reply(401, #"{"error":"invalid_client"}"#), code: .clientRefused),
        .init(
            name: "200 cut", step: .reply(200, #"{"access_token":"at-2","refr"#), code: .providerUnavailable, postpones: true,
            isUnknown: true),
        .init(
            name: "200 page", step: .reply(200, "<html>", headers: ["content-type": "text/html"]), code: .providerUnavailable,
            postpones: true, isUnknown: true),
        .init(
            name: "empty refresh_token", step: .reply(200, OAuthTokens.answer("at-2", "")), code: .providerUnavailable, postpones: true,
            isUnknown: true),
        .init(name: "cut", step: .failure(.cut, sent: true), code: .providerUnavailable, postpones: true, isUnknown: true),
        .init(name: "timeout", step: .failure(.timeout, sent: true), code: .providerUnavailable, postpones: true, isUnknown: true),
        .init(name: "too large", step: .failure(.tooLarge, sent: true), code: .providerUnavailable, postpones: true, isUnknown: true),
    ]

    @Test("A useless answer sends the body once, changes no token, and is asked about again when its time has come", arguments: troubles)
    func transient(_ trouble: Trouble) async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        let before = try #require(try house.record(account))
        await house.server.expect(trouble.step)
        let error = await house.refusal(account)
        #expect(error?.code == trouble.code)
        #expect(error?.retryAfter == trouble.retryAfter)
        #expect(error?.remedy != nil)
        #expect(await house.server.count == 1)
        #expect(try await house.stored(account) == .init(access: "at-1", refresh: "rt-1", generation: 1))
        var after = try #require(try house.record(account))
        let postponed = after.retryAt
        after.retryAt = nil
        after.retryCount = 0
        #expect(after == before)
        #expect(house.clock.slept.isEmpty)

        // What was of no use keeps automatic refreshes away for a while.
        #expect((postponed != nil) == trouble.postpones)
        if let postponed {
            #expect(postponed == house.clock.now.wholeSeconds + (trouble.retryAfter ?? 5))
            if !trouble.isUnknown {
                #expect(await house.refusal(account)?.retryAfter == trouble.retryAfter ?? 5)
                #expect(await house.server.count == 1)
            }
            house.clock.advance(trouble.retryAfter ?? 5)
        }

        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        #expect(try await house.token(account).text == "at-2")
        #expect(await house.server.seen.last?.body.hasSuffix("=rt-1") == true)
    }

    @Test("While the old token lives, a useless answer gives the old token with a warning", arguments: troubles)
    func transientWhileAlive(_ trouble: Trouble) async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        house.clock.advance(3400)
        await house.server.expect(trouble.step)
        let held = try await house.token(account)
        #expect(held.text == "at-1")
        #expect(held.warning?.contains("the current token is good until") == true)
        #expect(try house.record(account)?.status == .active)
        // Forced, the same is an error: the caller wanted a new one.
        await house.server.expect(trouble.step)
        #expect(await house.refusal(account, .new)?.code == trouble.code)
    }

    @Test("A request that never left is tried four times within two seconds, then reported as the network's fault")
    func notSent() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        for _ in 0..<4 { await house.server.expect(.failure(.connect, sent: false)) }
        let error = await house.refusal(account)
        #expect(error?.code == .network)
        #expect(await house.server.count == 4)
        #expect(house.clock.slept == [.milliseconds(250), .milliseconds(500), .seconds(1)])
        #expect(try await house.stored(account)?.refresh == "rt-1")
        #expect(try house.record(account)?.status == .active)
    }

    @Test("A request that never left and then arrives is one refresh")
    func notSentThenSent() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        await house.server.expect(
            .failure(.resolve, sent: false), .failure(.tls, sent: false), .reply(200, OAuthTokens.answer("at-2", "rt-2")))
        #expect(try await house.token(account).text == "at-2")
        #expect(await house.server.count == 3)
    }

    @Test("A request that may have arrived is not repeated after one that never left")
    func notSentThenAmbiguous() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        await house.server.expect(.failure(.resolve, sent: false), .failure(.cut, sent: true))
        #expect(await house.refusal(account)?.code == .providerUnavailable)
        #expect(await house.server.count == 2)
    }

    @Test("An answer without refresh_token leaves the old one in force", arguments: [nil, "null"])
    func refreshTokenKept(_ literal: String?) async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        let member = literal.map { #","refresh_token":\#($0)"# } ?? ""
        await house.server.expect(.reply(200, #"{"access_token":"at-2","expires_in":3600\#(member)}"#))
        #expect(try await house.token(account).text == "at-2")
        #expect(try await house.stored(account) == .init(access: "at-2", refresh: "rt-1", generation: 2))
        #expect(try house.record(account)?.refreshable == true)
    }

    /// The change of configuration, and the word that names it.
    static let moves: [(String, @Sendable (inout OAuthClient) -> Void)] = [
        ("token endpoint", { $0.endpoints?.token = WebAddress("https://evil.example/token")! }),
        ("token endpoint", { $0.endpoints?.token = WebAddress("https://id.example.org:8443/token")! }),
        ("token endpoint", { $0.endpoints?.token = WebAddress("http://id.example.org/token")! }),
        ("issuer", { $0.issuer = "https://other.example.org" }),
        ("issuer", { $0.issuer = nil }),
        ("client id", { $0.clientId = "other" }),
    ]

    @Test("A token goes nowhere but where it was issued: another origin, issuer or client id sends nothing", arguments: 0..<6)
    func originChanged(_ index: Int) async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        let (word, change) = RefreshFailureTests.moves[index]
        let error = await house.refusal(account, client: VaultHouse.client(change))
        #expect(error?.code == .originChanged)
        #expect(error?.message.contains("another \(word)") == true)
        #expect(await house.server.count == 0)
        #expect(try house.record(account)?.status == .active)
        #expect(try await house.stored(account)?.refresh == "rt-1")
    }

    @Test("Another path on the same origin is no other place")
    func samePlace() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        let moved = VaultHouse.client { $0.endpoints?.token = WebAddress("https://id.example.org/v2/token")! }
        #expect(try await house.token(account, client: moved).text == "at-2")
    }

    @Test("Tokens of somebody else are kept aside, never committed, and reported")
    func identityMismatch() async throws {
        let house = try await VaultHouse()
        let mine = OAuthTokens.jwt(["sub": "ada"])
        let theirs = OAuthTokens.jwt(["sub": "eve"])
        let account = try await house.login(mine).account
        house.clock.advance(7200)
        await house.server.expect(.reply(200, OAuthTokens.answer(theirs, "rt-eve")))
        let error = await house.refusal(account)
        #expect(error?.code == .loginRequired)
        #expect(error?.message.contains("another account") == true)
        #expect(try await house.stored(account) == .init(access: mine, refresh: "rt-1", generation: 1))
        let record = try #require(try house.record(account))
        #expect(record.status == .needsLogin)
        #expect(record.statusReason == "identity_mismatch")
        // The bytes are still there, and no later call takes them for ours or spends the old token again.
        #expect(await house.refusal(account)?.code == .loginRequired)
        #expect(await house.refusal(account, .new)?.code == .loginRequired)
        #expect(try await house.isPending(account))
        #expect(try await house.journaledKey(account) == "eve")
        #expect(await house.server.count == 1)
        // A login clears it.
        try await house.login(mine, "rt-9")
        #expect(try await house.isPending(account) == false)
        #expect(try await house.token(account).text == mine)
    }

    @Test("Refreshed tokens that name the same person, or nobody, are taken", arguments: [OAuthTokens.jwt(["sub": "ada"]), "opaque"])
    func identityKept(_ access: String) async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        await house.server.expect(.reply(200, OAuthTokens.answer(access, "rt-2")))
        #expect(try await house.token(account).text == access)
        #expect(try await house.stored(account)?.refresh == "rt-2")
    }
}
