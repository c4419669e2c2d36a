import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("A clock on the wall that is wrong costs one refresh and makes no loop")
struct ClockTests {
    static let jumps = [3600, -3600, 86_400, -86_400, 31_536_000, -31_536_000]

    /// Half a minute of calls.
    private func callOften(_ house: VaultHouse, _ account: AccountRecord) async throws {
        for _ in 0..<50 {
            _ = try await house.token(account)
            house.clock.advance(1)
        }
    }

    private func tokens(_ numbers: ClosedRange<Int>, _ house: VaultHouse) async {
        for number in numbers { await house.server.expect(.reply(200, OAuthTokens.answer("at-\(number)", "rt-\(number)"))) }
    }

    @Test("A jump while nobody refreshes, and the jump back", arguments: jumps)
    func idle(_ jump: Int) async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        await tokens(2...9, house)
        try await callOften(house, account)
        #expect(await house.server.count == 0)
        house.clock.jump(jump)
        try await callOften(house, account)
        let after = await house.server.count
        #expect(after <= 1)
        house.clock.jump(-jump)
        try await callOften(house, account)
        #expect(await house.server.count <= after + 1)
    }

    @Test("A jump between the request and its answer, and the jump back", arguments: jumps)
    func inFlight(_ jump: Int) async throws {
        let gate = OAuthGate()
        let house = try await VaultHouse(server: OAuthServer(gate: gate))
        let account = try await house.expiredAccount()
        await tokens(2...9, house)
        async let held = house.token(account).text
        await gate.arrived()
        house.clock.jump(jump)
        gate.open()
        #expect(try await held == "at-2")
        try await callOften(house, account)
        let after = await house.server.count
        #expect(after <= 2)
        house.clock.jump(-jump)
        try await callOften(house, account)
        #expect(await house.server.count <= after + 1)
    }

    @Test("A jump after an answer that was lost: the token is sent once more, at once, by what has passed since the boot", arguments: jumps)
    func afterLoss(_ jump: Int) async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        await house.server.expect(.failure(.cut, sent: true))
        #expect(await house.refusal(account)?.code == .providerUnavailable)
        house.clock.jump(jump)
        await tokens(2...9, house)
        try await callOften(house, account)
        #expect(await house.server.count <= 3)
        #expect(await house.server.seen.count { $0.body.hasSuffix("=rt-1") } == 2)
    }

    @Test("Each useless answer doubles the pause, from 5 s to half an hour; Retry-After replaces it, up to a day")
    func backoff() {
        #expect(
            (0...10).map { RefreshBackoff.seconds(afterFailures: $0, retryAfter: nil) }
                == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800])
        #expect(RefreshBackoff.seconds(afterFailures: .max, retryAfter: nil) == 1800)
        #expect([-5, 0, 7, 86_400, .max].map { RefreshBackoff.seconds(afterFailures: 3, retryAfter: $0) } == [1, 1, 7, 86_400, 86_400])
    }

    @Test("A pause that would last longer than a day was written by another clock and keeps nobody away")
    func farPause() async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        await house.server.expect(.reply(503, "", headers: ["retry-after": "86400"]))
        #expect(await house.refusal(account)?.code == .providerUnavailable)
        #expect((await house.refusal(account)?.retryAfter ?? 0) > 86_000)
        #expect(await house.server.count == 1)
        house.clock.jump(-10)
        await tokens(2...2, house)
        #expect(try await house.token(account).text == "at-2")
    }
}
