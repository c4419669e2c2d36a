import Glibc
import Platform
import TestSupport
import Testing

@Suite("kill -9")
struct KillTests {
    /// Numbers that are the same in every run (Knuth's MMIX constants).
    private struct Seeded {
        var state: UInt64
        mutating func next(below limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
    }

    @Test("Thirty refreshes killed at any moment lose no login where the server gives grace until use")
    func soak() async throws {
        try await Scene.with(["--grace", "until-use"]) { scene in
            // The shortest of three says how long a refresh takes; on a busy machine the others only take longer.
            var microseconds = Int.max
            for _ in 0..<3 {
                let begin = TimeSource.system.elapsed()
                try await scene.require("auth", "refresh", "codex")
                let (seconds, attoseconds) = (TimeSource.system.elapsed() - begin).components
                microseconds = min(microseconds, Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000))
            }
            var random = Seeded(state: 2026)
            var killed = 0
            for _ in 0..<30 {
                let child = try scene.start(["auth", "refresh", "codex"])
                _ = await child.end(within: .microseconds(random.next(below: microseconds)))
                child.signal(SIGKILL)
                if await child.finish().ending == .signalled(SIGKILL) { killed += 1 }
            }
            // On a machine that is busy with other tests most of them may be over before their time.
            #expect(killed >= 3, "\(killed) of 30 were killed before their end")
            let token = try await scene.run("token", "codex")
            #expect(token.status == 0, "\(token)")
            let refresh = try await scene.run("auth", "refresh", "codex")
            #expect(refresh.status == 0, "\(refresh)")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.map { $0["status"] } == ["active"])
            let statistics = try await scene.provider.statistics()
            #expect(statistics["familiesRevoked"] == 0, "\(statistics)")
            let left = try scene.home.entries().filter { $0.path.contains("/.tmp-") }
            #expect(left.isEmpty, "what a crash left is swept: \(left)")
        }
    }

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
            #expect(try await scene.require("vault", "status", "--json").json["pending"] == 1)
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
            #expect(try await scene.require("vault", "status", "--json").json["pending"] == 0)
        }
    }
}
