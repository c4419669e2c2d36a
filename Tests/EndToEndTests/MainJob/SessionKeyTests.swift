import Platform
import TestSupport
import Testing

@Suite("auth login claude --session-key-stdin")
struct SessionKeyTests {
    private static let configuration = """
        {"schemaVersion": 1, "providers": {"claude": {"issuer": "BASE/claude", "webSession": true}}}
        """
    private static let key = "sk-ant-sid01-ada"

    private func login(_ scene: Scene, _ key: String, _ options: [String] = []) async throws -> Outcome {
        let child = try scene.start(
            ["auth", "login", "claude", "--session-key-stdin", "--json"] + options, input: .bytes(Array((key + "\n").utf8)))
        return await scene.finish(child)
    }

    @Test("The key is sealed, shows the usage of the organization that can chat, and is handed to nobody")
    func usage() async throws {
        try await Scene.with(start: .vault, configuration: Self.configuration) { scene in
            let outcome = try await login(scene, Self.key)
            #expect(outcome.status == 0 && outcome.errorText.contains("warning"), "\(outcome)")
            let account = try await scene.require("auth", "list", "--json").json["accounts"].array?.first ?? .null
            #expect(account["authType"] == "sessionKey" && account["refreshable"] == false, "\(account)")
            let row = try await scene.require("usage", "claude", "--json").json["snapshots"].array?.first ?? .null
            #expect(row["error"].isNull && row["authType"] == "sessionKey", "\(row)")
            #expect(row["usageWindows"].array?.first?["usedPercent"] == 37, "\(row)")
            for command in [["token", "claude"], ["exec", "claude", "--", "/bin/true"]] {
                let refused = try await scene.run(command)
                #expect(refused.status == 64 && refused.errorText.contains("web session"), "\(refused)")
            }
            #expect(try scene.home.search(for: [Needle(Self.key)]).isEmpty)
            for outcome in scene.transcript { #expect(!outcome.text.contains(Self.key) && !outcome.errorText.contains(Self.key)) }
            try await scene.require("auth", "logout", "claude")
        }
    }

    @Test("Without the setting it is exit 78, and the key goes nowhere; so it is when the setting is taken back")
    func off() async throws {
        let off = #"{"schemaVersion": 1, "providers": {"claude": {"issuer": "BASE/claude"}}}"#
        try await Scene.with(start: .vault, configuration: off) { scene in
            let outcome = try await login(scene, Self.key)
            #expect(outcome.status == 78 && outcome.errorCode == "config_invalid", "\(outcome)")
            try scene.configure(Self.configuration)
            #expect(try await login(scene, Self.key).status == 0)
            try scene.configure(off)
            let row = try await scene.run("usage", "claude", "--json")
            #expect(row.status == 78, "\(row)")
            #expect(try await scene.provider.statistics()["usageRequests"] == 0)
        }
    }

    @Test("What is no key is wrong usage, one that the site refuses is access_denied, and another provider has none")
    func refused() async throws {
        try await Scene.with(start: .vault, configuration: Self.configuration) { scene in
            for text in ["", "sk-ant-oat01-ada", "sk-ant-sid01-a;b", "sk-ant-sid01-a b"] {
                let wrong = try await login(scene, text)
                #expect(wrong.status == 64, "\(text): \(wrong)")
            }
            let dead = try await login(scene, "sk-ant-sid01-nobody")
            #expect(dead.status == 3 && dead.errorCode == "access_denied", "\(dead)")
            let other = try scene.start(["auth", "login", "codex", "--session-key-stdin"], input: .bytes(Array(Self.key.utf8)))
            let outcome = await other.finish()
            #expect(outcome.status == 64, "\(outcome)")
        }
    }
}
