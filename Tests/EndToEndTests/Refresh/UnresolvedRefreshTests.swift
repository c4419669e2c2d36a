import Platform
import TestSupport
import Testing

@Suite("What changes the whole vault, after a refresh that did not end well")
struct UnresolvedRefreshTests {
    private static func settling(_ scene: Scene) async throws -> String {
        let id = try await scene.require("auth", "list", "--json").json["accounts"].array?.first?["id"].string
        return "ai-usage-agent auth refresh codex --account \(try #require(id))"
    }

    private func withLostReply(_ body: (Scene, _ settling: String) async throws -> Void) async throws {
        try await Scene.with(["--grace", "30"], start: .vault, configuration: MisbehaviourTests.quick) { scene in
            try await scene.loginExpired()
            try await scene.provider.misbehave("lost-reply")
            let lost = try await scene.run("token", "codex", "--json")
            try #require(lost.status == 5 && lost.errorCode == "provider_unavailable", "\(lost)")
            try await body(scene, try await Self.settling(scene))
        }
    }

    @Test("A rekey does not forget that an answer was lost: exit 5, nothing is changed, and the command in the remedy settles it")
    func rekey() async throws {
        try await withLostReply { scene, settling in
            let (stores, key) = (scene.home.stores(), try scene.home.read(scene.home.keyFile))
            Refusal(5, "pending_commit", "answer to a refresh", settling).check(try await scene.run("vault", "rekey", "--json"))
            #expect(try scene.home.stores() == stores && scene.home.read(scene.home.keyFile) == key)
            let settled = try await scene.run(settling.split(separator: " ").dropFirst().map(String.init))
            #expect(settled.status == 0, "\(settled)")
            try await scene.require("vault", "rekey")
            try await scene.require("auth", "refresh", "codex")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["graceReplays"] == 1 && statistics["familiesRevoked"] == 0, "\(statistics)")
            #expect(statistics["refreshRequests"] == 3, "\(statistics)")
        }
    }

    @Test("A move and an import leave the record of a lost answer as it is: the keys stay")
    func kept() async throws {
        try await withLostReply { scene, settling in
            let key = try await AgeKey(at: scene.home.path + "/key.txt")
            let file = scene.home.path + "/accounts.age"
            let exported = try await scene.run("vault", "export", "--recipient", key.recipient, "--output", file)
            #expect(exported.status == 0 && exported.errorText.contains("may be spent"), "\(exported)")
            #expect(exported.errorText.contains(settling), "\(exported)")
            try await scene.require("vault", "import", file, "--identity-file", key.path)
            try await scene.require(
                "vault", "migrate", "--to", "file", "--identity", "key-file", "--key-file", scene.home.path + "/keys/other.txt")
            Refusal(5, "pending_commit", settling).check(try await scene.run("vault", "rekey", "--json"))
            try await scene.require("auth", "refresh", "codex")
            let again = try await scene.require("vault", "export", "--recipient", key.recipient, "--output", file + ".2")
            #expect(!again.errorText.contains("may be spent"), "\(again)")
            #expect(try await scene.provider.statistics()["familiesRevoked"] == 0)
        }
    }

    @Test(
        "Tokens of somebody else in the journal are no refresh to be committed: the way out is a login or a logout, and it works",
        arguments: ["login", "logout"])
    func somebodyElse(_ way: String) async throws {
        try await Scene.with { scene in
            let before = try await scene.require("vault", "status", "--json").json
            try await scene.provider.misbehave("other-identity")
            #expect(try await scene.run("auth", "refresh", "codex").status == 3)
            for command in ["rekey", "export"] {
                let line = ["vault", command] + (command == "export" ? ["--recipient", try #require(try scene.recipient())] : [])
                let refused = try await scene.run(line + (command == "export" ? [] : ["--json"]))
                #expect(refused.status == 5 && !refused.errorText.contains("ai-usage-agent token"), "\(refused)")
                if command == "rekey" {
                    Refusal(5, "pending_commit", "tokens of another account", "auth login codex", "auth logout codex").check(refused)
                    #expect(!refused.complaint.contains("ai-usage-agent token"), "\(refused)")
                }
            }
            let status = try await scene.require("vault", "status", "--json").json
            #expect(status["pending"] == 0 && status["findings"].array?.count == 1, "\(status)")
            #expect(status["findings"].array?.first?.string?.contains("ai-usage-agent auth login codex") == true, "\(status)")
            #expect(try await !scene.require("vault", "status").text.contains("committed by"))

            if way == "login" { try await scene.login() } else { try await scene.require("auth", "logout", "codex") }
            let after = try await scene.require("vault", "status", "--json").json
            #expect(after["pending"] == 0 && after["findings"] == before["findings"], "\(after)")
            try await scene.require("vault", "rekey")
            if way == "login" { try await scene.require("auth", "refresh", "codex") }
        }
    }
}
