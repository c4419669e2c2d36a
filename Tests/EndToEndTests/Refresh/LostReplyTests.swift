import Platform
import TestSupport
import Testing

@Suite("An answer that is lost after the rotation")
struct LostReplyTests {
    @Test(
        "costs one request more for each, and ends the login only where the server gives no grace",
        arguments: ["0", "30", "until-use"], [1, 2])
    func lost(_ grace: String, _ losses: Int) async throws {
        try await Scene.with(["--grace", grace], start: .vault, configuration: MisbehaviourTests.quick) { scene in
            try await scene.loginExpired()
            try await scene.provider.misbehave("lost-reply", count: losses)
            let first = try await scene.run("token", "codex", "--json")
            #expect(first.status == 5 && first.errorCode == "provider_unavailable", "\(first)")
            #expect(try await scene.provider.statistics()["refreshRequests"] == 1, "once within one command")

            let isStrict = grace == "0"
            if losses == 2, !isStrict {
                let second = try await scene.run("auth", "refresh", "codex", "--json")
                #expect(second.status == 5 && second.errorCode == "provider_unavailable", "\(second)")
            }
            // After one lost answer the next command asks at once; after two a person may.
            let last = try await scene.run(losses == 1 ? ["token", "codex", "--json"] : ["auth", "refresh", "codex", "--json"])
            #expect(last.status == (isStrict ? 3 : 0), "\(last)")
            let status = try await scene.require("auth", "list", "--json").json["accounts"].array?.first?["status"]
            #expect(status == (isStrict ? "needs_login" : "active"))
            for _ in 0..<3 { #expect(try await scene.run("token", "codex").status == (isStrict ? 3 : 0)) }

            let statistics = try await scene.provider.statistics()
            let requests = isStrict ? 2 : 1 + losses
            #expect(statistics["refreshRequests"] == requests && statistics["bodiesSeenTwice"] == requests - 1, "\(statistics)")
            #expect(statistics["familiesRevoked"] == (isStrict ? 1 : 0), "\(statistics)")
        }
    }
}
