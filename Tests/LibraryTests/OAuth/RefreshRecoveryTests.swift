import Foundation
import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("A rotated token that is not committed is never lost and never asked for twice")
struct RefreshRecoveryTests {
    @Test("When the commit fails the new token is served with a warning, and the next call after the repair commits it without a request")
    func commitFails() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        try house.breakCommits()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        let held = try await house.token(account)
        #expect(held.text == "at-2")
        #expect(held.warning?.contains("safe in the journal") == true)
        #expect(try await house.stored(account) == .init(access: "at-1", refresh: "rt-1", generation: 1))
        #expect(try await house.isPending(account))

        try house.repairCommits()
        // Another process: it knows nothing but what is on the disk.
        let other = try house.neighbour(server: OAuthServer())
        let recovered = try await other.token(account)
        #expect(recovered.text == "at-2")
        #expect(recovered.warning == nil)
        #expect(try await house.stored(account) == .init(access: "at-2", refresh: "rt-2", generation: 2))
        #expect(try await house.isPending(account) == false)
        #expect(await other.server.count == 0)
        #expect(await house.server.count == 1)
        let record = try #require(try house.record(account))
        #expect(record.generation == 2)
        #expect(record.expiresAt == house.clock.now + 3600)
    }

    @Test("While no commit is possible every further call serves the journal's token and asks for nothing")
    func commitKeepsFailing() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        try house.breakCommits()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        _ = try await house.token(account)
        for _ in 0..<3 {
            let held = try await house.neighbour().token(account)
            #expect(held.text == "at-2")
            #expect(held.warning != nil)
        }
        #expect(await house.server.count == 1)
        #expect(try await house.isPending(account))
    }

    @Test("The journal has the new token before the store has it: a store that turned into a directory still serves it")
    func durableBeforeVisible() async throws {
        let gate = OAuthGate()
        let house = try await VaultHouse(server: OAuthServer(gate: gate))
        let account = try await house.expiredAccount()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        let sealed = house.paths.sealedFile
        async let held = house.token(account)
        await gate.arrived()
        // Between the server's answer and the commit the store becomes unusable.
        try FileManager.default.moveItem(atPath: sealed, toPath: sealed + ".aside")
        try FileManager.default.createDirectory(atPath: sealed, withIntermediateDirectories: false)
        gate.open()
        let answer = try await held
        #expect(answer.text == "at-2")
        #expect(answer.warning?.contains("safe in the journal") == true)
        try FileManager.default.removeItem(atPath: sealed)
        try FileManager.default.moveItem(atPath: sealed + ".aside", toPath: sealed)
        #expect(try await house.neighbour().token(account).text == "at-2")
        #expect(try await house.stored(account)?.refresh == "rt-2")
        #expect(await house.server.count == 1)
    }

    @Test("A RESULT that a killed flight left is committed by the next call without a request", arguments: [false, true])
    func resultFits(_ forced: Bool) async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        try await house.leaveResult(account, generation: 2, access: "at-2", refresh: "rt-2", spent: "rt-1")
        if forced { await house.server.expect(.reply(200, OAuthTokens.answer("at-3", "rt-3"))) }
        let held = try await house.token(account, forced ? .new : .live(minimum: nil))
        #expect(held.text == (forced ? "at-3" : "at-2"))
        #expect(await house.server.seen.map(\.body.last) == (forced ? ["2"] : []))
        #expect(try await house.stored(account)?.generation == (forced ? 3 : 2))
        #expect(try await house.isPending(account) == false)
        #expect(try house.record(account)?.generation == (forced ? 3 : 2))
    }

    @Test("A RESULT is committed even where the store's own token is still fresh: it is the older one")
    func resultBeforeFreshness() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        try await house.leaveResult(account, generation: 2, access: "at-2", refresh: "rt-2", spent: "rt-1")
        #expect(try await house.token(account).text == "at-2")
        #expect(await house.server.count == 0)
    }

    @Test("A RESULT that the store holds already, while auth.json does not, is written once more and costs no request")
    func resultIsStored() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        try await house.leaveResult(account, generation: 2, access: "at-2", refresh: "rt-2", spent: "rt-1")
        // Killed between the two stores: the secrets have it.
        let open = try await house.vault.open()
        let result = try #require(try open.journal.read(account.id))
        _ = try await open.backend.put(result.bundle)
        #expect(try house.record(account)?.generation == 1)

        let other = try house.neighbour()
        #expect(try await other.token(account).text == "at-2")
        let record = try #require(try house.record(account))
        #expect(record.generation == 2 && record.expiresAt == house.clock.now + 3600 && record.status == .active, "\(record)")
        #expect(try await house.isPending(account) == false)
        #expect(try await house.stored(account) == .init(access: "at-2", refresh: "rt-2", generation: 2))
        #expect(await house.server.count == 0)
    }

    @Test("Plan and e-mail address follow a refresh, in the store and in auth.json")
    func facts() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        #expect(account.email == "ada@example.org" && account.plan == nil)
        let next = OAuthTokens.jwt(["sub": "ada", "email": "ada@new.example", "plan": "pro"])
        await house.server.expect(.reply(200, OAuthTokens.answer(next, "rt-2")))
        _ = try await house.token(account, client: VaultHouse.client(reader: PlanReader()))
        let record = try #require(try house.record(account))
        #expect(record.email == "ada@new.example" && record.plan == "pro", "\(record)")
        let facts = try await house.facts(account)
        #expect(facts?.email == "ada@new.example" && facts?.plan == "pro")
    }

    @Test("A RESULT that the store has overtaken is cleared", arguments: [1, 0])
    func resultIsOld(_ generation: Int) async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        try await house.leaveResult(account, generation: generation, access: "at-old", refresh: "rt-old", spent: "rt-0")
        #expect(try await house.token(account).text == "at-1")
        #expect(try await house.isPending(account) == false)
        #expect(try await house.stored(account)?.refresh == "rt-1")
    }

    @Test("Adopting a vault keeps a RESULT that was paid with its own token, and forgets one of another copy")
    func adoption() async throws {
        for (spent, access) in [("rt-1", "at-2"), ("rt-other", "at-3")] {
            let house = try await VaultHouse()
            let account = try await house.expiredAccount()
            try await house.leaveResult(account, generation: 2, access: "at-2", refresh: "rt-2", spent: spent)
            _ = try await VaultMaintenance(house.vault).adopt()
            if access == "at-3" { await house.server.expect(.reply(200, OAuthTokens.answer("at-3", "rt-3"))) }
            #expect(try await house.token(account).text == access)
            #expect(await house.server.count == (access == "at-2" ? 0 : 1))
        }
    }

    @Test(
        "A RESULT ahead of the store, or spent for another token, is left where it is and reported",
        arguments: [(3, "rt-1"), (9, "rt-8"), (2, "rt-other")])
    func resultIsAhead(_ generation: Int, _ spent: String) async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        try await house.leaveResult(account, generation: generation, access: "at-x", refresh: "rt-x", spent: spent)
        let error = await house.refusal(account)
        #expect(error?.code == .vault(.corrupt))
        #expect(error?.message.contains("does not fit the vault") == true)
        #expect(error?.remedy != nil)
        #expect(try await house.isPending(account))
        #expect(try await house.stored(account)?.access == "at-1")
        #expect(await house.server.count == 0)
    }

    @Test("A torn record was never durable, so nobody has its token: it is dropped and the refresh goes its way")
    func tornRecord() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        try await house.leaveResult(account, generation: 2, access: "at-2", refresh: "rt-2", spent: "rt-1")
        let path = house.paths.data + "/journal/" + account.id
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.seek(toOffset: 4096 + 400)
        try file.write(contentsOf: Data(repeating: 0, count: 64))
        try file.close()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-3", "rt-3")))
        #expect(try await house.token(account).text == "at-3")
        #expect(await house.server.seen.first?.body.hasSuffix("=rt-1") == true)
        #expect(try await house.isPending(account) == false)
    }

    @Test("A record bound to another nonce is no RESULT")
    func otherNonce() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        try await house.leaveResult(account, generation: 2, access: "at-2", refresh: "rt-2", spent: "rt-1")
        try await house.leaveIntent(account, ago: .seconds(61))
        #expect(try await house.token(account).text == "at-1")
        #expect(try await house.isPending(account) == false)
    }

    @Test("A RESULT of an account that was logged out since brings nothing back")
    func loggedOut() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        try await house.leaveResult(account, generation: 2, access: "at-2", refresh: "rt-2", spent: "rt-1")
        let open = try await house.vault.open()
        _ = try await open.backend.delete(account.id)
        #expect(await house.refusal(account)?.code == .loginRequired)
        #expect(try await house.stored(account) == nil)
        #expect(try await house.isPending(account) == false)
    }

    @Test("A journal that cannot be written stops the refresh before anything is sent")
    func preflight() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        try FileManager.default.createDirectory(atPath: house.paths.data + "/journal/" + account.id, withIntermediateDirectories: false)
        #expect(await house.refusal(account) != nil)
        #expect(await house.server.count == 0)
    }

    @Test("A lock file that was removed while it was held stops the refresh before anything is sent")
    func lockRemoved() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        let locks = house.paths.data + "/locks"
        let error: OAuthError?
        do throws(OAuthError) {
            _ = try await house.tokens.token(account, .new) { () async throws(OAuthError) -> OAuthClient in
                for name in house.scratch.names(locks) where name.hasPrefix("account-") {
                    try? FileManager.default.removeItem(atPath: locks + "/" + name)
                }
                return VaultHouse.client()
            }
            error = nil
        } catch let failure { error = failure }
        #expect(error?.code == .vault(.busy))
        #expect(await house.server.count == 0)
    }
}

/// Says more than the account key.
private struct PlanReader: IdentityReading {
    func identity(idToken: JSONValue?, accessToken: JSONValue?) -> AccountIdentity? {
        guard let claims = accessToken ?? idToken, let key = claims["sub"].string else { return nil }
        var identity = AccountIdentity(accountKey: key)
        identity.email = claims["email"].string
        identity.plan = claims["plan"].string
        return identity
    }
}
