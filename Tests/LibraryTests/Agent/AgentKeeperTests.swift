import Logging
import OAuth
import Platform
import Providers
import Testing
import Vault

@testable import Agent

/// A token endpoint that grants every refresh, or is out of reach.
private final class RenewingServer: HTTPSending {
    private struct State {
        var requests = 0
        var polls = 0
        var isReachable = true
    }

    private let state = Guarded(State())
    private let lifetime: Int

    init(lifetime: Int = 3600) { self.lifetime = lifetime }

    var requests: Int { state.withLock { $0.requests } }
    var polls: Int { state.withLock { $0.polls } }
    func setReachable(_ isReachable: Bool) { state.withLock { $0.isReachable = isReachable } }

    func send(_ request: consuming HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        let isUsage = request.url.hasSuffix("/usage")
        let (number, isReachable) = state.withLock { state in
            if isUsage { state.polls += 1 } else { state.requests += 1 }
            return (state.requests, state.isReachable)
        }
        guard isReachable else {
            throw HTTPFailure(kind: .connect, mayHaveBeenSent: false, host: "id.example.org", reason: "no route to host")
        }
        if isUsage { return oauthResponse(200, #"{"plan_type":"plus","rate_limit":null}"#) }
        return oauthResponse(200, OAuthTokens.answer("at-new-\(number)", "rt-new-\(number)", expiresIn: lifetime))
    }
}

/// An agent in simulated time: nothing passes but what somebody sleeps.
private struct SimulatedAgent {
    let house: VaultHouse
    let server: RenewingServer
    let core: AgentCore
    let keeper: AgentKeeper

    init(accounts: Int, lifetime: Int = 3600, _ change: (inout Configuration) -> Void = { _ in }) async throws {
        house = try await VaultHouse()
        server = RenewingServer(lifetime: lifetime)
        for number in 0..<accounts { try await house.login("at-\(number)", "rt-\(number)", as: "person\(number)", expiresIn: lifetime) }
        core = await SimulatedAgent.core(house, server, change)
        keeper = AgentKeeper(core)
    }

    /// The agent of a house, with the house's one provider configured.
    static func core(_ house: VaultHouse, _ server: any HTTPSending, _ change: (inout Configuration) -> Void = { _ in }) async -> AgentCore
    {
        var configuration = Configuration()
        var acme = ProviderSettings()
        acme.issuer = VaultHouse.issuer
        acme.clientId = "cli"
        for name in ["authorization", "token", "usage"] {
            acme.endpoints[name] = WebAddress("https://id.example.org/" + (name == "authorization" ? "authorize" : name))
        }
        configuration.providers["acme"] = acme
        change(&configuration)
        let logger = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
        let service = AgentService(
            vault: house.vault, http: server, configuration: configuration, environment: ProcessEnvironment([:]), time: house.clock.source,
            logger: logger)
        let core = AgentCore(service, version: "test", logger: logger) { service }
        _ = await core.start()
        return core
    }

    /// Lets it live for so many seconds.
    ///
    /// - Returns: how often it woke.
    func live(_ seconds: Int) async -> Int {
        let end = house.clock.source.elapsed() + .seconds(seconds)
        var turns = 0
        while house.clock.source.elapsed() < end {
            let pause = await keeper.turn()
            turns += 1
            await house.clock.source.sleep(pause)
        }
        return turns
    }
}

@Suite("What the agent does by itself, in simulated time")
struct AgentKeeperTests {
    private static let day = 86_400

    @Test("A day with five accounts: it wakes about once a minute, renews each token once in its life, and no caller meets an old one")
    func day() async throws {
        let agent = try await SimulatedAgent(accounts: 5)
        var turns = 0
        for _ in 0..<(AgentKeeperTests.day / 600) {
            turns += await agent.live(600)
            // At no time is a token at hand that callers would have to wait for.
            for account in try agent.house.vault.metadataStore.read().accounts {
                let entry = agent.core.shelf.entry(account, minimum: nil, now: agent.house.clock.now)
                #expect(entry != nil)
            }
        }
        print("a day: \(turns) turns, \(agent.server.requests) requests and \(agent.server.polls) polls for 5 accounts")
        // A minute, a renewal, a poll; and a second look where two of them fall together.
        #expect(turns <= 24 * 60 + 2 * (agent.server.requests + agent.server.polls) + 10)
        // Every 300 s, a little more or less.
        #expect((5 * 240...5 * 340).contains(agent.server.polls))
        #expect((5 * 24...5 * 29).contains(agent.server.requests))
    }

    @Test("Half a day without a network: no busy loop, a bounded number of attempts, and every token is renewed soon after it is back")
    func offline() async throws {
        let agent = try await SimulatedAgent(accounts: 3)
        agent.server.setReachable(false)
        let turns = await agent.live(AgentKeeperTests.day / 2)
        let attempts = agent.server.requests
        print("half a day offline: \(turns) turns, \(attempts) attempts for 3 accounts")
        #expect(turns <= 12 * 60 * 2)
        // Each try of a flight that never left is repeated for its 30 s at most; tries are half an hour apart in the end.
        #expect(attempts <= 3 * 60 * 10)
        agent.server.setReachable(true)
        _ = await agent.live(2400)
        #expect(agent.server.requests <= attempts + 3)
        for account in try agent.house.vault.metadataStore.read().accounts {
            #expect(agent.core.shelf.entry(account, minimum: nil, now: agent.house.clock.now) != nil)
        }
    }

    @Test("After eight hours of suspend it is seen at once that tokens have ended: one request for each, and no more")
    func suspended() async throws {
        let agent = try await SimulatedAgent(accounts: 3)
        _ = await agent.live(120)
        agent.house.clock.advance(8 * 3600)
        let turns = await agent.live(120)
        #expect(agent.server.requests == 3)
        #expect(turns <= 8)
    }

    @Test(
        "A clock on the wall that jumps costs at most one refresh for each account, and makes no loop",
        arguments: [3600, -3600, 86_400, -86_400, 31_536_000, -31_536_000])
    func clockJumps(_ seconds: Int) async throws {
        let agent = try await SimulatedAgent(accounts: 2)
        _ = await agent.live(120)
        agent.house.clock.jump(seconds)
        let turns = await agent.live(600)
        #expect(agent.server.requests <= 2, "\(agent.server.requests) requests after a jump of \(seconds) s")
        #expect(turns <= 30)
        let before = agent.server.requests
        agent.house.clock.jump(-seconds)
        _ = await agent.live(600)
        #expect(agent.server.requests <= before + 2)
    }

    @Test("A server whose tokens live a minute is not asked without a pause", arguments: [1, 10, 60, 300])
    func shortTokens(_ lifetime: Int) async throws {
        let agent = try await SimulatedAgent(accounts: 1, lifetime: lifetime)
        let turns = await agent.live(3600)
        print("an hour of tokens of \(lifetime) s: \(turns) turns, \(agent.server.requests) requests")
        // A token that has ended when usage is asked for is renewed for that, too: twelve polls an hour.
        #expect(agent.server.requests <= 62 + 16)
        #expect(turns <= 240)
    }

    @Test("A dead login is left alone: one refused request, and none after it")
    func deadLogin() async throws {
        let house = try await VaultHouse()
        let server = OAuthServer([.reply(400, #"{"error":"invalid_grant"}"#)])
        try await house.login()
        house.clock.advance(7200)
        let keeper = AgentKeeper(await SimulatedAgent.core(house, server))
        for _ in 0..<100 { await house.clock.source.sleep(await keeper.turn()) }
        #expect(await server.count == 1)
    }

    @Test("It locks itself by a clock that goes on in suspend: idle, and whatever is asked after its lifetime")
    func locks() async throws {
        let idle = try await SimulatedAgent(accounts: 1) { $0.idleLockSeconds = 600 }
        _ = await idle.live(590)
        #expect(await idle.core.lockedBecause == nil)
        idle.house.clock.advance(20)
        _ = await idle.keeper.turn()
        #expect(await idle.core.lockedBecause != nil)

        let lifetime = try await SimulatedAgent(accounts: 1) { $0.lifetimeSeconds = 600 }
        for _ in 0..<59 {
            lifetime.house.clock.advance(10)
            _ = await lifetime.keeper.turn()
            lifetime.core.lastWanted.withLock { $0 = lifetime.house.clock.source.elapsed() }
        }
        #expect(await lifetime.core.lockedBecause == nil)
        lifetime.house.clock.advance(20)
        _ = await lifetime.keeper.turn()
        #expect(await lifetime.core.lockedBecause != nil)
        // Locked, it does nothing: no renewal, and still one turn a minute.
        let requests = lifetime.server.requests
        #expect(await lifetime.live(7200) <= 125)
        #expect(lifetime.server.requests == requests)
    }

    @Test("A server that does not answer keeps no lock back")
    func locksBesideARenewal() async throws {
        let (answer, sleep) = (OAuthGate(), OAuthGate())
        let house = try await VaultHouse(clock: OAuthClock { await sleep.pass() })
        try await house.login()
        house.clock.advance(7200)
        let server = OAuthServer([.reply(200, OAuthTokens.answer("at-2", "rt-2"))], gate: answer)
        let core = await SimulatedAgent.core(house, server) { $0.lifetimeSeconds = 600 }
        let keeping = Task { await AgentKeeper(core).run() }
        await answer.arrived()
        await sleep.arrived()
        #expect(await core.lockedBecause == nil)
        house.clock.advance(601)
        sleep.open()
        let isLocked = await oauthWithin {
            while await core.lockedBecause == nil, !Task.isCancelled { await Task.yield() }
            return true
        }
        #expect(isLocked == true)
        keeping.cancel()
        answer.open()
        await keeping.value
    }
}
