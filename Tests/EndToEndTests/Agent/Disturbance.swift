import Platform
import TestSupport

/// An agent as its clients see it, with two accounts whose tokens it holds.
protocol AgentUnderTest: Sendable {
    var socket: String { get }
    /// A request for the token of an account, as bytes; `isFresh`: that makes it ask the provider.
    func request(for account: String, isFresh: Bool) -> [UInt8]
    /// Nil where the end of an answer is the end of the connection.
    var end: UInt8? { get }
    func isToken(_ answer: UnixClient.Answer) -> Bool
}

/// What others do to an agent while a good client asks for a token that is there.
enum Disturbance: String, CaseIterable, Sendable {
    /// Somebody sends half a request and waits.
    case halfRequest = "a half-written request"
    /// 1,023 connections of which nothing comes.
    case idleConnections = "1,023 idle connections"
    /// The provider takes 3 s for the refresh of another account.
    case slowRefresh = "a 3 s refresh of another account"
    /// The provider refuses the refresh of another account.
    case refusedRefresh = "a refused refresh of another account"
}

/// How the good client fared: three questions, each given two seconds.
struct RobustnessFigure: Sendable, CustomStringConvertible {
    let disturbance: Disturbance
    private(set) var quiet = Duration.zero
    private(set) var answered = 0
    private(set) var slowest = Duration.zero
    /// How many of the others got a connection.
    private(set) var connected = 0
    /// What the last question got.
    private(set) var last = ""

    static let asked = 3
    private static let patience = Duration.seconds(2)
    private static let (disturbed, good) = ("ada", "bob")

    var description: String {
        "\(disturbance.rawValue): \(answered) of \(RobustnessFigure.asked) answered, the slowest after \(slowest) (before: \(quiet)); \(last)"
    }

    /// - Parameter provider: behind both accounts.
    init(of disturbance: Disturbance, on agent: some AgentUnderTest, provider: DemoProvider) async throws {
        self.disturbance = disturbance
        // The figure means something only if the agent serves both before.
        for account in [RobustnessFigure.disturbed, RobustnessFigure.good] {
            let answer = await RobustnessFigure.ask(agent, account)
            guard agent.isToken(answer) else { throw Scene.Failed(description: "\(account) before: \(answer)") }
            quiet = answer.time
        }
        switch disturbance {
        case .halfRequest:
            let half = agent.request(for: RobustnessFigure.disturbed, isFresh: false)
            let text = String(decoding: half.prefix(half.count / 2), as: UTF8.self)
            let crowd = try await Crowd(agent.socket, 1, text)
            connected = crowd.connected
            await ask(agent)
            await crowd.leave()
        case .idleConnections:
            let crowd = try await Crowd(agent.socket, 1023)
            connected = crowd.connected
            await ask(agent)
            await crowd.leave()
        case .slowRefresh:
            let requests = try await provider.statistics()["tokenRequests"] ?? 0
            try await provider.misbehave("slow", seconds: 3)
            async let slow = RobustnessFigure.refresh(agent)
            try await provider.wait(for: "tokenRequests", toReach: requests + 1)
            await ask(agent)
            guard await slow.time > .seconds(2.5) else { throw Scene.Failed(description: "the refresh was not slow: \(await slow)") }
        case .refusedRefresh:
            try await provider.revokeAll()
            let refused = await RobustnessFigure.refresh(agent)
            guard !agent.isToken(refused), try await provider.statistics()["refused"] ?? 0 > 0 else {
                throw Scene.Failed(description: "the refresh was not refused: \(refused)")
            }
            await ask(agent)
        }
    }

    private mutating func ask(_ agent: some AgentUnderTest) async {
        for _ in 0..<RobustnessFigure.asked {
            let answer = await RobustnessFigure.ask(agent, RobustnessFigure.good)
            let isToken = agent.isToken(answer)
            if isToken { answered += 1 }
            slowest = max(slowest, answer.time)
            last = isToken ? "a token" : answer.isWhole ? answer.text : "no answer"
        }
    }

    private static func ask(_ agent: some AgentUnderTest, _ account: String) async -> UnixClient.Answer {
        await UnixClient.ask(agent.socket, agent.request(for: account, isFresh: false), end: agent.end, patience: patience)
    }

    private static func refresh(_ agent: some AgentUnderTest) async -> UnixClient.Answer {
        await UnixClient.ask(agent.socket, agent.request(for: disturbed, isFresh: true), end: agent.end, patience: .seconds(10))
    }
}

/// Clients that connect, perhaps say something, and then do nothing (Tests/EndToEndTests/Servers/crowd.py).
private struct Crowd {
    private let child: Child
    let connected: Int

    init(_ socket: String, _ count: Int, _ text: String? = nil) async throws {
        child = try Child(
            Program.find("python3") ?? "",
            [Program.repository + "/Tests/EndToEndTests/Servers/crowd.py", socket, "\(count)"] + (text.map { [$0] } ?? []),
            environment: ["PATH": "/usr/bin:/bin"], input: .open, patience: nil)
        guard let line = await child.line(of: .output, startingWith: "ready ") else {
            throw Scene.Failed(description: "the crowd did not come: \(await child.finish())")
        }
        // A server may turn some of them away, or end meanwhile.
        connected = Int(line.dropFirst("ready ".count)) ?? 0
    }

    func leave() async {
        child.closeInput()
        await child.stop()
    }
}
