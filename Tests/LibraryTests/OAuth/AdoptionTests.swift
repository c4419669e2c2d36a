import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("A login adds or updates exactly one account")
struct AdoptionTests {
    @Test("Logging in again as the same person updates the account and goes one generation up")
    func sameIdentity() async throws {
        let house = try await VaultHouse()
        let first = try await house.login("at-1", "rt-1", label: "work")
        #expect(first.isNew)
        house.clock.advance(50)
        let second = try await house.login("at-2", "rt-2")
        #expect(!second.isNew)
        #expect(second.account.id == first.account.id)
        #expect(second.account.label == "work")
        #expect(second.account.createdAt == first.account.createdAt)
        #expect(second.account.lastUsedAt == house.clock.now)
        #expect(try house.vault.metadataStore.read().accounts.count == 1)
        #expect(try await house.stored(first.account) == .init(access: "at-2", refresh: "rt-2", generation: 2))
    }

    @Test("Logging in as somebody else adds an account and leaves the first alone")
    func otherIdentity() async throws {
        let house = try await VaultHouse()
        let ada = try await house.login("at-a", "rt-a", as: "ada").account
        let bob = try await house.login("at-b", "rt-b", as: "bob")
        #expect(bob.isNew)
        #expect(bob.account.id != ada.id)
        #expect(try house.vault.metadataStore.read().accounts.map(\.accountKey) == ["ada", "bob"])
        #expect(try await house.stored(ada)?.access == "at-a")
        #expect(try await house.stored(bob.account)?.access == "at-b")
    }

    @Test("A login that cannot be stored leaves the result of an earlier refresh where it waits")
    func waitingResultSurvives() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        try await house.leaveResult(account, generation: 2, access: "at-2", refresh: "rt-2", spent: "rt-1")
        try house.breakCommits()
        await #expect(throws: OAuthError.self) { try await house.login("at-9", "rt-9") }
        #expect(try await house.isPending(account))
        try house.repairCommits()
        #expect(try await house.token(account).text == "at-2")
        #expect(try await house.stored(account)?.refresh == "rt-2")
        #expect(await house.server.count == 0)
    }

    @Test("A client id that was given for one login keeps working whatever configuration names")
    func explicitClientId() async throws {
        let house = try await VaultHouse()
        var client = VaultHouse.client()
        client.clientId = "mine"
        client.clientIdIsExplicit = true
        let account = try await house.login(client: client).account
        house.clock.advance(7200)
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        #expect(try await house.token(account).text == "at-2")
        #expect(await house.server.seen.last?.body.contains("client_id=mine") == true)
    }

    @Test("A login that says nothing of its owner renews the account of its label, if that says nothing either; else it is a new one")
    func opaque() async throws {
        let house = try await VaultHouse()
        let first = try await house.login("at-1", "rt-1", as: "opaque#1", label: "box")
        let again = try await house.login("at-2", "rt-2", as: "opaque#2", label: "Box")
        #expect(!again.isNew && again.account.id == first.account.id && again.account.accountKey == "opaque#1")
        #expect(try await house.token(again.account).text == "at-2")
        #expect(try await house.login("at-3", "rt-3", as: "opaque#3").isNew)
        // Somebody who is known is never renewed by nobody.
        try await house.login("at-a", "rt-a", as: "ada", label: "work")
        await #expect(throws: OAuthError.self) { try await house.login("at-4", "rt-4", as: "opaque#4", label: "work") }
    }

    @Test("A label that names somebody else is refused, and nothing is stored")
    func labelOfAnother() async throws {
        let house = try await VaultHouse()
        try await house.login("at-a", "rt-a", as: "ada", label: "work")
        let before = try house.vault.metadataStore.read()
        let error = await #expect(throws: OAuthError.self) { try await house.login("at-b", "rt-b", as: "bob", label: "work") }
        #expect(error?.code == .usage)
        #expect(error?.message.contains("ada@example.org") == true)
        #expect(error?.message.contains("bob@example.org") == true)
        #expect(try house.vault.metadataStore.read() == before)
        #expect(try await house.vault.open().backend.list().count == 1)
        // The same person may log in again under that label.
        #expect(try await house.login("at-c", "rt-c", as: "ada", label: "work").isNew == false)
    }

    @Test("A login knows where its tokens may go, who granted them and how long they live")
    func facts() async throws {
        let house = try await VaultHouse()
        let account = try await house.login(expiresIn: 1800).account
        let facts = try #require(try await house.facts(account))
        #expect(facts.origins == ["token": "https://id.example.org", "usage": "https://id.example.org"])
        #expect(facts.issuer == VaultHouse.issuer)
        #expect(facts.clientId == "cli")
        #expect(facts.scopes == ["openid", "offline_access"])
        #expect(facts.expiresAt == house.clock.now + 1800)
        #expect(account.expiresAt == house.clock.now + 1800)
        #expect(account.refreshable)
        #expect(!account.insecure)
        #expect(account.email == "ada@example.org")
    }

    @Test("An account whose token endpoint is plain http on this machine is marked insecure")
    func insecure() async throws {
        let house = try await VaultHouse()
        let client = VaultHouse.client { $0.endpoints?.token = WebAddress("http://127.0.0.1:8080/token")! }
        #expect(try await house.login(client: client).account.insecure)
    }

    @Test("A login clears the journal and goes above every generation that stands in it")
    func aboveJournal() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        try await house.leaveResult(account, generation: 7, access: "at-x", refresh: "rt-x", spent: "rt-6")
        try await house.login("at-9", "rt-9")
        #expect(try await house.isPending(account) == false)
        #expect(try await house.stored(account) == .init(access: "at-9", refresh: "rt-9", generation: 8))
        #expect(try house.record(account)?.generation == 8)
    }

    @Test("A logout removes the account, its secrets and its journal, and nobody else's")
    func removal() async throws {
        let house = try await VaultHouse()
        let ada = try await house.login("at-a", "rt-a", as: "ada").account
        let bob = try await house.login("at-b", "rt-b", as: "bob").account
        try await house.leaveResult(ada, generation: 2, access: "at-x", refresh: "rt-x", spent: "rt-a")
        try await house.tokens.remove(ada)
        #expect(try house.vault.metadataStore.read().accounts.map(\.id) == [bob.id])
        #expect(try await house.stored(ada) == nil)
        #expect(try await house.stored(bob)?.access == "at-b")
        #expect(house.scratch.names(house.paths.data + "/journal").isEmpty)
        #expect(await house.refusal(ada)?.code == .loginRequired)
        #expect(await house.server.count == 0)
    }

    @Test("Two first logins of one person at once make one account")
    func twoAtOnce() async throws {
        // Neither's patience ends while the other is at work.
        let house = try await VaultHouse(clock: OAuthClock(sleeper: { await Task.yield() }))
        let other = try house.neighbour(clock: OAuthClock(sleeper: { await Task.yield() }))
        async let first = house.login("at-1", "rt-1").account.id
        async let second = other.login("at-2", "rt-2").account.id
        let ids = try await [first, second]
        #expect(ids[0] == ids[1])
        #expect(try house.vault.metadataStore.read().accounts.count == 1)
        #expect(try house.vault.metadataStore.read().accounts.first?.generation == 2)
    }

    @Test("Before there is a vault a login says how to make one")
    func noVault() async throws {
        let house = try await VaultHouse()
        let elsewhere = OAuthClock()
        let scratch = try OAuthScratch()
        let paths = try #require(VaultPaths(ProcessEnvironment(["HOME": scratch.path])))
        let vault = Vault(
            sources: .headless(paths: paths, passphrase: VaultHouse.noPassphrase, time: elsewhere.source), time: elsewhere.source,
            machineId: nil)
        await #expect(throws: VaultError.self) { try await vault.open() }
        #expect(try house.vault.metadataStore.read().vault != nil)
    }
}
