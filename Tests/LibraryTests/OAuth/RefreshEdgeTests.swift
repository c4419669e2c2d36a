import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("A refresh at the edges of its time")
struct RefreshEdgeTests {
    @Test("What waits in the journal is committed without a request for who needs the newest token; a second time nothing happens")
    func commitPending() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        try await house.leaveResult(account, generation: 2, access: "at-2", refresh: "rt-2", spent: "rt-1")
        for _ in 0..<2 {
            try await house.tokens.commitPending(account)
            #expect(try await house.stored(account) == .init(access: "at-2", refresh: "rt-2", generation: 2))
            #expect(try await house.isPending(account) == false)
            #expect(try house.record(account)?.generation == 2)
        }
        // One that the store has overtaken, or that is of another store, is left to a flight.
        try await house.leaveResult(account, generation: 9, access: "at-9", refresh: "rt-9", spent: "rt-8")
        try await house.tokens.commitPending(account)
        #expect(try await house.stored(account)?.access == "at-2")
        #expect(try await house.isPending(account))
        #expect(await house.server.count == 0)
    }

    @Test("Who waits for the flights that have begun goes on when the last of them has ended")
    func settle() async throws {
        let held = try await VaultHouse.heldRefresh()
        let isSettled = Guarded(false)
        let waiting = Task {
            await held.house.tokens.settle()
            isSettled.withLock { $0 = true }
        }
        for _ in 0..<100 { await Task.yield() }
        #expect(!isSettled.withLock { $0 })
        held.gate.open()
        #expect(try await held.token.value == "at-2")
        await waiting.value
        // With nothing under way it waits for nothing.
        await held.house.tokens.settle()
    }

    @Test("A flight that was kept from sending for longer than it may take sends nothing, and says so")
    func tooLate() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        do throws(OAuthError) {
            _ = try await house.tokens.token(account, .live(minimum: nil)) { () async throws(OAuthError) -> OAuthClient in
                // A discovery that took its time.
                house.clock.advance(31)
                return VaultHouse.client()
            }
            Issue.record("there is no token to hand out")
        } catch { #expect(error.code == .network && error.message.contains("could not be asked within 30"), "\(error)") }
        #expect(await house.server.count == 0)
        guard case .empty = try await house.vault.open().journal.look(account.id) else {
            Issue.record("nothing was sent, so nothing is remembered of it")
            return
        }
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        #expect(try await house.token(account).text == "at-2")
    }

    @Test("A holder that sends again and again is waited for 35 s and no longer, and its token is left to it")
    func busy() async throws {
        let meanwhile = Guarded<(@Sendable () -> Void)?>(nil)
        let clock = OAuthClock(sleeper: { meanwhile.withLock { $0 }?() })
        let house = try await VaultHouse(clock: clock)
        let account = try await house.expiredAccount()
        let open = try await house.vault.open()
        let parent = try #require(JournalRecoveryTests.parent)
        let sendAgain: @Sendable () -> Void = {
            clock.advance(5)
            let intent = RotationIntent(
                generation: 1, fingerprint: open.keys.fingerprint(of: SecretBytes("rt-1")), attempt: 1, holder: parent,
                boot: ProcessMark.boot,
                writtenAt: clock.source.elapsed(), time: clock.now)
            try? open.journal.begin(intent, account.id, tokenSizes: 100)
        }
        sendAgain()
        meanwhile.withLock { $0 = sendAgain }
        // It holds the clock, which holds it.
        defer { meanwhile.withLock { $0 = nil } }
        let begun = clock.source.elapsed()
        let error = await house.refusal(account)
        #expect(error?.code == .vault(.busy) && error?.message.contains("another process is refreshing") == true)
        #expect(clock.source.elapsed() - begun == .seconds(35))
        #expect(await house.server.count == 0)
    }

    @Test("A token that has run out in the journal is an error that names the store, and costs no second request")
    func ranOut() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        try house.breakCommits()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2", expiresIn: 60)))
        #expect(try await house.token(account).text == "at-2")
        house.clock.advance(120)
        for demand in [TokenManager.Demand.live(minimum: nil), .new] {
            let error = await house.refusal(account, demand)
            guard case .vault = error?.code else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(error?.message.contains("safe in the journal") == true)
        }
        #expect(await house.server.count == 1)
        try house.repairCommits()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-3", "rt-3")))
        #expect(try await house.token(account).text == "at-3")
        #expect(await house.server.seen.map(\.body).last?.hasSuffix("=rt-2") == true)
    }

    @Test("A secret that was missing and is there again makes the account active")
    func found() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        func note(_ status: AccountStatus, _ reason: String?) async throws -> AccountRecord {
            try await house.vault.metadataStore.update { metadata in
                metadata.updateAccount(id: account.id) { record in
                    record.status = status
                    record.statusReason = reason
                }
            }
            return try #require(try house.record(account))
        }
        let missing = try await note(.needsLogin, AccountRecord.secretMissing)
        #expect(try await house.token(missing).text == "at-1")
        #expect(try house.record(account)?.status == .active)
        #expect(try house.record(account)?.statusReason == nil)
        // For another reason it stays as it is.
        let dead = try await note(.needsLogin, "invalid_grant")
        #expect(try await house.token(dead).text == "at-1")
        #expect(try house.record(account)?.statusReason == "invalid_grant")
    }

    @Test("A token that was lent by an agent lives as long as it says, and by what the account's record knows")
    func lent() async throws {
        let now = Timestamp(seconds: 1_790_000_000)
        var record = AccountRecord(
            id: "a", provider: "acme", accountKey: "ada", authType: .oauth, source: AccountRecord.ownSource, createdAt: now + -1000)
        record.providerAccountId = "workspace"
        let young = HeldToken(lent: SecretBytes("at"), record, expiresAt: now + 100, "a word")
        #expect(oauthText(young.accessToken) == "at" && young.warning == "a word")
        #expect(young.facts.accountKey == "ada" && young.facts.providerAccountId == "workspace" && young.facts.obtainedAt == now + -1000)
        #expect(young.secondsLeft(at: now) == 100)
        #expect(young.secondsLeft(at: now + 100) == 0)
        // Without an end it counts as living; obtained in the future, it says nothing.
        #expect(HeldToken(lent: SecretBytes("at"), record, expiresAt: nil, nil).secondsLeft(at: now) == 86_400)
        record.lastRefreshAt = now + 61
        #expect(HeldToken(lent: SecretBytes("at"), record, expiresAt: now + 100, nil).secondsLeft(at: now) == 0)
        record.lastRefreshAt = now + 60
        let nearly = HeldToken(lent: SecretBytes("at"), record, expiresAt: now + 100, nil)
        #expect(nearly.secondsLeft(at: now) == 40, "never more than its whole life")

        let borrowed = HeldToken(borrowed: SecretBytes("theirs"), facts: young.facts, warning: nil)
        #expect(oauthText(borrowed.accessToken) == "theirs" && borrowed.facts.accountKey == "ada" && borrowed.secondsLeft(at: now) == 100)
    }
}
