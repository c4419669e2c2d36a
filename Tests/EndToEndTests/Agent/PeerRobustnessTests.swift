import Platform
import TestSupport
import Testing

@Suite("While others disturb the agent")
struct PeerRobustnessTests {
    /// oidc-agent as `AgentUnderTest`.
    private struct Peer: AgentUnderTest {
        let agent: OidcAgent
        var socket: String { agent.socket }
        var end: UInt8? { nil }
        func request(for account: String, isFresh: Bool) -> [UInt8] { OidcAgent.request(for: account, isFresh: isFresh) }
        func isToken(_ answer: UnixClient.Answer) -> Bool { answer.isWhole && answer.text.contains(#""access_token":"#) }
    }

    /// The version whose faults are known; another one's figures are printed.
    private static let known = "4.2.6"

    /// Ours as `AgentUnderTest`.
    private struct Ours: AgentUnderTest {
        let socket: String
        var end: UInt8? { 0 }
        func request(for account: String, isFresh: Bool) -> [UInt8] {
            let call = AgentConnection.message(
                isFresh ? "Refresh" : "GetToken", ["provider": "codex", "account": .string(account)])
            return Array(call.utf8)
        }
        func isToken(_ answer: UnixClient.Answer) -> Bool { answer.isWhole && answer.text.contains(#""accessToken":"#) }
    }

    @Test("ours answers everybody else at once", arguments: Disturbance.allCases)
    func ours(disturbance: Disturbance) async throws {
        try await Scene.with(["--error-style", "oauth"]) { scene in
            try await scene.login("codex", as: "bob")
            try await RunningAgent.with(scene) { agent in
                let figure = try await RobustnessFigure(of: disturbance, on: Ours(socket: agent.socket), provider: scene.provider)
                print("ai-usage-agent, \(figure)")
                let comment = Comment(rawValue: "\(figure)")
                #expect(figure.answered == RobustnessFigure.asked && figure.slowest < .milliseconds(500), comment)
                #expect(disturbance != .idleConnections || figure.connected == 1023, comment)
                #expect(!agent.child.hasEnded)
            }
        }
    }

    @Test(
        "oidc-agent leaves a client waiting, or ends, in three of four: the figure that ours is compared with",
        .enabled(if: OidcAgent.isPossible, "\(OidcAgent.missing)"), arguments: Disturbance.allCases)
    func oidcAgent(disturbance: Disturbance) async throws {
        let home = try Home()
        defer { home.remove() }
        let provider = try await DemoProvider(["--error-style", "oauth"])
        let agent = try await OidcAgent(home, provider)
        do {
            for person in ["ada", "bob"] { try await agent.add(person) }
            let figure = try await RobustnessFigure(of: disturbance, on: Peer(agent: agent), provider: provider)
            let version = try await OidcAgent.version()
            print("oidc-agent \(version), \(figure)\(agent.hasEnded ? "; it has ended" : "")")
            if version == PeerRobustnessTests.known {
                let comment = Comment(rawValue: "\(figure)")
                switch disturbance {
                case .halfRequest: #expect(figure.answered == 0 && !agent.hasEnded, comment)
                case .idleConnections: #expect(figure.answered == 0 && figure.connected > 1000 && agent.hasEnded, comment)
                case .slowRefresh: #expect(figure.answered < RobustnessFigure.asked && figure.slowest >= .seconds(2), comment)
                // It goes on, unless it can open a dialog for a new login: that blocks all others (reported, not seen here).
                case .refusedRefresh: #expect(figure.answered == RobustnessFigure.asked, comment)
                }
            }
        } catch {
            await agent.stop()
            await provider.stop()
            throw error
        }
        await agent.stop()
        await provider.stop()
    }
}
