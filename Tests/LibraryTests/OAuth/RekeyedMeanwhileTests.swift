import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("A token manager whose vault another process rekeys")
struct RekeyedMeanwhileTests {
    private func rekey(_ house: VaultHouse) async throws {
        _ = try await VaultRekey(house.vault, newKeyFile: nil, newPassphrase: nil).run()
    }

    @Test("serves a token that is fresh, and refreshes one that is not, with the new key and one request")
    func token() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        try await rekey(house.neighbour())
        #expect(try await house.token(account).text == "at-1")
        #expect(await house.server.count == 0)
        try await rekey(house.neighbour())
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        #expect(try await house.token(account, .new).text == "at-2")
        #expect(await house.server.count == 1)
        #expect(try await house.stored(account) == .init(access: "at-2", refresh: "rt-2", generation: 2))
    }

    @Test("stores a login")
    func adopt() async throws {
        let house = try await VaultHouse()
        try await house.login()
        try await rekey(house.neighbour())
        let bob = try await house.login("at-b", "rt-b", as: "bob").account
        #expect(try await house.stored(bob)?.refresh == "rt-b")
    }

    @Test("forgets an account")
    func remove() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        try await rekey(house.neighbour())
        try await house.tokens.remove(account)
        #expect(try await house.stored(account) == nil)
        #expect(try house.record(account) == nil)
    }

    @Test("keeps the rekeying waiting for as long as a refresh is on its way: what it brings is sealed to the new key")
    func flight() async throws {
        let both = try await VaultHouse.refreshingNeighbours()
        let (house, account) = (both.house, both.account)
        let old = try house.vault.metadataStore.read().vault?.recipient
        async let refreshed = house.token(account).text
        await both.inRequest.arrived()
        async let rekeyed: Void = rekey(both.other)
        await both.waiting.arrived()
        #expect(try house.vault.metadataStore.read().vault?.recipient == old, "nothing happens before the answer")
        both.goOn()
        #expect(try await refreshed == "at-2")
        try await rekeyed
        #expect(try house.vault.metadataStore.read().vault?.recipient != old)
        #expect(try await house.stored(account) == .init(access: "at-2", refresh: "rt-2", generation: 2))
        #expect(await house.server.count == 1)
        #expect(await both.other.server.count == 0)
    }

    @Test("recognises a refusal that it remembers: the dead token is not sent a second time")
    func refusal() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        await house.server.expect(.reply(400, #"{"error":"invalid_grant"}"#))
        #expect(await house.refusal(account)?.code == .loginRequired)
        try await rekey(house.neighbour())
        #expect(await house.refusal(account)?.code == .loginRequired)
        #expect(await house.server.count == 1)
    }
}
