import Platform
import TestSupport
import Testing

@Suite("Usage, with an agent that asks for it")
struct AgentUsageTests {
    @Test("An agent and ten commands beside it ask the provider once for each account: they share one plan")
    func onePlan() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", as: "bob")
            try await RunningAgent.with(scene) { agent in
                let commands = [["usage", "--json"], ["status", "--json"], ["usage", "codex", "--format", "csv"]]
                let children = try (0..<10).map { try scene.start(commands[$0 % commands.count]) }
                for child in children {
                    let outcome = await child.finish()
                    #expect(outcome.status == 0, "\(outcome)")
                }
                let answer = try await agent.call("GetUsage")
                #expect(answer["parameters"]["snapshots"].array?.count == 2, "\(answer)")
                #expect(try await scene.provider.statistics()["usageRequests"] == 2)
            }
            // What the agent learned is there without it.
            #expect(
                try await scene.require("usage", "--json").json["snapshots"].array?.allSatisfy {
                    $0["usageWindows"].array?.isEmpty == false
                } == true)
            #expect(try await scene.provider.statistics()["usageRequests"] == 2)
        }
    }

    @Test(
        "usage, status and guard need no passphrase where an agent holds the vault open; locked, usage says so and status still shows the last readings"
    )
    func passphrase() async throws {
        let passphrase = Array("correct horse battery".utf8)
        try await Scene.with(start: .empty) { scene in
            let made = try await scene.run(
                "vault", "init", "--backend", "file", "--identity", "passphrase", "--passphrase-fd", "3", descriptors: [3: passphrase])
            #expect(made.status == 0, "\(made)")
            try await RunningAgent.with(scene) { _ in
                #expect(try await scene.run("vault", "unlock", "--passphrase-fd", "3", descriptors: [3: passphrase]).status == 0)
                try await scene.login()
                let shown = try await scene.require("usage", "--json").json["snapshots"].array?.first ?? .null
                #expect(shown["usageWindows"].array?.isEmpty == false && shown["error"].isNull, "\(shown)")
                #expect(try await scene.run("guard", "codex", "--min-remaining", "1").status == 0)
                let status = try await scene.require("status", "--json").json
                #expect(status["agent"]["locked"] == .bool(false) && status["agent"]["store"].string == scene.home.data)
                try await scene.require("vault", "lock")
                let refused = try await scene.run("usage", "--json")
                #expect(refused.status == 4 && refused.errorCode == "vault_locked", "\(refused)")
                let last = try await scene.require("status", "--json").json
                #expect(last["agent"]["locked"] == .bool(true))
                #expect(last["snapshots"].array?.first?["usageWindows"].array?.isEmpty == false)
            }
        }
    }

    @Test("WatchUsage sends what is known at once and each new reading when it comes, until the caller hangs up")
    func watch() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                _ = try await agent.call("GetUsage")
                let watcher = try agent.connect()
                watcher.send(AgentConnection.message("WatchUsage", more: true))
                let first = await watcher.answer()
                #expect(first["continues"] == .bool(true) && first["parameters"]["snapshots"].array?.count == 1, "\(first)")
                // Codex's floor is a second.
                await TimeSource.system.sleep(.milliseconds(1200))
                let asked = try await agent.call("GetUsage", ["provider": "codex", "refresh": true])
                // The agent's own first poll may still be on its way to the watcher.
                var news = await watcher.answer()
                if news["parameters"]["snapshots"] != asked["parameters"]["snapshots"] { news = await watcher.answer() }
                #expect(
                    news["continues"] == .bool(true) && news["parameters"]["snapshots"] == asked["parameters"]["snapshots"], "\(news)")
                #expect(try await agent.token() != nil)
            }
        }
    }
}
