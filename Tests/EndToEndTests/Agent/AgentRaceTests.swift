import Platform
import TestSupport
import Testing

@Suite("Many callers of one agent")
struct AgentRaceTests {
    @Test("64 processes and 64 connections that need the token of an expired account make exactly one request and get the same one")
    func atExpiry() async throws {
        try await Scene.with(start: .vault) { scene in
            // The agent would renew it by itself: the server stands still until everybody has asked.
            try await scene.loginExpired()
            scene.provider.pause()
            let answers: [String]
            let agent = try await RunningAgent.start(scene)
            do {
                let children = try (0..<64).map { _ in try scene.start(["token", "codex"]) }
                let connections = try (0..<64).map { _ in try agent.connect() }
                for connection in connections { connection.send(AgentConnection.message("GetToken", ["provider": "codex"])) }
                while !scene.provider.hasUnreadRequest { await TimeSource.system.sleep(.milliseconds(10)) }
                scene.provider.resume()
                answers = try await Scene.gather(
                    children, connections.map { connection in { await connection.answer()["parameters"]["accessToken"].string ?? "none" } })
                await agent.stop()
            } catch {
                scene.provider.resume()
                await agent.stop()
                throw error
            }
            #expect(answers.count == 128 && Set(answers).count == 1, "\(Set(answers).map { $0.suffix(12) })")
            #expect(try await scene.provider.tokens().contains(answers.first ?? ""))
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshRequests"] == 1 && statistics["rotations"] == 1, "\(statistics)")
        }
    }

    @Test("An agent and commands that work without it refresh one account at once: no token is spent twice")
    func withAndWithout() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let children = try (0..<16).map { number in
                    try scene.start(
                        ["auth", "refresh", "codex"],
                        // Where there is no runtime directory with an agent in it, a command works by itself.
                        environment: number % 2 == 0 ? [:] : ["XDG_RUNTIME_DIR": scene.home.path + "/state"])
                }
                for child in children {
                    let outcome = await child.finish()
                    #expect(outcome.status == 0, "\(outcome)")
                }
                #expect(try await agent.token() == (try await scene.require("token", "codex").text))
            }
            let statistics = try await scene.provider.statistics()
            #expect(statistics["bodiesSeenTwice"] == 0 && statistics["refused"] == 0, "\(statistics)")
        }
    }

    @Test("A refresh of A that takes three seconds holds up neither B's token nor a refresh of B")
    func slowNeighbour() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", as: "bob")
            try await RunningAgent.with(scene) { agent in
                let bob = try #require(try await agent.token(account: "bob"))
                try await scene.provider.misbehave("slow", seconds: 3)
                let slow = try agent.connect()
                slow.send(AgentConnection.message("Refresh", ["provider": "codex", "account": "ada"]))
                try await scene.provider.wait(for: "refreshRequests", toReach: 1)
                let begun = TimeSource.system.elapsed()
                #expect(try await agent.token(account: "bob") == bob)
                let cached = TimeSource.system.elapsed() - begun
                let other = try await agent.call("Refresh", ["provider": "codex", "account": "bob"])
                #expect(other["error"].isNull, "\(other)")
                let refreshed = TimeSource.system.elapsed() - begun
                #expect(await slow.answer()["error"].isNull)
                let all = TimeSource.system.elapsed() - begun
                print("the neighbour's cached token took \(cached), their refresh \(refreshed), the slow refresh \(all)")
                #expect(cached < .seconds(1) * Instrumentation.slowness && refreshed < all)
            }
        }
    }

    @Test("A refused refresh of A leaves B's token and B's refresh alone, now and afterwards")
    func refusedNeighbour() async throws {
        try await Scene.with { scene in
            try await scene.provider.revokeAll()
            try await scene.login("codex", as: "bob")
            try await RunningAgent.with(scene) { agent in
                let refused = try await agent.call("Refresh", ["provider": "codex", "account": "ada"])
                #expect(refused["error"].string == "io.aiusage.Agent.LoginRequired", "\(refused)")
                #expect(try await agent.token(account: "bob") != nil)
                let other = try await agent.call("Refresh", ["provider": "codex", "account": "bob"])
                #expect(other["error"].isNull, "\(other)")
                let again = try await agent.call("Refresh", ["provider": "codex", "account": "ada"])
                #expect(again["error"].string == "io.aiusage.Agent.LoginRequired", "\(again)")
                // The dead login was refused once: no second request with its token.
                #expect(try await scene.provider.statistics()["refreshRequests"] == 2)
            }
        }
    }
}
