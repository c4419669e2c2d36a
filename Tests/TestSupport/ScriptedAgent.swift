import Platform

/// An agent that says what the test tells it to (Tests/EndToEndTests/Servers/agent.py), at a home's socket.
package final class ScriptedAgent: Sendable {
    private let child: Child
    private let reply: String
    private let home: Home
    private let looks = Guarded(0)

    package static var isPossible: Bool { Program.find("python3") != nil }
    package static let missing = "python3 is missing: apt-get install python3"

    /// - Parameter flags: `--hold`, `--bytewise`, `--as UID`.
    package init(_ home: Home, _ reply: String, _ flags: [String] = []) async throws {
        self.home = home
        self.reply = home.path + "/reply"
        try home.write(Array(reply.utf8), to: self.reply)
        if !home.exists(home.agentFolder) { try home.makeDirectory(home.agentFolder) }
        if home.exists(home.agentSocket) { try home.delete(home.agentSocket) }
        child = try Child(
            Program.find("python3") ?? "", [Python.script("agent.py"), home.agentSocket, self.reply] + flags,
            environment: home.environment, input: .open, patience: nil)
        guard await child.line(of: .output, startingWith: "ready") != nil else {
            throw SpawnFailure(description: "the agent did not start: \(await child.finish())")
        }
    }

    /// From now on it answers this, to the last byte.
    package func answer(_ reply: String) throws { try home.write(Array(reply.utf8), to: self.reply) }
    package func answer(bytes reply: [UInt8]) throws { try home.write(reply, to: self.reply) }

    /// The messages that it has answered until now, each without its NUL.
    package func messages() async -> [String] {
        let question = looks.withLock {
            $0 += 1
            return "- \($0)"
        }
        child.write(String(question.dropFirst(2)) + "\n")
        _ = await child.line(of: .output, startingWith: question)
        return child.outputSoFar.split(separator: "\n").dropFirst().filter { !$0.hasPrefix("- ") }.map(String.init)
    }

    /// Those that the front door sent: the full program also says how long a token must live.
    package func questions() async -> [String] { await messages().filter { !$0.contains("minTtlSeconds") } }

    package func stop() async {
        child.closeInput()
        await child.stop()
    }

    /// A success as the agent writes it.
    package static func success(_ token: String, type: String = "Bearer") -> String {
        #"{"parameters":{"accessToken":"\#(token)","tokenType":"\#(type)","expiresAt":"2026-11-21T21:00:00Z","#
            + #""accountId":"0b9f5a8e-3a43-4b0e-8d54-3a1c6a7c2c11","accountKey":"codex:ada"}}"# + "\0"
    }
}

extension Home {
    package var runtime: String { path + "/runtime" }
    package var agentFolder: String { runtime + "/ai-usage-agent" }
    package var agentSocket: String { agentFolder + "/agent.sock" }
}
