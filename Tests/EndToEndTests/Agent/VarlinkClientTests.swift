import Platform
import TestSupport
import Testing

@Suite("The agent and a client that others wrote")
struct VarlinkClientTests {
    @Test("The interface's description in docs is the one that the agent gives")
    func documented() async throws {
        try await Scene.with(start: .empty) { scene in
            try await RunningAgent.with(scene) { agent in
                let answer = try await agent.call("org.varlink.service.GetInterfaceDescription", ["interface": "io.aiusage.Agent"])
                let description = try #require(answer["parameters"]["description"].string)
                #expect(try scene.home.text(Program.repository + "/docs/io.aiusage.Agent.varlink") == description)
            }
        }
    }

    private static func ask(_ agent: RunningAgent, _ arguments: String...) async throws -> JSONValue {
        let python = try #require(Python.path)
        let outcome = await
            (try Child(
                python, [Program.repository + "/Tests/EndToEndTests/Servers/varlink_client.py", agent.socket] + arguments,
                environment: ["PATH": "/usr/bin:/bin"])).finish()
        try #require(outcome.status == 0, "\(outcome)")
        return outcome.json
    }

    @Test(
        "The varlink package understands the interface's description, gets tokens, accounts, status and usage, and knows every error",
        .enabled(if: Python.path != nil, "needs the Python environment"))
    func package() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let description = try await VarlinkClientTests.ask(agent, "describe")
                #expect(description["interfaces"] == ["org.varlink.service", "io.aiusage.Agent"])
                #expect(
                    description["methods"]
                        == [
                            "Adopt", "GetToken", "GetUsage", "ListAccounts", "Lock", "Refresh", "Remove", "Status", "Stop", "Unlock",
                            "WatchUsage",
                        ])
                for error in [
                    "LoginRequired", "VaultLocked", "ProviderUnavailable", "NoSuchAccount", "AmbiguousAccount", "AccessDenied",
                    "WrongStore",
                ] {
                    #expect(description["errors"].array?.contains(.string(error)) == true)
                }
                let token = try await VarlinkClientTests.ask(agent, "GetToken", #"{"provider": "codex", "minTtlSeconds": 60}"#)
                #expect(token["answer"]["accessToken"].string == (try await scene.require("token", "codex").text))
                let accounts = try await VarlinkClientTests.ask(agent, "ListAccounts")
                #expect(accounts["answer"]["accounts"].array?.first?["email"].string == "ada@example.org")
                #expect(try await VarlinkClientTests.ask(agent, "Status")["answer"]["store"].string == scene.home.data)
                #expect(try await VarlinkClientTests.ask(agent, "watch")["snapshots"].array?.count == 1)
                let refused = try await VarlinkClientTests.ask(agent, "GetToken", #"{"provider": "codex", "account": "x"}"#)
                #expect(refused["error"].string == "io.aiusage.Agent.NoSuchAccount")
                #expect(refused["parameters"]["remedy"].string?.isEmpty == false)
            }
        }
    }
}
