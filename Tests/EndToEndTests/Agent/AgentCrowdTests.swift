import Glibc
import Platform
import TestSupport
import Testing

@Suite("Callers who take more than their share")
struct AgentCrowdTests {
    private static let question = AgentConnection.message("GetToken", ["provider": "codex"])

    /// How long questions take, one after the other on one connection.
    private func times(_ agent: RunningAgent, _ count: Int) async throws -> [Duration] {
        let connection = try agent.connect()
        var times: [Duration] = []
        for _ in 0..<count {
            let begun = TimeSource.system.elapsed()
            connection.send(AgentCrowdTests.question)
            let answer = await connection.receive()
            try #require(answer?.contains("accessToken") == true)
            times.append(TimeSource.system.elapsed() - begun)
        }
        return times.sorted()
    }

    @Test("Half a question and a silent caller hold up nobody")
    func halfWritten() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let half = try agent.connect()
                half.send(String(AgentCrowdTests.question.dropLast(20)))
                let silent = try agent.connect()
                let times = try await times(agent, 100)
                print("beside half a question and a silent caller: median \(times[50]), longest \(times[99])")
                #expect(times[99] < .seconds(2))
                half.send(String(AgentCrowdTests.question.suffix(20)))
                #expect(await half.answer()["parameters"]["accessToken"].string != nil)
                _ = silent
            }
        }
    }

    @Test(
        "1,023 idle callers and as many again: everybody who asks is served, and the agent keeps no more than its 1,100",
        .enabled(if: geteuid() == 0, "looks into /proc as root"))
    func idleCrowd() async throws {
        try #require(ProcessLimits.raiseOpenFiles(to: 6000) >= 4000)
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                var crowd: [AgentConnection] = []
                for _ in 0..<1023 { crowd.append(try agent.connect()) }
                let times = try await times(agent, 100)
                print("beside 1,023 idle callers: median \(times[50]), longest \(times[99])")
                #expect(times[99] < .seconds(2))
                for _ in 0..<1023 { crowd.append(try agent.connect()) }
                #expect(try await agent.token() != nil)
                let descriptors = try PrivateDirectory.open("/proc/\(agent.child.pid)/fd", trust: .notWritableByOthers).names().count
                #expect(descriptors <= 1100 + 60, "\(descriptors)")
                #expect(crowd.count == 2046)
            }
        }
    }

    @Test(
        "64 callers who are silent, slow, malformed, too long or another user's do not make a good one's answers take more than twice as long",
        .enabled(if: Instrumentation.isOff, "under a sanitizer the work itself takes the time"))
    func misbehaved() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                _ = try await times(agent, 200)
                let alone = try await times(agent, 400)[200]
                let isOver = Guarded(false)
                let stranger = try AgentCrowdTests.stranger(scene, agent)
                let crowd = Task {
                    await withTaskGroup(of: Void.self) { group in
                        for number in 0..<64 {
                            group.addTask { await AgentCrowdTests.misbehave(number % 4, agent, isOver) }
                        }
                    }
                }
                await TimeSource.system.sleep(.milliseconds(200))
                var beside = try await times(agent, 400)[200]
                // A pause of this machine is nobody's fault: the best of three.
                for _ in 0..<2 where beside > alone * 2 { beside = min(beside, try await times(agent, 400)[200]) }
                isOver.withLock { $0 = true }
                await crowd.value
                await stranger?.stop()
                // What else the machine does changes while the test runs.
                let after = try await times(agent, 400)[200]
                print("a good caller: median \(alone) and \(after) alone, \(beside) beside 64 bad ones")
                #expect(beside <= max(alone, after) * 2 + .microseconds(50))
            }
        }
    }

    /// Another user who calls again and again, where we may play one.
    private static func stranger(_ scene: Scene, _ agent: RunningAgent) throws -> Child? {
        guard geteuid() == 0, let setpriv = Program.find("setpriv"), let python = Program.find("python3") else { return nil }
        for path in [scene.home.path, scene.home.path + "/runtime", scene.home.path + "/runtime/ai-usage-agent"] { chmod(path, 0o755) }
        chmod(agent.socket, 0o666)
        let script = """
            import socket, sys, time
            while True:
                callers = [socket.socket(socket.AF_UNIX) for _ in range(8)]
                for caller in callers: caller.connect(sys.argv[1])
                time.sleep(0.02)
                for caller in callers: caller.close()
            """
        return try Child(
            setpriv, ["--reuid=65534", "--regid=65534", "--clear-groups", python, "-c", script, agent.socket],
            environment: ["PATH": "/usr/bin:/bin"], patience: .seconds(120))
    }

    private static func misbehave(_ kind: Int, _ agent: RunningAgent, _ isOver: Guarded<Bool>) async {
        while !isOver.withLock({ $0 }) {
            guard let connection = try? agent.connect() else { return }
            for _ in 0..<20 where !isOver.withLock({ $0 }) {
                switch kind {
                case 0: break
                case 1: connection.send("x")
                case 2: connection.send("{\"method\":5}\0")
                default: connection.send(String(repeating: "y", count: 70_000))
                }
                await TimeSource.system.sleep(.milliseconds(50))
                if kind == 3 { break }
            }
        }
    }

    @Test(
        "Descriptors that a caller sends along are not taken",
        .enabled(if: geteuid() == 0, "looks into /proc as root"))
    func descriptors() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                func open() throws -> Int {
                    try PrivateDirectory.open("/proc/\(agent.child.pid)/fd", trust: .notWritableByOthers).names().count
                }
                #expect(try await agent.token() != nil)
                let before = try open()
                let script = """
                    import os, socket, sys
                    caller = socket.socket(socket.AF_UNIX); caller.connect(sys.argv[1])
                    for _ in range(50):
                        socket.send_fds(caller, [sys.argv[2].encode() + b"\\0"], [0, 1, 2] * 20)
                        print(b"accessToken" in caller.recv(65536))
                    input()
                    """
                let caller = try Child(
                    Program.find("python3") ?? "", ["-c", script, agent.socket, String(AgentCrowdTests.question.dropLast())],
                    environment: ["PATH": "/usr/bin:/bin"], input: .open)
                #expect(await caller.shows("True", count: 50))
                // 3,000 were sent; the agent's own polls and locks open some, too.
                #expect(try open() <= before + 40)
                await caller.stop()
            }
        }
    }

    @Test(
        "A long run leaks neither descriptors nor memory, on kept connections and with one for each question",
        .enabled(if: geteuid() == 0, "looks into /proc as root"))
    func leaks() async throws {
        let questions = Soak.isOn ? 1_000_000 : 40_000
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                func ask(_ count: Int) async throws {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for caller in 0..<4 {
                            group.addTask {
                                var connection = try agent.connect()
                                for number in 0..<(count / 4) {
                                    if caller == 0, number % 10 == 0 { connection = try agent.connect() }
                                    connection.send(AgentCrowdTests.question)
                                    let answer = await connection.receive()
                                    try #require(answer != nil)
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                func state() throws -> (descriptors: Int, anonymous: Int) {
                    let names = try PrivateDirectory.open("/proc/\(agent.child.pid)/fd", trust: .notWritableByOthers).names()
                    let text = ProcessFile.status(agent.child.pid, "RssAnon")
                    return (names.count, text.flatMap { Int($0.split(separator: " ").first ?? "") } ?? 0)
                }
                try await ask(4000)
                let before = try state()
                try await ask(questions)
                let after = try state()
                print(
                    "\(questions) questions: descriptors \(before.descriptors) to \(after.descriptors), RssAnon \(before.anonymous) to \(after.anonymous) kB"
                )
                #expect(after.descriptors <= before.descriptors + 4)
                // AddressSanitizer keeps what was freed for a while, and ThreadSanitizer remembers who touched what.
                if Instrumentation.isOff { #expect(after.anonymous <= before.anonymous + 512) }
            }
        }
    }
}
