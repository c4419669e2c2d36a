import Logging
import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("What another program may still hold is not refreshed here")
struct MovedLoginTests {
    private static let origin = MoveOrigin(
        program: "codex", reference: AccountReference(kind: .file, place: "/home/ada/.codex/auth.json", entry: "tokens"))

    private func move(_ house: VaultHouse) async throws -> AccountRecord {
        let tokens = TokenResponse(
            accessToken: SecretBytes("at-1"), refreshToken: SecretBytes("rt-1"), idToken: nil, expiresIn: 3600, scopes: nil)
        let login = LoginResult(
            tokens: tokens, identity: AccountIdentity(accountKey: "ada"), client: VaultHouse.client(), receivedAt: house.clock.now)
        return try await house.tokens.adopt(login, label: nil, movedFrom: Self.origin).account
    }

    @Test("A borrowed account gets no request, whatever is asked (R4)", arguments: ["reference:codex", "reference:claude-code", "env"])
    func borrowed(_ source: String) async throws {
        let house = try await VaultHouse()
        var account = try await house.expiredAccount()
        account.source = source
        for demand in [TokenManager.Demand.live(minimum: nil), .new] {
            let error = await house.refusal(account, demand)
            #expect(error?.code == .loginRequired && error?.message.contains(source) == true)
        }
        #expect(await house.server.count == 0)
        #expect(try await house.stored(account)?.refresh == "rt-1")
    }

    @Test("A login that is being moved is handed out while it lives and refreshed only when the move is confirmed")
    func unconfirmed() async throws {
        let house = try await VaultHouse()
        let account = try await move(house)
        #expect(account.source == "import:codex" && account.status == .unknown && account.reference == Self.origin.reference)
        let other = try house.neighbour()
        let held = try await other.token(account)
        #expect(held.text == "at-1" && held.warning?.contains("auth import codex --move") == true)
        #expect(await other.refusal(account, .new)?.code == .loginRequired)
        house.clock.advance(7200)
        #expect(await other.refusal(account)?.message.contains("interrupted") == true)
        #expect(await house.server.count == 0)

        let confirmed = try await other.tokens.confirmMove(account)
        #expect(confirmed.status == .active && confirmed.reference == nil && confirmed.source == "import:codex")
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        #expect(try await house.token(confirmed).text == "at-2")
        #expect(try await house.stored(account) == .init(access: "at-2", refresh: "rt-2", generation: 3))
    }

    @Test("A flight that waited for its lock while a move was sealed does not spend the moved token")
    func sealedMeanwhile() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        let open = try await house.vault.open()
        guard var bundle = try await open.bundle(account.id) else { throw VaultError(.missing, "no bundle", remedy: nil) }
        bundle.facts.awaitsBlanking = "codex"
        bundle.facts.generation += 1
        try await open.commit(bundle) { _ in }
        let flight = RefreshFlight(
            vault: house.vault, open: open, endpoint: TokenEndpoint(http: house.server, deadline: .seconds(30)), time: house.clock.source,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), account: account)
        // What it had seen before it waited was the login without the mark.
        let error = await #expect(throws: OAuthError.self) {
            _ = try await flight.run(.new, observedGeneration: account.generation) { () async throws(OAuthError) -> OAuthClient in
                VaultHouse.client()
            }
        }
        #expect(error?.code == .loginRequired)
        #expect(await house.server.count == 0)
    }
}
