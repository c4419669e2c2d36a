import Platform
import TestSupport
import Testing

@Suite("What the agent leaves behind")
struct AgentSecretsTests {
    @Test("No token that passed the agent is in any file, log, audit line, output, command line or environment")
    func canaries() async throws {
        try await Scene.with(start: .vault) { scene in
            let log = scene.home.path + "/state/ai-usage-agent/audit.log"
            let watch = try await ProcessWatch.during {
                let agent = try await RunningAgent.start(scene, ["--verbose"])
                try await scene.login()
                try await scene.login("codex", ["--account", "work"], as: "bob")
                for _ in 0..<3 {
                    _ = try await agent.token(account: "ada")
                    try await scene.require("token", "codex", "--account", "work")
                    try await scene.require("auth", "refresh", "codex")
                    _ = try await agent.call("Refresh", ["provider": "codex", "account": "work"])
                    _ = try await agent.call("GetUsage")
                }
                _ = try await agent.call("GetToken", ["provider": "codex", "account": "nobody"])
                try await scene.require("vault", "lock")
                _ = try await scene.run("token", "codex")
                try await scene.require("vault", "unlock")
                try await scene.require("usage", "--json")
                try await scene.require("auth", "logout", "codex", "--account", "work")
                scene.note(await agent.stop())
            }
            let needles = try await scene.provider.tokens().map(Needle.init)
            #expect(needles.count > 10)
            #expect(try scene.home.search(for: needles) == [])
            for outcome in scene.transcript {
                #expect(!needles.contains { $0.isFound(in: outcome.error) }, "stderr of \(outcome.arguments)")
                let prints = outcome.arguments.contains("token")
                #expect(prints || !needles.contains { $0.isFound(in: outcome.output) }, "stdout of \(outcome.arguments)")
            }
            for text in watch.commandLines + watch.environments { #expect(!needles.contains { $0.isFound(in: text) }) }

            let lines = try scene.home.text(log).split(separator: "\n").map { try JSONValue(parsing: String($0)) }
            #expect(lines.count >= 4)
            let accounts = try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
            #expect(lines.contains { $0["account"] == accounts.first?["id"] && $0["provider"] == "codex" })
            // A refusal is nobody's token.
            #expect(!lines.contains { $0["account"].string == "nobody" })
        }
    }

    @Test("A log that cannot be written is reported once; tokens are handed out all the same")
    func unwritable() async throws {
        try await Scene.with { scene in
            let state = scene.home.path + "/state/ai-usage-agent"
            if scene.home.exists(state) { try scene.home.delete(state) }
            try scene.home.write([], to: state)
            let outcome = try await {
                let agent = try await RunningAgent.start(scene)
                for _ in 0..<3 { #expect(try await agent.token() != nil) }
                return await agent.stop()
            }()
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.errorText.split(separator: "audit log cannot be written").count == 2, "\(outcome)")
        }
    }
}
