import Foundation
import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("A refresh whose outcome nobody knows is tried again with care")
struct UnknownOutcomeTests {
    private func intent(_ house: VaultHouse, _ account: AccountRecord) async throws -> RotationIntent? {
        guard case .intent(let intent) = try await house.vault.open().journal.look(account.id) else { return nil }
        return intent
    }

    @Test("It is written down which token is sent, before it is sent, and forgotten when the answer is stored")
    func writtenDown() async throws {
        let held = try await VaultHouse.heldRefresh()
        let (house, account) = (held.house, held.account)
        let open = try await house.neighbour().vault.open()
        let written = try #require(try await intent(house.neighbour(), account))
        #expect(written.fingerprint == open.keys.fingerprint(of: SecretBytes("rt-1")))
        #expect(written.generation == 1 && written.attempt == 1 && written.holder == .own && written.boot == ProcessMark.boot)
        held.gate.open()
        #expect(try await held.token.value == "at-2")
        #expect(try await intent(house, account) == nil)
    }

    @Test("A process that was killed after sending leaves its intent: while it is young the token is sent once more, at once")
    func young() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        try await house.leaveIntent(account, ago: .seconds(20))
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        #expect(try await house.token(account).text == "at-2")
        #expect(await house.server.seen.map { $0.body.hasSuffix("=rt-1") } == [true])
        #expect(try await house.stored(account) == .init(access: "at-2", refresh: "rt-2", generation: 2))
    }

    @Test("That comes before an access token that is still fresh: the server's grace does not wait for its end")
    func youngAndFresh() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        try await house.leaveIntent(account, ago: .seconds(5))
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        #expect(try await house.token(account).text == "at-2")
        #expect(try await house.stored(account)?.refresh == "rt-2")
        // One more lost answer, and the access token serves as long as it can.
        try await house.leaveIntent(account, attempt: 2, spent: "rt-2", generation: 2)
        #expect(try await house.token(account).text == "at-2")
        #expect(await house.server.count == 1)
    }

    @Test("When it is old, the access token is used up first, with a word; then the token is sent once more")
    func old() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        house.clock.advance(3400)
        try await house.leaveIntent(account, ago: .seconds(61))
        for _ in 0..<3 {
            let held = try await house.token(account)
            #expect(held.text == "at-1" && held.warning?.contains("may have spent") == true)
        }
        #expect(await house.server.count == 0)
        house.clock.advance(300)
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        #expect(try await house.token(account).text == "at-2")
        #expect(await house.server.count == 1)
    }

    @Test("A person who asks for a new token gets the next try at once, however old the record is")
    func forced() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        try await house.leaveIntent(account, ago: .seconds(900))
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        #expect(try await house.token(account, .new).text == "at-2")
    }

    @Test("Each unknown outcome allows one more try: the second at once, every further one after its pause, its number durable first")
    func counted() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        let lost = OAuthServer.Step.failure(.cut, sent: true)
        await house.server.expect(lost, lost, lost)
        #expect(await house.refusal(account)?.code == .providerUnavailable)
        #expect(try await intent(house, account)?.attempt == 1)
        #expect(try await intent(house, account)?.holder == nil, "the flight has ended")
        #expect(await house.refusal(account)?.code == .providerUnavailable)
        #expect(try await intent(house, account)?.attempt == 2)
        // Two lost answers: automatic refreshes wait now.
        #expect((await house.refusal(account)?.retryAfter ?? 0) > 0)
        #expect(await house.server.count == 2)
        house.clock.advance(15)
        #expect(await house.refusal(account)?.code == .providerUnavailable)
        #expect(await house.server.count == 3)
        #expect(try await intent(house, account)?.attempt == 3)
        // Only a refusal ends the login.
        #expect(try house.record(account)?.status == .active)
        house.clock.advance(3600)
        await house.server.expect(.reply(400, #"{"error":"invalid_grant"}"#))
        #expect(await house.refusal(account)?.code == .loginRequired)
        #expect(try house.record(account)?.status == .needsLogin)
        #expect(try await intent(house, account) == nil)
        #expect(await house.refusal(account)?.code == .loginRequired)
        #expect(await house.server.count == 4)
    }

    @Test(
        "Fresh or old, a lost answer costs one request more, and only its refusal ends the login",
        arguments: [0, 20, 61, 900, 200_000], [true, false])
    func onceMore(_ age: Int, _ hasGrace: Bool) async throws {
        let house = try await VaultHouse()
        let client = VaultHouse.client { $0.refusalCodes = ["refresh_token_reused"] }
        let account = try await house.expiredAccount()
        await house.server.expect(.failure(.timeout, sent: true))
        #expect(await house.refusal(account, client: client)?.code == .providerUnavailable)
        house.clock.advance(age)
        await house.server.expect(
            hasGrace ? .reply(200, OAuthTokens.answer("at-2", "rt-2")) : .reply(401, #"{"error":"refresh_token_reused"}"#))
        if hasGrace {
            #expect(try await house.token(account, client: client).text == "at-2")
        } else {
            #expect(await house.refusal(account, client: client)?.code == .loginRequired)
        }
        #expect(try house.record(account)?.status == (hasGrace ? .active : .needsLogin))
        for _ in 0..<5 { _ = try? await house.token(account, client: client) }
        #expect(await house.server.seen.map { $0.body.hasSuffix("=rt-1") } == [true, true])
    }

    @Test("A login after the interrupted refresh makes its record meaningless")
    func loginSince() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        try await house.leaveIntent(account, attempt: 5)
        try await house.login("at-9", "rt-9", expiresIn: 1)
        house.clock.advance(10)
        await house.server.expect(.failure(.cut, sent: true))
        _ = await house.refusal(account)
        #expect(try await intent(house, account)?.attempt == 1)
    }

    @Test("What is known not to have happened leaves no record", arguments: [("401", false), ("500", false), ("unsent", true)])
    func known(_ name: String, _ isUnsent: Bool) async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        switch name {
        case "401": await house.server.expect(.reply(401, #"{"error":"invalid_client"}"#))
        case "500": await house.server.expect(.reply(500, ""))
        default: for _ in 0..<4 { await house.server.expect(.failure(.connect, sent: false)) }
        }
        #expect(await house.refusal(account) != nil)
        #expect(try await intent(house, account) == nil)
    }

    @Test("A flight of a living process that has lost its lock is waited for, never overtaken")
    func livingHolder() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        // A process of this machine that surely lives: the parent of the tests.
        let stat = try String(contentsOfFile: "/proc/\(getppid())/stat", encoding: .utf8)
        let fields = stat[stat.index(after: try #require(stat.lastIndex(of: ")")))...].split(separator: " ")
        let open = try await house.vault.open()
        let intent = RotationIntent(
            generation: 1, fingerprint: open.keys.fingerprint(of: SecretBytes("rt-1")), attempt: 1,
            holder: ProcessMark(pid: getppid(), started: try #require(UInt64(fields[19]))), boot: ProcessMark.boot,
            writtenAt: house.clock.source.elapsed(), time: house.clock.now)
        try open.journal.begin(intent, account.id, tokenSizes: 100)
        let begun = house.clock.source.elapsed()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        // Its time passes, and then its token is sent once more.
        #expect(try await house.token(account).text == "at-2")
        #expect(house.clock.source.elapsed() - begun >= .seconds(29))
    }

    @Test("A new token that can be written nowhere is tried to be written for as long as a flight may take, and then said loudly")
    func nowhere() async throws {
        let gate = OAuthGate()
        let house = try await VaultHouse(server: OAuthServer(gate: gate))
        let account = try await house.expiredAccount()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        async let failure = house.refusal(account)
        await gate.arrived()
        let journal = house.paths.data + "/journal/" + account.id
        try FileManager.default.removeItem(atPath: journal)
        try FileManager.default.createDirectory(atPath: journal, withIntermediateDirectories: false)
        try house.breakCommits()
        gate.open()
        let error = await failure
        #expect(error?.code == .vault(.storage) && error?.message.contains("could be written nowhere") == true)
        #expect(house.clock.slept.filter { $0 == .seconds(1) }.count > 20)
        #expect(await house.server.count == 1)
    }
}
