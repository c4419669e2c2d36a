import Glibc
import Platform
import TestSupport
import Testing

@Suite(
    "What the agent's memory holds", .enabled(if: geteuid() == 0, "reads another process's memory as root"),
    .enabled(if: Instrumentation.isOff, "a sanitizer shadows the memory, terabytes of it, and keeps what was freed"))
struct AgentMemoryTests {
    @Test(
        "While it is open, the tokens at hand, the vault's key and no refresh token; locked, none of them; after a refresh, no old one")
    func search() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", as: "bob")
            let identity = try scene.home.text(scene.home.keyFile).split(separator: "\n").first { $0.hasPrefix("AGE-SECRET-KEY-1") }
            let key = String(try #require(identity))
            let rawKey = AgeKey.privateKey(key)
            let contents = try await scene.contents()
            func secret(_ person: String, _ name: String) throws -> String { try #require(contents[person]?[name].string) }
            let old = [try secret("ada", "accessToken"), try secret("bob", "accessToken")]
            let refresh = [try secret("ada", "refreshToken"), try secret("bob", "refreshToken")]
            try await RunningAgent.with(scene) { agent in
                for _ in 0..<20 {
                    #expect(try await agent.token(account: "ada") == old[0])
                    #expect(try await agent.token(account: "bob") == old[1])
                }
                let held = try ForeignMemory.search(agent.child.pid, for: old + refresh, bytes: [rawKey])
                print("open: \(held)")
                // The search finds what is there.
                #expect(held.hits[0] >= 1 && held.hits[1] >= 1 && held.bytes > 1 << 20)
                #expect(held.hits[2] == 0 && held.hits[3] == 0)
                #expect(held.hits[4] >= 1, "the vault's key opens it")

                #expect(try await agent.call("Refresh", ["provider": "codex", "account": "ada"])["error"].isNull)
                let new = try #require(try await agent.token(account: "ada"))
                let refreshed = try ForeignMemory.search(agent.child.pid, for: [new, old[0]] + refresh)
                print("after a refresh: \(refreshed)")
                #expect(refreshed.hits[0] >= 1 && Array(refreshed.hits.dropFirst()) == [0, 0, 0])

                _ = try await agent.call("Lock")
                let locked = try ForeignMemory.search(agent.child.pid, for: [new] + old + refresh + [key], bytes: [rawKey])
                print("locked: \(locked)")
                #expect(locked.hits.allSatisfy { $0 == 0 })
            }
        }
    }
}
