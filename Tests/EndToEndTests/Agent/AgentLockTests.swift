import Platform
import TestSupport
import Testing

@Suite("The agent's lock")
struct AgentLockTests {
    private static let passphrase = Array("correct horse battery".utf8)

    @Test("Locked, it gives nobody a token, and no command goes round it; unlocked, it gives the same ones again")
    func lockAndUnlock() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let token = try #require(try await agent.token())
                let recipient = try #require(try JSONValue(parsing: scene.home.text(scene.home.metadataFile))["vault"]["recipient"].string)
                let locked = try await scene.require("vault", "lock", "--json").json
                #expect(locked["locked"] == .bool(true))
                let connection = try agent.connect()
                for (method, parameters) in [
                    ("GetToken", ["provider": "codex"]), ("Refresh", ["provider": "codex"]), ("Remove", ["provider": "codex"]),
                    ("GetUsage", [:]), ("Adopt", ["bundle": [:]]),
                ] as [(String, JSONValue)] {
                    let answer = await connection.call(method, parameters)
                    #expect(answer["error"].string == "io.aiusage.Agent.VaultLocked", "\(method): \(answer)")
                    #expect(answer["parameters"]["remedy"].string == "ai-usage-agent vault unlock")
                }
                // The key file lies open, and is not read all the same.
                for command in [
                    ["token", "codex"], ["auth", "refresh", "codex"], ["auth", "logout", "codex"], ["exec", "codex", "--", "/bin/true"],
                    ["auth", "login", "codex", "--no-open"], ["usage", "codex", "--raw"], ["vault", "rekey"], ["vault", "adopt"],
                    ["vault", "export", "--recipient", recipient, "--output", scene.home.path + "/export.age"],
                    ["vault", "migrate", "--to", "file", "--identity", "passphrase"],
                ] {
                    let outcome = try await scene.run(command)
                    #expect(outcome.status == 4 && outcome.complaint.contains("vault unlock"), "\(outcome)")
                }
                #expect(!scene.home.exists(scene.home.path + "/export.age"))
                // An account that the agent does not hand out is no way round it either.
                try await scene.require("auth", "access", "codex", "off")
                let own = try await scene.run("token", "codex")
                #expect(own.status == 4 && own.complaint.contains("vault unlock") && own.output.isEmpty, "\(own)")
                try await scene.require("auth", "access", "codex", "on")
                #expect(try await scene.require("agent", "status", "--json").json["locked"] == .bool(true))
                try await scene.require("vault", "unlock")
                #expect(try await agent.token() == token)
            }
        }
    }

    @Test("A vault with a passphrase is opened once, for the agent; from then on no command needs the passphrase")
    func passphrase() async throws {
        try await Scene.with(start: .empty) { scene in
            let made = try await scene.run(
                "vault", "init", "--backend", "file", "--identity", "passphrase", "--passphrase-fd", "3",
                descriptors: [3: AgentLockTests.passphrase])
            #expect(made.status == 0, "\(made)")
            try await RunningAgent.with(scene) { agent in
                let refused = try await scene.run("token", "codex")
                #expect(refused.status == 3, "\(refused)")
                #expect(try await scene.require("agent", "status", "--json").json["locked"] == .bool(true))
                let early = try await scene.run("auth", "login", "codex", "--no-open")
                #expect(early.status == 4, "\(early)")

                // Whoever gives the passphrase opens the vault, here as there; a program that gives it is no person.
                let recipient = try #require(try JSONValue(parsing: scene.home.text(scene.home.metadataFile))["vault"]["recipient"].string)
                let export = ["vault", "export", "--recipient", recipient]
                let given = await scene.finish(
                    try scene.start(export + ["--passphrase-fd", "3"], descriptors: [3: AgentLockTests.passphrase]))
                #expect(given.status == 0, "\(given)")
                try scene.home.write(AgentLockTests.passphrase, to: scene.home.path + "/passphrase")
                let fetched = try await scene.run(export + ["--passphrase-command", "cat \(scene.home.path)/passphrase"])
                #expect(fetched.status == 4 && fetched.complaint.contains("vault unlock"), "\(fetched)")

                let wrong = try await scene.run(
                    "vault", "unlock", "--passphrase-fd", "3", descriptors: [3: Array("quite another one".utf8)])
                #expect(wrong.status == 4 && wrong.complaint.contains("passphrase"), "\(wrong)")
                #expect(try await scene.require("agent", "status", "--json").json["locked"] == .bool(true))
                let right = try await scene.run("vault", "unlock", "--passphrase-fd", "3", descriptors: [3: AgentLockTests.passphrase])
                #expect(right.status == 0, "\(right)")

                try await scene.login()
                let token = try await scene.require("token", "codex").text
                try await scene.require("auth", "refresh", "codex")
                let renewed = try await scene.require("token", "codex").text
                #expect(token != renewed && !renewed.isEmpty)
                try await scene.require("auth", "logout", "codex", "--revoke")
                #expect(try await scene.provider.statistics()["revocations"] ?? 0 >= 1)
                #expect(agent.child.errorSoFar.contains("correct horse") == false)
            }
        }
    }

    @Test("It locks itself when nobody asked for as long as idleLockSeconds says, and after lifetimeSeconds whatever is asked")
    func locksItself() async throws {
        for setting in ["\"idleLockSeconds\": 2", "\"lifetimeSeconds\": 2"] {
            let configuration = Scene.configuration.replacing(
                "{\"schemaVersion\": 1,", with: "{\"schemaVersion\": 1, \"agent\": {\(setting)},")
            try await Scene.with(configuration: configuration) { scene in
                try await RunningAgent.with(scene) { agent in
                    #expect(try await agent.token() != nil)
                    let deadline = TimeSource.system.elapsed() + .seconds(30)
                    while try await agent.call("Status")["parameters"]["locked"] == .bool(false) {
                        #expect(TimeSource.system.elapsed() < deadline, "\(setting) did not lock")
                        if TimeSource.system.elapsed() >= deadline { return }
                        // What is asked for keeps the idle lock away, and not the other.
                        if setting.contains("lifetime") { _ = try await agent.token() }
                        await TimeSource.system.sleep(.milliseconds(50))
                    }
                    #expect(try await agent.call("GetToken", ["provider": "codex"])["error"].string == "io.aiusage.Agent.VaultLocked")
                    try await scene.require("vault", "unlock")
                    #expect(try await agent.token() != nil)
                }
            }
        }
    }

    @Test("Locked while a refresh is on its way: the new token is stored, and nobody gets it before the unlock")
    func lockedDuringRefresh() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                try await scene.provider.misbehave("slow", seconds: 2)
                let connection = try agent.connect()
                let old = try #require(try await agent.token())
                connection.send(AgentConnection.message("Refresh", ["provider": "codex"]))
                try await scene.provider.wait(for: "refreshRequests", toReach: 1)
                _ = try await agent.call("Lock")
                _ = await connection.answer()
                #expect(try await agent.call("GetToken", ["provider": "codex"])["error"].string == "io.aiusage.Agent.VaultLocked")
                try await scene.require("vault", "unlock")
                let new = try #require(try await agent.token())
                #expect(new != old)
                #expect(try await scene.provider.statistics()["refreshRequests"] == 1)
            }
        }
    }

    @Test("The data directory is replaced by a copy while the agent runs: it goes on with what stands there")
    func restored() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let token = try #require(try await agent.token())
                let data = scene.home.data
                try scene.home.move(data, to: data + ".old")
                let copy = try await Child("/bin/cp", ["-a", data + ".old", data], environment: scene.home.environment).finish()
                try #require(copy.status == 0)
                let renewed = try await scene.run("auth", "refresh", "codex")
                #expect(renewed.status == 0, "\(renewed)")
                let new = try #require(try await agent.token())
                #expect(new != token)
                try await scene.login("codex", as: "bob")
                #expect(try await agent.token(account: "bob") != nil)
                await agent.stop()
                #expect(try await scene.require("token", "codex", "--account", "ada").text == new, "it stands in the copy")
            }
        }
    }

    @Test("A rekey while the agent runs: the next token comes from the vault as it is now")
    func rekeyed() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let token = try #require(try await agent.token())
                try await scene.require("vault", "rekey")
                #expect(try await agent.token() == token)
                let answer = try await agent.call("Refresh", ["provider": "codex"])
                #expect(answer["error"].isNull, "\(answer)")
                #expect(try await agent.token() != token)
                #expect(try await scene.require("token", "codex").text == (try await agent.token()))
            }
        }
    }
}
