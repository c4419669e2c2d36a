import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("A token manager spends every refresh token once")
struct TokenManagerTests {
    @Test("A fresh token costs no request, no lock and no client")
    func fresh() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        let locks = house.scratch.names(house.paths.data + "/locks")
        let other = try house.neighbour()
        let accountLock = try #require(locks.first { $0.hasPrefix("account-") })
        // Held by somebody else for ever: a fresh token must not care.
        let held = try await house.vault.open().lock(provider: "acme", accountKey: "ada")
        let token = try await other.tokens.token(account, .live(minimum: nil)) { () async throws(OAuthError) -> OAuthClient in
            Issue.record("the client was asked for")
            return VaultHouse.client()
        }
        #expect(token.text == "at-1")
        #expect(token.warning == nil)
        #expect(await house.server.count == 0)
        #expect(house.scratch.names(house.paths.data + "/locks") == locks)
        #expect(accountLock.count == 40)
        extendLifetime(held)
    }

    @Test("An expired token is refreshed once, the rotated one is stored, and the next call costs nothing")
    func expired() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        let held = try await house.token(account)
        #expect(held.text == "at-2")
        #expect(held.warning == nil)
        #expect(try await house.token(account).text == "at-2")
        let seen = await house.server.seen
        #expect(seen.count == 1)
        #expect(seen.first?.method == "POST")
        #expect(seen.first?.url == "https://id.example.org/token")
        #expect(seen.first?.body == "grant_type=refresh_token&client_id=cli&refresh_token=rt-1")
        #expect(seen.first?.contentType == "application/x-www-form-urlencoded")
        #expect(try await house.stored(account) == .init(access: "at-2", refresh: "rt-2", generation: 2))
        let record = try #require(try house.record(account))
        #expect(record.generation == 2)
        #expect(record.status == .active)
        #expect(record.lastRefreshAt == house.clock.now)
        #expect(record.expiresAt == house.clock.now + 3600)
        #expect(try await house.isPending(account) == false)
    }

    @Test("Who wants a new token is not content with the old one of somebody who had enough of it: one more request, and a new token")
    func newBehindLive() async throws {
        let gate = OAuthGate()
        let house = try await VaultHouse(server: OAuthServer(gate: gate))
        let account = try await house.login().account
        // Half an hour is wanted and twenty minutes are left: the server has no time, and the old token is still good.
        house.clock.advance(2400)
        await house.server.expect(.reply(503, "busy"), .reply(200, OAuthTokens.answer("at-2", "rt-2")))
        async let enough = house.token(account, .live(minimum: 1800))
        await gate.arrived()
        async let new = house.token(account, .new)
        for _ in 0..<100 { await Task.yield() }
        gate.open()
        let (old, fresh) = (try await enough, try await new)
        #expect(old.text == "at-1" && old.warning != nil)
        #expect(fresh.text == "at-2" && fresh.warning == nil)
        #expect(await house.server.count == 2)
    }

    @Test("The end of the login is what a refresh says of it, and never later than it was; a rebuilt account knows it")
    func loginEnd() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        for (seconds, expected) in [(9000, 9000), (20000, 9000), (500, 500)] {
            await house.server.expect(
                .reply(
                    200, #"{"access_token":"at","refresh_token":"rt-\#(seconds)","expires_in":60,"refresh_token_expires_in":\#(seconds)}"#))
            _ = try await house.token(account, .new)
            #expect(try house.record(account)?.loginExpiresAt == house.clock.now.wholeSeconds + expected, "\(seconds)")
        }
        try await house.vault.metadataStore.update { $0.accounts = [] }
        _ = try await VaultMaintenance(house.vault).adopt()
        #expect(try house.record(account)?.loginExpiresAt == house.clock.now.wholeSeconds + 500)
    }

    @Test("An end of the login that no calendar has costs no tokens and leaves both files readable", arguments: ["1e12", "9.9e99"])
    func loginEndFarAway(_ seconds: String) async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        await house.server.expect(
            .reply(200, #"{"access_token":"at-2","refresh_token":"rt-2","expires_in":60,"refresh_token_expires_in":\#(seconds)}"#))
        #expect(try await house.token(account, .new).text == "at-2")
        #expect(try await house.stored(account) == .init(access: "at-2", refresh: "rt-2", generation: 2))
        #expect(try house.record(account)?.generation == 2)
    }

    @Test("64 tasks that want one expired account make one request and get one answer")
    func manyTasks() async throws {
        let gate = OAuthGate()
        let house = try await VaultHouse(server: OAuthServer(gate: gate))
        let account = try await house.expiredAccount()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        let answers = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<64 { group.addTask { try await house.token(account).text } }
            await gate.arrived()
            gate.open()
            return try await group.reduce(into: [String]()) { $0.append($1) }
        }
        #expect(answers == Array(repeating: "at-2", count: 64))
        #expect(await house.server.count == 1)
    }

    @Test("Two processes that refresh one account at once make one request")
    func twoProcesses() async throws {
        let both = try await VaultHouse.refreshingNeighbours()
        async let first = both.house.token(both.account).text
        await both.inRequest.arrived()
        async let second = both.other.token(both.account).text
        await both.waiting.arrived()
        both.goOn()
        let answers = try await [first, second]
        #expect(answers == ["at-2", "at-2"])
        #expect(await both.house.server.count == 1)
        #expect(await both.other.server.count == 0)
    }

    @Test("A forced refresh that finds another process's new token under the lock asks for nothing")
    func overtaken() async throws {
        let both = try await VaultHouse.refreshingNeighbours(isExpired: false)
        async let first = both.house.token(both.account, .new).text
        await both.inRequest.arrived()
        // It has looked at generation 1 before it waits for the lock.
        async let second = both.other.token(both.account, .new).text
        await both.waiting.arrived()
        both.goOn()
        let answers = try await [first, second]
        #expect(answers == ["at-2", "at-2"])
        #expect(await both.other.server.count == 0)
    }

    @Test("A forced refresh spends a token that is still fresh")
    func forced() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")), .reply(200, OAuthTokens.answer("at-3", "rt-3")))
        #expect(try await house.token(account, .new).text == "at-2")
        #expect(try await house.token(account, .new).text == "at-3")
        #expect(await house.server.seen.map(\.body).map { $0.suffix(4) } == ["rt-1", "rt-2"])
    }

    @Test("A cancelled waiter neither ends the flight nor fails the others")
    func cancellation() async throws {
        let gate = OAuthGate()
        let house = try await VaultHouse(server: OAuthServer(gate: gate))
        let account = try await house.expiredAccount()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        let starter = Task { try await house.token(account).text }
        await gate.arrived()
        let waiter = Task { try await house.token(account).text }
        starter.cancel()
        waiter.cancel()
        let patient = Task { try await house.token(account).text }
        gate.open()
        #expect(try await patient.value == "at-2")
        #expect(try await starter.value == "at-2")
        #expect(try await waiter.value == "at-2")
        #expect(await house.server.count == 1)
        #expect(try await house.stored(account)?.refresh == "rt-2")
    }

    @Test("Two accounts refresh side by side, each with its own token")
    func twoAccounts() async throws {
        let house = try await VaultHouse()
        let ada = try await house.login("at-a", "rt-a", as: "ada").account
        let bob = try await house.login("at-b", "rt-b", as: "bob").account
        house.clock.advance(7200)
        await house.server.expect(.reply(200, OAuthTokens.answer("at-a2", "rt-a2")), .reply(200, OAuthTokens.answer("at-b2", "rt-b2")))
        #expect(try await house.token(ada).text == "at-a2")
        #expect(try await house.token(bob).text == "at-b2")
        #expect(try await house.stored(ada)?.refresh == "rt-a2")
        #expect(try await house.stored(bob)?.refresh == "rt-b2")
        #expect(await house.server.seen.map(\.body).map { $0.suffix(4) } == ["rt-a", "rt-b"])
    }

    @Test("An account without secrets asks for a login and for nothing else")
    func missing() async throws {
        let house = try await VaultHouse()
        let record = AccountRecord(
            id: Random.uuid(), provider: "acme", accountKey: "ghost", authType: .oauth, source: "agent-store", createdAt: house.clock.now)
        let error = await house.refusal(record)
        #expect(error?.code == .loginRequired)
        #expect(error?.remedy == "ai-usage-agent auth login acme")
    }

    @Test("An account that was granted no refresh token asks for a login when its token has ended")
    func notRefreshable() async throws {
        let house = try await VaultHouse()
        let account = try await house.login("at-1", nil).account
        #expect(!account.refreshable)
        #expect(try await house.token(account).text == "at-1")
        house.clock.advance(7200)
        #expect(await house.refusal(account)?.code == .loginRequired)
        #expect(await house.server.count == 0)
    }
}
