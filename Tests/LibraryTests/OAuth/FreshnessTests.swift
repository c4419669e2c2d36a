import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("A token is refreshed early, but not earlier than it must be")
struct FreshnessTests {
    /// Lifetime, what the caller asks for, seconds since the login, and whether a request is made.
    struct Moment: Sendable, CustomTestStringConvertible {
        let lifetime: Int
        let minimum: Int?
        let age: Int
        let refreshes: Bool
        var testDescription: String { "\(lifetime) s, minimum \(minimum ?? 0), after \(age) s" }
    }

    static let moments: [Moment] = [
        // Five minutes before the end of an hour.
        .init(lifetime: 3600, minimum: nil, age: 3299, refreshes: false),
        .init(lifetime: 3600, minimum: nil, age: 3300, refreshes: true),
        // 20 % where that is less.
        .init(lifetime: 1000, minimum: nil, age: 799, refreshes: false),
        .init(lifetime: 1000, minimum: nil, age: 800, refreshes: true),
        // Five minutes, not 20 %, of ten days.
        .init(lifetime: 864_000, minimum: nil, age: 863_699, refreshes: false),
        .init(lifetime: 864_000, minimum: nil, age: 863_700, refreshes: true),
        // A caller's wish.
        .init(lifetime: 3600, minimum: 1200, age: 2399, refreshes: false),
        .init(lifetime: 3600, minimum: 1200, age: 2400, refreshes: true),
        .init(lifetime: 3600, minimum: 10, age: 3299, refreshes: false),
        // Clamped to half the lifetime.
        .init(lifetime: 3600, minimum: 100_000, age: 1799, refreshes: false),
        .init(lifetime: 3600, minimum: 100_000, age: 1800, refreshes: true),
        .init(lifetime: 3600, minimum: Int.max, age: 60, refreshes: false),
        // No second early refresh within a minute.
        .init(lifetime: 100, minimum: nil, age: 59, refreshes: false),
        .init(lifetime: 100, minimum: 100, age: 59, refreshes: false),
        .init(lifetime: 100, minimum: 100, age: 60, refreshes: true),
        .init(lifetime: 62, minimum: nil, age: 59, refreshes: false),
        // An expired one always may, however young.
        .init(lifetime: 30, minimum: nil, age: 29, refreshes: false),
        .init(lifetime: 30, minimum: nil, age: 30, refreshes: true),
        .init(lifetime: 1, minimum: nil, age: 1, refreshes: true),
        .init(lifetime: 3600, minimum: -5, age: 3299, refreshes: false),
    ]

    @Test("It is refreshed at 5 minutes or 20 % left, whichever is less, or as the caller asks, up to half its life", arguments: moments)
    func moment(_ moment: Moment) async throws {
        let house = try await VaultHouse()
        let account = try await house.login(expiresIn: moment.lifetime).account
        house.clock.advance(moment.age)
        if moment.refreshes { await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2", expiresIn: moment.lifetime))) }
        #expect(try await house.token(account, .live(minimum: moment.minimum)).text == (moment.refreshes ? "at-2" : "at-1"))
        #expect(await house.server.count == (moment.refreshes ? 1 : 0))
    }

    @Test("A server that hands out ever shorter tokens is not asked at every call")
    func noLoop() async throws {
        let house = try await VaultHouse()
        let account = try await house.login(expiresIn: 100).account
        house.clock.advance(90)
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2", expiresIn: 10)))
        for _ in 0..<9 {
            #expect(try await house.token(account, .live(minimum: 600)).text == "at-2")
            house.clock.advance(1)
        }
        #expect(await house.server.count == 1)
    }

    @Test("A clock that was set back makes one refresh and no loop")
    func clockBack() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        house.clock.advance(-86_400)
        // Obtained in the future: whichever clock was wrong, the end that was written down means nothing.
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        #expect(try await house.token(account).text == "at-2")
        #expect(try await house.token(account).text == "at-2")
        #expect(await house.server.count == 1)
    }

    @Test("A clock that was a day ahead for one refresh costs one refresh each way, and no token outlives its life")
    func clockAhead() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        house.clock.advance(86_400)
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        #expect(try await house.token(account).text == "at-2")
        #expect(try await house.token(account).text == "at-2")
        house.clock.advance(-86_400)
        await house.server.expect(.reply(200, OAuthTokens.answer("at-3", "rt-3")))
        #expect(try await house.token(account).text == "at-3")
        #expect(try await house.token(account).text == "at-3")
        #expect(await house.server.count == 2)
    }
}
