import Glibc
import Platform
import TestSupport
import Testing

@Suite("kill -9")
struct KillTests {
    @Test(
        "Killed right after the result is durable, the next command completes the refresh without a request",
        .enabled(if: Program.find("strace") != nil, "strace is missing: apt-get install strace"),
        arguments: ["token", "refresh of its own"])
    func afterResult(_ next: String) async throws {
        try await Scene.with { scene in
            let old = try await scene.require("token", "codex").text
            let strace = try #require(Program.find("strace"))
            // The first rename of a refresh is the commit of secrets.age; the journal is written in place.
            let trace = scene.home.path + "/trace"
            let killed = try await scene.run(
                "auth", "refresh", "codex",
                through: [
                    strace, "-f", "-o", trace, "-e", "trace=?renameat,?renameat2", "-e",
                    "inject=?renameat,?renameat2:signal=SIGKILL:when=1",
                ])
            #expect(killed.ending == .signalled(SIGKILL), "\(killed)")
            #expect(try scene.home.text(trace).contains("secrets.age"), "killed at the commit")
            #expect(try await shown(scene) == Shown(list: "pending_commit", pending: 1))
            // status asks for usage and so commits, if it can: as long as it cannot, it says so too.
            let lock = scene.home.data + "/locks/vault"
            try scene.home.delete(lock)
            try scene.home.makeDirectory(lock)
            let status = try await scene.run("status", "--json").json
            #expect(status["accounts"].array?.first?["status"] == "pending_commit" && status["vault"]["pending"] == 1, "\(status)")
            try scene.home.delete(lock)
            #expect(try await scene.provider.statistics()["refreshRequests"] == 1, "neither of them asks for a token")
            #expect(try await scene.provider.statistics()["rotations"] == 1)

            if next == "token" {
                let token = try await scene.require("token", "codex").text
                #expect(token != old)
                #expect(try await scene.provider.tokens().contains(token))
                #expect(try await scene.provider.statistics()["refreshRequests"] == 1, "completed from the journal")
            } else {
                try await scene.require("auth", "refresh", "codex")
                let statistics = try await scene.provider.statistics()
                #expect(statistics["bodiesSeenTwice"] == 0 && statistics["refused"] == 0, "the spent token was not sent: \(statistics)")
            }
            #expect(try await shown(scene) == Shown(list: "active", pending: 0))
        }
    }

    /// What the commands that change nothing say of the one account.
    private struct Shown: Equatable {
        let list: JSONValue?
        let pending: JSONValue
    }

    private func shown(_ scene: Scene) async throws -> Shown {
        Shown(
            list: try await scene.require("auth", "list", "--json").json["accounts"].array?.first?["status"],
            pending: try await scene.require("vault", "status", "--json").json["pending"])
    }
}
