import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("A logout that tells the server")
struct RevocationTests {
    private static let address = WebAddress("https://id.example.org/revoke")

    private static func client(_ change: (inout OAuthClient) -> Void = { _ in }) -> OAuthClient {
        VaultHouse.client {
            $0.endpoints?.revocation = address
            change(&$0)
        }
    }

    private func with(refresh: String? = "rt-1", _ body: (VaultHouse, AccountRecord) async throws -> Void) async throws {
        let house = try await VaultHouse()
        let account = try await house.login("at-1", refresh, client: Self.client()).account
        try await body(house, account)
        #expect(try house.record(account) == nil)
        #expect(try await house.stored(account) == nil)
    }

    @Test(
        "sends the token with the longest life once, as the server wants it",
        arguments: [
            ("rt-1", false, "client_id=cli&token_type_hint=refresh_token&token=rt-1"),
            ("rt-1", true, #"{"token":"rt-1","token_type_hint":"refresh_token","client_id":"cli"}"#),
            (nil, false, "client_id=cli&token_type_hint=access_token&token=at-1"),
            (nil, true, #"{"token":"at-1","token_type_hint":"access_token"}"#),
        ])
    func request(_ refresh: String?, _ asJSON: Bool, _ body: String) async throws {
        try await with(refresh: refresh) { house, account in
            await house.server.expect(.reply(200, ""))
            let warning = try await house.tokens.remove(account, revokingAt: Self.client { $0.revokesWithJSON = asJSON })
            #expect(warning == nil)
            let seen = await house.server.seen
            #expect(seen.map(\.body) == [body] && seen.map(\.url) == ["https://id.example.org/revoke"])
            #expect(seen.first?.contentType == (asJSON ? "application/json" : "application/x-www-form-urlencoded"))
        }
    }

    @Test(
        "says what the server answered and forgets the account all the same",
        arguments: [
            (OAuthServer.Step.reply(503, ""), "503"), (.reply(401, #"{"error":"invalid_client"}"#), "invalid_client"),
            (.failure(.connect, sent: false), "could not be asked"),
        ])
    func refused(_ step: OAuthServer.Step, _ word: String) async throws {
        try await with { house, account in
            await house.server.expect(step)
            let warning = try await house.tokens.remove(account, revokingAt: Self.client())
            #expect(warning?.contains(word) == true, "\(warning ?? "")")
        }
    }

    @Test("sends nothing to another origin than the one of the login, nor where there is none")
    func elsewhere() async throws {
        try await with { house, account in
            let evil = Self.client { $0.endpoints?.revocation = WebAddress("https://evil.example/revoke") }
            let warning = try await house.tokens.remove(account, revokingAt: evil)
            #expect(warning?.contains("another revocation endpoint") == true)
            #expect(await house.server.count == 0)
        }
        try await with { house, account in
            let warning = try await house.tokens.remove(account, revokingAt: VaultHouse.client())
            #expect(warning?.contains("no revocation endpoint") == true)
            #expect(await house.server.count == 0)
        }
    }

    @Test("completes an interrupted refresh first: what is revoked is the newest token")
    func interrupted() async throws {
        try await with { house, account in
            try await house.leaveResult(account, generation: 2, access: "at-2", refresh: "rt-2", spent: "rt-1")
            await house.server.expect(.reply(200, ""))
            let warning = try await house.tokens.remove(account, revokingAt: Self.client())
            #expect(warning == nil)
            #expect(await house.server.seen.map { $0.body.hasSuffix("=rt-2") } == [true])
        }
    }

    @Test("revokes the token of a result that does not fit the store: nobody else has it")
    func unfitting() async throws {
        try await with { house, account in
            try await house.leaveResult(account, generation: 5, access: "at-5", refresh: "rt-5", spent: "rt-4")
            await house.server.expect(.reply(200, ""))
            let warning = try await house.tokens.remove(account, revokingAt: Self.client())
            #expect(warning == nil)
            #expect(await house.server.seen.map { $0.body.hasSuffix("=rt-5") } == [true])
        }
    }

    @Test("asks nobody where another process has logged out already")
    func gone() async throws {
        try await with { house, account in
            try await house.tokens.remove(account)
            let warning = try await house.tokens.remove(account, revokingAt: Self.client())
            #expect(warning == "there is no token left to revoke")
            #expect(await house.server.count == 0)
        }
    }
}
