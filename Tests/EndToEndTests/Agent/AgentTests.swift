import Glibc
import Platform
import TestSupport
import Testing

@Suite("The agent and its callers")
struct AgentTests {
    @Test("GetToken gives what token prints, with five members and no refresh token anywhere in any answer")
    func token() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let answer = try await agent.call("GetToken", ["provider": "codex", "store": .string(scene.home.data)])
                let parameters = answer["parameters"]
                #expect(
                    parameters.object?.names == ["accessToken", "tokenType", "expiresAt", "accountId", "accountKey"], "\(answer)")
                #expect(parameters["tokenType"].string == "Bearer")
                let listed = try await scene.require("auth", "list", "--json").json["accounts"].array?.first ?? .null
                #expect(parameters["accountId"] == listed["id"] && parameters["accountKey"] == listed["accountKey"])
                #expect(parameters["expiresAt"] == listed["expiresAt"])
                #expect(try await scene.require("token", "codex").text == parameters["accessToken"].string)

                let refreshToken = try #require(try await scene.contents()["ada"]?["refreshToken"].string)
                let connection = try agent.connect()
                for method in ["GetToken", "ListAccounts", "GetUsage", "Status", "Refresh"] {
                    let asked: JSONValue = ["GetToken", "Refresh"].contains(method) ? ["provider": "codex"] : [:]
                    connection.send(AgentConnection.message(method, asked))
                    let text = try #require(await connection.receive())
                    #expect(text.hasPrefix("{\"parameters\":"), "\(method): \(text.prefix(300))")
                    #expect(!text.contains(refreshToken))
                }
            }
        }
    }

    @Test("The members of a status are those of the interface, and say which store and process it is")
    func status() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let status = try await agent.call("Status")["parameters"]
                #expect(
                    status.object?.names == ["version", "pid", "store", "locked", "since", "accounts", "nextRefreshAt", "resident"],
                    "\(status)")
                #expect(status["store"].string == scene.home.data && status["accounts"].number?.integer == 1)
                #expect(status["pid"].number?.integer == Int(agent.child.pid) && status["locked"] == .bool(false))
                #expect(status["resident"].number?.integer ?? 0 > 1 << 20)
                let shown = try await scene.require("agent", "status", "--json").json
                #expect(shown["pid"] == status["pid"] && shown["store"] == status["store"] && shown["schemaVersion"] == 1)
            }
            let gone = try await scene.run("agent", "status", "--json")
            #expect(gone.status == 4 && gone.errorCode == "agent_not_running", "\(gone)")
        }
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let method: String
        let parameters: JSONValue
        let error: String
        let code: String?
        var testDescription: String { "\(method) \(parameters.compact)" }
    }

    @Test(
        "Every refusal has its name, and the five things that a caller needs to show it",
        arguments: [
            Refusal(
                method: "GetToken", parameters: ["provider": "codex", "account": "nobody"], error: "NoSuchAccount", code: "no_such_account"),
            Refusal(method: "GetToken", parameters: ["provider": "acme"], error: "NoSuchAccount", code: "no_such_account"),
            Refusal(method: "GetToken", parameters: ["provider": "nobody"], error: "Failed", code: "usage_error"),
            Refusal(
                method: "GetToken", parameters: ["provider": "codex", "store": "/elsewhere"], error: "WrongStore", code: "wrong_store"),
            Refusal(method: "Refresh", parameters: ["provider": "codex", "store": "/elsewhere"], error: "WrongStore", code: "wrong_store"),
            Refusal(method: "Remove", parameters: ["provider": "codex", "store": "/elsewhere"], error: "WrongStore", code: "wrong_store"),
            Refusal(method: "GetToken", parameters: [:], error: "org.varlink.service.InvalidParameter", code: nil),
            Refusal(method: "GetToken", parameters: ["provider": 5], error: "org.varlink.service.InvalidParameter", code: nil),
            Refusal(
                method: "GetToken", parameters: ["provider": "codex", "minTtlSeconds": -1], error: "org.varlink.service.InvalidParameter",
                code: nil),
            Refusal(
                method: "GetToken", parameters: ["provider": "codex", "more": 1], error: "org.varlink.service.InvalidParameter", code: nil),
            Refusal(method: "Adopt", parameters: ["bundle": ["provider": "codex"]], error: "Failed", code: "usage_error"),
            Refusal(method: "WatchUsage", parameters: [:], error: "org.varlink.service.ExpectedMore", code: nil),
            Refusal(method: "Nothing", parameters: [:], error: "org.varlink.service.MethodNotFound", code: nil),
            Refusal(method: "org.example.Other", parameters: [:], error: "org.varlink.service.InterfaceNotFound", code: nil),
            Refusal(
                method: "org.varlink.service.GetInterfaceDescription", parameters: ["interface": "org.example"],
                error: "org.varlink.service.InterfaceNotFound", code: nil),
        ])
    func refusals(_ refusal: Refusal) async throws {
        try await Scene.with { scene in
            let before = scene.home.stores()
            try await RunningAgent.with(scene) { agent in
                let answer = try await agent.call(refusal.method, refusal.parameters)
                let name = refusal.error.contains(".") ? refusal.error : "io.aiusage.Agent." + refusal.error
                #expect(answer["error"].string == name, "\(answer)")
                if let code = refusal.code {
                    #expect(answer["parameters"].object?.names == ["provider", "account", "message", "remedy", "code"])
                    #expect(answer["parameters"]["code"].string == code && answer["parameters"]["message"].string?.isEmpty == false)
                }
            }
            #expect(scene.home.stores() == before)
        }
    }

    @Test("A command that needs a token has one through the agent: two accounts of one name are told apart, a warning is shown")
    func commands() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", ["--account", "work"], as: "bob")
            try await RunningAgent.with(scene) { agent in
                let log = scene.home.path + "/state/ai-usage-agent/audit.log"
                let work = try await scene.require("token", "codex", "--account", "work").text
                #expect(try await agent.token(account: "work") == work)
                #expect(try await scene.require("token", "codex", "--header", "--account", "work").text == "Authorization: Bearer " + work)
                let document = try await scene.require("token", "codex", "--account", "work", "--json").json
                #expect(document["accessToken"].string == work && document["providerAccountId"].string != nil)
                let shown = try await scene.require("exec", "codex", "--account", "work", "--", "/usr/bin/printenv", "CODEX_ACCESS_TOKEN")
                #expect(shown.text == work)
                // The command had it from the agent.
                #expect(try scene.home.text(log).split(separator: "\n").count >= 4)
                let ambiguous = try await scene.run("token", "codex", "--account", "u")
                #expect(ambiguous.status == 64, "\(ambiguous)")
                let both = try await agent.call("GetToken", ["provider": "codex", "account": "u"])
                #expect(both["error"].string == "io.aiusage.Agent.AmbiguousAccount", "\(both)")

                try await scene.provider.misbehave("status-500", count: 9)
                let failed = try await scene.run("auth", "refresh", "codex", "--account", "work")
                #expect(failed.status == 5, "\(failed)")
            }
        }
    }

    @Test("What a command changes while the agent runs holds for the next token: login, logout, pin, refresh")
    func changes() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let ada = try #require(try await agent.token())
                try await scene.login("codex", as: "bob")
                let bob = try #require(try await agent.token())
                #expect(bob != ada)
                try await scene.require("auth", "use", "codex", "ada")
                #expect(try await agent.token() == ada)
                try await scene.require("auth", "use", "codex", "--auto")
                try await scene.require("auth", "refresh", "codex", "--account", "bob")
                let renewed = try #require(try await agent.token(account: "bob"))
                #expect(renewed != bob)
                try await scene.require("auth", "logout", "codex", "--account", "bob")
                #expect(try await agent.token() == ada)
                let gone = try await agent.call("GetToken", ["provider": "codex", "account": "bob"])
                #expect(gone["error"].string == "io.aiusage.Agent.NoSuchAccount")
                try await scene.require("auth", "logout", "codex")
                #expect(try await agent.call("GetToken", ["provider": "codex"])["error"].string == "io.aiusage.Agent.NoSuchAccount")
            }
            let statistics = try await scene.provider.statistics()
            #expect(statistics["bodiesSeenTwice"] == 0 && statistics["refused"] == 0, "\(statistics)")
        }
    }

    @Test("A token that was asked for by name makes its account the one used last")
    func use() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", as: "bob")
            // A login counts as a use, and none is noted twice within a minute: both were long ago.
            let text = try scene.home.text(scene.home.metadataFile)
            let aged = text.replacing(/"lastUsedAt": "20\d\d/, with: "\"lastUsedAt\": \"2020")
            #expect(aged != text)
            try scene.home.write(Array(aged.utf8), to: scene.home.metadataFile)
            func isDefault(_ person: String) async throws -> Bool {
                let accounts = try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
                return accounts.first { $0["email"].string == "\(person)@example.org" }?["isDefault"] == .bool(true)
            }
            #expect(try await isDefault("bob"))
            try await RunningAgent.with(scene) { agent in
                #expect(try await agent.token() != nil)
                #expect(try await isDefault("bob"), "no name, no use")
                let ada = try #require(try await agent.token(account: "ada"))
                let deadline = TimeSource.system.elapsed() + .seconds(30)
                while try await !isDefault("ada"), TimeSource.system.elapsed() < deadline {
                    await TimeSource.system.sleep(.milliseconds(20))
                }
                #expect(try await isDefault("ada"))
                #expect(try await agent.token() == ada)
            }
        }
    }

    @Test("An account is not handed out once auth access says so, and is again when it says the opposite")
    func access() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let token = try #require(try await agent.token())
                try await scene.require("auth", "access", "codex", "off")
                #expect(try await agent.call("GetToken", ["provider": "codex"])["error"].string == "io.aiusage.Agent.AccessDenied")
                // Whoever can open the vault has it all the same.
                #expect(try await scene.require("token", "codex").text == token)
                try await scene.require("auth", "access", "codex", "on")
                #expect(try await agent.token() == token)
            }
        }
    }

    @Test("An agent of another store is left alone: the command works by itself")
    func otherStore() async throws {
        try await Scene.with { scene in
            try await Scene.with { other in
                try await RunningAgent.with(other) { agent in
                    let mine = try await scene.require("token", "codex").text
                    let outcome = try await scene.run("token", "codex", environment: ["XDG_RUNTIME_DIR": other.home.path + "/runtime"])
                    #expect(outcome.status == 0 && outcome.text == mine, "\(outcome)")
                    #expect(try await agent.token() != mine)
                    let line = try await scene.run("agent", "status", environment: ["XDG_RUNTIME_DIR": other.home.path + "/runtime"])
                    #expect(line.text.contains("not the store of this command"), "\(line)")
                }
            }
        }
    }

    @Test("A second agent says which one runs and touches nothing; SIGTERM and agent stop end the first with its socket gone")
    func instances() async throws {
        try await Scene.with { scene in
            for isCommand in [true, false] {
                let agent = try await RunningAgent.start(scene)
                let second = try await scene.run("agent", "run")
                #expect(second.status == 5 && second.complaint.contains(agent.socket), "\(second)")
                #expect(try await agent.token() != nil)
                if isCommand { try await scene.require("agent", "stop") } else { agent.child.signal(SIGTERM) }
                let outcome = await agent.child.finish()
                #expect(outcome.status == 0, "\(outcome)")
                #expect(!scene.home.exists(agent.socket))
            }
            // Killed, it leaves a socket that nobody answers: that is no agent, and no obstacle.
            let killed = try await RunningAgent.start(scene)
            await killed.child.stop()
            #expect(scene.home.exists(killed.socket))
            try await scene.require("token", "codex")
            #expect(try await scene.run("agent", "status").status == 4)
            let token = try await RunningAgent.with(scene) { agent in try await agent.token() }
            #expect(token != nil)
        }
    }

    @Test("SIGTERM in the middle of a refresh: the new token is stored before the agent ends, and the caller gets it")
    func endsInOrder() async throws {
        try await Scene.with { scene in
            let old = try await scene.require("token", "codex").text
            let agent = try await RunningAgent.start(scene)
            try await scene.provider.misbehave("slow", seconds: 3)
            let connection = try agent.connect()
            connection.send(AgentConnection.message("Refresh", ["provider": "codex"]))
            try await scene.provider.wait(for: "refreshRequests", toReach: 1)
            agent.child.signal(SIGTERM)
            let answer = await connection.answer()
            #expect(answer["error"].isNull && answer["parameters"]["account"]["email"].string == "ada@example.org", "\(answer)")
            let outcome = await agent.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
            let new = try await scene.require("token", "codex").text
            #expect(new != old)
            #expect(try await scene.provider.statistics()["refreshRequests"] == 1)
        }
    }
}
