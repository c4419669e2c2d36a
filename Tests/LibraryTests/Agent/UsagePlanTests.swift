import OAuth
import Platform
import Providers
import TestSupport
import Testing

@testable import Agent
@testable import Vault

@Suite("One polling plan for every process, on a clock that the test moves")
struct UsagePlanTests {
    /// The shortest time between two of them.
    private static func gap(_ moments: [Timestamp]) -> Int {
        zip(moments, moments.dropFirst()).map { $1 - $0 }.min() ?? .max
    }

    @Test(
        "A simulated day of the agent: so many requests as the interval allows, a tenth more or less, and never two within the floor",
        arguments: [
            ("codex", 300, 262...320, 270), ("claude", 300, 262...320, 270), ("claude", 1, 430...480, 180), ("codex", 7200, 10...14, 6480),
        ])
    func day(_ provider: String, _ pollSeconds: Int, _ expected: ClosedRange<Int>, _ least: Int) async throws {
        var house = try await PollHouse([provider])
        house.configuration.pollSeconds = pollSeconds
        let numbers = Guarded(SeededNumbers(7))
        let usage = try house.usage(chance: { numbers.withLock { Double($0.next(below: 1000)) / 1000 } })
        let accounts = try house.accounts()
        let begin = house.clock.now
        while house.clock.now - begin < 86400 {
            _ = await usage.pollDue(accounts)
            let next = try #require(usage.nextPollAt(accounts))
            #expect(next > house.clock.now, "nobody can spin on it")
            house.clock.advance(next - house.clock.now)
        }
        let requests = await house.server.requests
        #expect(expected.contains(requests.count), "\(requests.count)")
        #expect(Self.gap(requests) >= least, "\(Self.gap(requests))")
    }

    @Test("A day with an agent, people who look every 41 s and scripts that ask for new readings every 13 s stays over Claude's floor")
    func crowd() async throws {
        let house = try await PollHouse(["claude"])
        let (agent, person, script) = (try house.usage(), try house.usage(), try house.usage())
        let accounts = try house.accounts()
        for second in 0..<86400 {
            if second % 13 == 0 { _ = await script.readings(of: accounts, refresh: true) }
            if second % 41 == 0 { _ = await person.readings(of: accounts) }
            if second % 60 == 0 { _ = await agent.pollDue(accounts) }
            house.clock.advance(1)
        }
        let requests = await house.server.requests
        #expect(Self.gap(requests) >= 180)
        #expect(requests.count > 400 && requests.count <= 480, "\(requests.count): the scripts get what the floor allows")
    }

    @Test("What one process has read, the next one shows without asking, with its age; when it is due it asks")
    func shared() async throws {
        let house = try await PollHouse()
        let first = try await house.look()
        #expect(first.line == "ok - 37 fresh" && first.nextPollAt == house.clock.now + 300)
        await house.server.answer(.reply(200, UsageServer.body(50)))
        house.clock.advance(299)
        let second = try await house.look()
        #expect(second.line == "ok - 37 fresh" && second.fetchedAt == first.fetchedAt)
        #expect(await house.count == 1)
        house.clock.advance(1)
        #expect(try await house.look().line == "ok - 50 fresh")
        #expect(await house.count == 2)
    }

    @Test(
        "A person who wants a new reading gets one as soon as the floor allows: a second elsewhere, 180 s for Claude",
        arguments: [("codex", 1), ("claude", 180), ("acme", 1)])
    func refresh(_ provider: String, _ floor: Int) async throws {
        let house = try await PollHouse([provider], .reply(200, #"{"usageWindows":[],"rate_limit":{}}"#))
        _ = try await house.look(provider)
        if floor > 1 { house.clock.advance(floor - 1) }
        _ = try await house.look(provider, refresh: true)
        #expect(await house.count == 1)
        house.clock.advance(1)
        _ = try await house.look(provider, refresh: true)
        #expect(await house.count == 2)
    }

    @Test("Twenty at once are one request: who comes second waits for the first one's reading", arguments: [false, true])
    func race(_ refresh: Bool) async throws {
        let gate = OAuthGate()
        let house = try await PollHouse(
            ["codex"], .reply(200, #"{"rate_limit":{"primary_window":{"used_percent":37}}}"#), gate: gate,
            clock: OAuthClock(startingAt: TimeSource.system.now()))
        let account = try house.account()
        let services = try (0..<20).map { _ in try house.usage(time: .system) }
        let lines = await withTaskGroup(of: String.self) { group in
            for service in services {
                group.addTask { await service.readings(of: [account], refresh: refresh).first?.line ?? "none" }
            }
            await gate.arrived()
            gate.open()
            var lines: [String] = []
            for await line in group { lines.append(line) }
            return lines
        }
        #expect(lines == Array(repeating: "ok - 37 fresh", count: 20))
        #expect(await house.count == 1)
    }

    @Test("A 429 binds everybody for as long as the server says, keeps the last good reading, and is over with the next good one")
    func refused() async throws {
        let house = try await PollHouse(["claude"])
        let body = #"{"five_hour":{"utilization":41}}"#
        await house.server.answer(.reply(200, body))
        _ = try await house.look("claude")
        house.clock.advance(400)
        await house.server.answer(.reply(429, "{}", headers: ["Retry-After": "3600"]))
        let refused = try await house.look("claude")
        #expect(refused.line == "rate_limit rate_limited 41 stale")
        #expect(refused.failure?.retryAt == house.clock.now + 3600)
        let asked = await house.count
        for _ in 0..<36 {
            house.clock.advance(100)
            let again = try await house.look("claude", refresh: true)
            if house.clock.now < (refused.nextPollAt ?? house.clock.now) { #expect(again.line == refused.line) }
        }
        #expect(await house.count == asked, "not once in the hour")
        await house.server.answer(.reply(200, body))
        house.clock.advance(300)
        #expect(try await house.look("claude").line == "ok - 41 fresh")
    }

    @Test(
        "A 429 that names no time, or none to wait, costs a pause that grows: six minutes for Claude, at most half an hour",
        arguments: [[:], ["Retry-After": "0"]] as [[String: String]])
    func saturated(_ headers: [String: String]) async throws {
        let house = try await PollHouse(["claude"], .reply(429, "{}", headers: headers))
        let usage = try house.usage()
        let accounts = try house.accounts()
        var pauses: [Int] = []
        for _ in 0..<8 {
            _ = await usage.pollDue(accounts)
            let next = try #require(usage.nextPollAt(accounts))
            pauses.append(next - house.clock.now)
            house.clock.advance(next - house.clock.now)
        }
        #expect(pauses == [378, 567, 851, 1276, 1890, 1890, 1890, 1890])
    }

    @Test("An outage costs fewer and fewer requests, the reading from before stays, and a person may still ask")
    func outage() async throws {
        let house = try await PollHouse()
        _ = try await house.look()
        house.clock.advance(300)
        await house.server.answer(.reply(500, "{}"))
        let usage = try house.usage()
        let accounts = try house.accounts()
        let begin = house.clock.now
        while house.clock.now - begin < 6 * 3600 {
            _ = await usage.pollDue(accounts)
            house.clock.advance(try #require(usage.nextPollAt(accounts)) - house.clock.now)
        }
        let asked = await house.count
        #expect((10...20).contains(asked), "\(asked) requests in six hours")
        house.clock.advance(2)
        #expect(try await house.look(refresh: true).line == "overloaded provider_unavailable 37 stale")
        #expect(await house.count == asked + 1)
        await house.server.answer(.reply(200, UsageServer.body(5)))
        house.clock.advance(2)
        #expect(try await house.look(refresh: true).line == "ok - 5 fresh")
    }

    @Test("Where nothing was sent nobody has been asked: the next look tries again at once, the agent waits")
    func unsent() async throws {
        let house = try await PollHouse(["claude"], .failure(sent: false))
        let usage = try house.usage()
        let accounts = try house.accounts()
        #expect(await usage.pollDue(accounts).map(\.line) == ["unknown network - fresh"])
        #expect(try #require(usage.nextPollAt(accounts)) - house.clock.now >= 180)
        #expect(await usage.pollDue(accounts).isEmpty)
        await house.server.answer(.reply(200, #"{"five_hour":{"utilization":1}}"#))
        #expect(try await house.look("claude").line == "ok - 1 fresh")
        #expect(await house.count == 1)
    }

    @Test("A request that may have arrived counts as one")
    func maybeSent() async throws {
        let house = try await PollHouse(["claude"], .failure(sent: true))
        #expect(try await house.look("claude").line == "unknown network - fresh")
        house.clock.advance(179)
        _ = try await house.look("claude", refresh: true)
        #expect(await house.count == 1)
    }

    @Test("Whoever dies while asking holds the next one up for the floor and no longer", arguments: [("codex", 1), ("claude", 180)])
    func death(_ provider: String, _ floor: Int) async throws {
        let house = try await PollHouse(
            [provider], .reply(200, #"{"five_hour":{"utilization":1},"rate_limit":{"primary_window":{"used_percent":1}}}"#))
        let usage = try house.usage()
        let poll = try UsagePoll(usage, house.account(provider))
        do {
            // What stands in the file of a process that was killed between its note and the answer; the kernel has its lock.
            guard let turn = try await usage.store.turn(poll.name, patience: .zero) else {
                Issue.record("nobody else has it")
                return
            }
            var record = PollRecord()
            record.requestedAt = house.clock.now
            record.isAsking = true
            try turn.write(record)
        }
        let held = try await house.look(provider)
        #expect(held.reason == "poll_pending" && held.failure == nil && held.nextPollAt == house.clock.now + floor)
        house.clock.advance(floor)
        #expect(try await house.look(provider).line == "ok - 1 fresh")
    }

    @Test("While somebody else asks and does not come back, the last reading is shown, as stale and busy")
    func heldUp() async throws {
        let house = try await PollHouse()
        _ = try await house.look()
        house.clock.advance(400)
        let usage = try house.usage()
        let poll = try UsagePoll(usage, house.account())
        guard let turn = try await usage.store.turn(poll.name, patience: .zero) else {
            Issue.record("nobody else has it")
            return
        }
        #expect(try await house.look().line == "unknown busy 37 stale")
        #expect(await house.count == 1)
        _ = consume turn
        #expect(try await house.look(refresh: true).line == "ok - 37 fresh")
    }

    @Test("Where the plan cannot be kept nothing is asked, and the row says what to do")
    func unsafeFolder() async throws {
        let house = try await PollHouse()
        _ = try await house.look()
        try house.house.scratch.chmod(".local/state/ai-usage-agent/usage", 0o755)
        house.clock.advance(400)
        let row = try await house.look()
        #expect(row.failure?.code == "storage" && row.failure?.remedy?.hasPrefix("chmod 700 ") == true, "\(row)")
        #expect(await house.count == 1)
    }

    @Test("A refused login is asked about again as soon as there is another one, and its error is not the new one's")
    func newLogin() async throws {
        let house = try await PollHouse(["claude"], .reply(403, #"{"error":{"message":"does not meet scope requirement user:profile"}}"#))
        let refused = try await house.look("claude")
        #expect(refused.line == "auth scope_missing - fresh")
        #expect(await house.server.refreshes == 0, "a refresh brings no scope")
        await house.server.answer(.reply(200, #"{"five_hour":{"utilization":1}}"#))
        let client = try ProviderCatalog(house.configuration.providers).provider("claude").client()
        try await house.house.login("at-2", "rt-2", as: "ada-claude", expiresIn: 86400, client: client)
        house.clock.advance(10)
        let soon = try await house.look("claude")
        #expect(soon.failure == nil && soon.reason == "poll_pending", "\(soon)")
        house.clock.advance(170)
        #expect(try await house.look("claude").line == "ok - 1 fresh")
    }

    @Test("A 401 is one refresh and one more try within one poll, then a login is needed")
    func unauthorized() async throws {
        let house = try await PollHouse(["codex"], .reply(401, #"{"error":{"code":"token_expired"}}"#))
        let row = try await house.look()
        #expect(row.line == "auth login_required - fresh" && row.failure?.remedy == "ai-usage-agent auth login codex")
        #expect(await house.count == 2)
        #expect(await house.server.refreshes == 1)
    }

    @Test("A clock that was set back binds nobody, and a file that is no record of ours counts as none")
    func oddities() async throws {
        let house = try await PollHouse()
        _ = try await house.look()
        house.clock.jump(-86400)
        _ = try await house.look()
        #expect(await house.count == 2)
        let directory = try PrivateDirectory.open(house.folder)
        let name = try #require(try directory.names().first { $0.hasSuffix(".json") })
        for text in ["", "{", "[]", #"{"schemaVersion":99,"requestedAt":"2099-01-01T00:00:00Z"}"#, #"{"schemaVersion":1,"failures":-5}"#] {
            let before = await house.count
            try directory.replace(name, with: Array(text.utf8).span)
            #expect(try await house.look().line == "ok - 37 fresh", "\(text)")
            #expect(await house.count == before + 1)
        }
    }

    @Test("The store is private, holds no token and no name, and forgets accounts that nobody asks about")
    func store() async throws {
        let house = try await PollHouse()
        _ = try await house.look()
        let directory = try PrivateDirectory.open(house.folder)
        for name in try directory.names() {
            let text = oauthText(try directory.read(name))
            for needle in ["at-codex", "rt-codex", "ada-codex", "example.org"] { #expect(!text.contains(needle), "\(name): \(text)") }
        }
        let usage = try house.usage()
        house.clock.advance(9 * 86400)
        usage.store.sweep([try house.account().id])
        #expect(try directory.names().count == 2)
        usage.store.sweep([])
        #expect(try directory.names().isEmpty)
    }

    @Test("Two tokens of the environment are two accounts to the plan")
    func environment() {
        let account = AccountRecord(
            id: "env:claude", provider: "claude", accountKey: "env:claude", authType: .oauth, source: "env",
            createdAt: Timestamp(seconds: 0))
        let names = Set([nil, "aa", "bb"].map { PollStore.name(account, token: $0) })
        #expect(names.count == 3)
        #expect(names.allSatisfy { $0.hasPrefix("other-") && $0.utf8.count == 38 })
    }
}
