import Platform
import TestSupport
import Testing

@Suite(
    "The agent over a vault in the desktop keyring",
    .enabled(if: KeyringSession.isPossible, "needs dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool (make test installs them)"))
struct KeyringAgentTests {
    @Test("It reads every account ahead, hands out what token prints, and stores what a refresh brings")
    func serves() async throws {
        try await Scene.withKeyring(KeyringSession.self) { scene, session in
            try await scene.login("codex", as: "ada")
            try await scene.login("codex", as: "bob")
            func printed(_ person: String) async throws -> String {
                try await scene.require("token", "codex", "--account", person).text
            }
            let before = ["ada": try await printed("ada"), "bob": try await printed("bob")]
            #expect(before["ada"] != before["bob"])
            try await RunningAgent.with(scene) { agent in
                for (person, token) in before { #expect(try await agent.token(account: person) == token) }
                #expect(try await agent.call("Refresh", ["provider": "codex", "account": "ada"])["error"].isNull)
                let new = try #require(try await agent.token(account: "ada"))
                #expect(new != before["ada"])
                #expect(try await printed("ada") == new)
                #expect(try await agent.token(account: "bob") == before["bob"])
            }
            // Without the agent the keyring has it.
            #expect(try await printed("ada") != before["ada"])
            #expect(try await printed("bob") == before["bob"])
        }
    }
}
