import Glibc
import Platform
import TestSupport
import Testing

@Suite("Many processes, one login")
struct RaceTests {
    @Test("64 processes that need a token of an expired account make exactly one request and print the same token")
    func manyProcesses() async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.loginExpired()
            let children = try (0..<64).map { _ in try scene.start(["token", "codex"]) }
            var printed: Set<String> = []
            for child in children {
                let outcome = await child.finish()
                #expect(outcome.status == 0, "\(outcome)")
                printed.insert(outcome.text)
            }
            #expect(printed.count == 1)
            #expect(try await scene.provider.tokens().contains(printed.first ?? ""))
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshRequests"] == 1 && statistics["rotations"] == 1, "\(statistics)")
        }
    }

    @Test("64 processes and 64 tasks of one more process make exactly one request and get the same token: 128 callers")
    func processesAndTasks() async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.loginExpired()
            let agent = try InProcess(scene.home.environment)
            let children = try (0..<64).map { _ in try scene.start(["token", "codex"]) }
            let answers = try await Scene.gather(children, Array(repeating: { try await agent.token("codex") }, count: 64))
            #expect(answers.count == 128 && Set(answers).count == 1)
            #expect(try await scene.provider.tokens().contains(answers.first ?? ""))
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshRequests"] == 1 && statistics["rotations"] == 1, "\(statistics)")
        }
    }

    @Test("Refreshes, usage and lists at once spend no refresh token twice, and every process succeeds")
    func mixed() async throws {
        try await Scene.with { scene in
            let commands = [["auth", "refresh", "codex"], ["usage"], ["auth", "list"], ["token", "codex"]]
            let children = try (0..<16).map { try scene.start(commands[$0 % commands.count]) }
            for child in children {
                let outcome = await child.finish()
                #expect(outcome.status == 0, "\(outcome)")
            }
            let statistics = try await scene.provider.statistics()
            #expect(statistics["bodiesSeenTwice"] == 0 && statistics["refused"] == 0, "\(statistics)")
        }
    }

    @Test(
        "A signal during the rotation waits for its end: the new token is kept and the next call needs no request",
        arguments: [SIGINT, SIGTERM, SIGHUP])
    func signal(_ number: Int32) async throws {
        try await Scene.with { scene in
            let old = try await scene.require("token", "codex").text
            try await scene.provider.misbehave("slow", seconds: 4)
            let child = try scene.start(["auth", "refresh", "codex"])
            try await scene.provider.wait(for: "refreshRequests", toReach: 1)
            child.signal(number)
            let outcome = await child.finish()
            #expect(outcome.status == 128 + number, "\(outcome)")
            #expect(outcome.errorText.contains("finishing the token rotation first"))
            let token = try await scene.require("token", "codex").text
            #expect(token != old)
            #expect(try await scene.provider.statistics()["refreshRequests"] == 1)
            try await scene.require("auth", "refresh", "codex")
        }
    }
}
