import Glibc
package import Platform

/// A caller of the agent's socket that may misbehave: bytes out, messages in.
package final class AgentConnection: Sendable {
    private let socket: StreamSocket
    private let received = Guarded(Received())

    private struct Received: Sendable {
        var bytes: [UInt8] = []
        /// In which there is no end of a message.
        var searched = 0
    }

    package init(_ path: String) throws { socket = try StreamSocket.connect(unix: path) }

    /// Sends bytes as they are.
    ///
    /// - Returns: false if the other end is gone.
    @discardableResult
    package func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            guard let sent = socket.send(bytes.span.extracting(done..<bytes.count)) else { return false }
            done += sent
            if sent == 0 { _ = Poller.wait([Poller.Interest(socket.descriptor.raw, writing: true)], .seconds(5)) }
        }
        return true
    }

    package func finishSending() { socket.finishSending() }

    /// The next message, without its end; nil when the other end hung up or the time is over.
    package func receive(within patience: Duration = .seconds(60)) async -> String? {
        await onOwnThread { [self] in read(patience) }
    }

    /// Whether the other end hangs up in that time; what comes before is dropped.
    package func isHungUp(within patience: Duration) async -> Bool {
        await onOwnThread { [self] in
            let end = TimeSource.system.elapsed() + patience
            while true {
                switch socket.receive() {
                case .bytes: continue
                case .ended: return true
                case .nothingYet:
                    let left = end - TimeSource.system.elapsed()
                    if left <= .zero { return false }
                    _ = Poller.wait([Poller.Interest(socket.descriptor.raw)], left)
                }
            }
        }
    }

    private func read(_ patience: Duration) -> String? {
        let end = TimeSource.system.elapsed() + patience
        while true {
            let message = received.change { received -> String? in
                guard let stop = received.bytes[received.searched...].firstIndex(of: 0) else {
                    received.searched = received.bytes.count
                    return nil
                }
                defer {
                    received.bytes.removeFirst(stop + 1)
                    received.searched = 0
                }
                return String(decoding: received.bytes[..<stop], as: UTF8.self)
            }
            if let message { return message }
            switch socket.receive(65536) {
            case .bytes(let bytes): received.change { $0.bytes += bytes }
            case .ended: return nil
            case .nothingYet:
                let left = end - TimeSource.system.elapsed()
                if left <= .zero { return nil }
                _ = Poller.wait([Poller.Interest(socket.descriptor.raw)], left)
            }
        }
    }

    /// Calls a method of the agent and waits for its answer; null if there is none.
    package func call(_ method: String, _ parameters: JSONValue = [:], more: Bool = false) async -> JSONValue {
        send(AgentConnection.message(method, parameters, more: more))
        return await answer()
    }

    /// The next answer; null if there is none.
    package func answer(within patience: Duration = .seconds(60)) async -> JSONValue {
        guard let text = await receive(within: patience) else { return .null }
        return (try? JSONValue(parsing: text)) ?? .null
    }

    /// The call as it goes over the wire. A bare name is a method of the agent.
    package static func message(_ method: String, _ parameters: JSONValue = [:], more: Bool = false) -> String {
        var call: JSONObject = [
            "method": .string(method.contains(".") ? method : "io.aiusage.Agent." + method), "parameters": parameters,
        ]
        if more { call["more"] = true }
        return JSONValue.object(call).compact + "\0"
    }
}

/// An agent of a scene, in the foreground of its own process.
package final class RunningAgent: Sendable {
    package let child: Child
    package let socket: String

    private init(_ child: Child, _ socket: String) { (self.child, self.socket) = (child, socket) }

    /// Starts one and waits until it serves.
    package static func start(_ scene: Scene, _ options: [String] = [], environment: [String: String] = [:]) async throws -> RunningAgent {
        let child = try scene.start(["agent", "run"] + options, environment: environment, patience: .seconds(600))
        guard let line = await child.line(of: .error, startingWith: "ready: ") else {
            throw SpawnFailure(description: "the agent did not start: \(await child.finish())")
        }
        return RunningAgent(child, String(line.dropFirst("ready: ".count)))
    }

    /// Runs `body` beside an agent and stops it, whatever happens.
    package static func with<R>(
        _ scene: Scene, _ options: [String] = [], environment: [String: String] = [:], _ body: (RunningAgent) async throws -> R
    ) async throws -> R {
        let agent = try await start(scene, options, environment: environment)
        do {
            let result = try await body(agent)
            await agent.stop()
            return result
        } catch {
            await agent.stop()
            throw error
        }
    }

    package func connect() throws -> AgentConnection { try AgentConnection(socket) }

    /// Calls one method on a connection of its own.
    package func call(_ method: String, _ parameters: JSONValue = [:]) async throws -> JSONValue {
        try await connect().call(method, parameters)
    }

    /// The token of a provider's account.
    package func token(_ provider: String = "codex", account: String? = nil) async throws -> String? {
        try await call("GetToken", ["provider": .string(provider), "account": .optional(account)])["parameters"]["accessToken"].string
    }

    @discardableResult
    package func stop() async -> Outcome {
        child.signal(SIGTERM)
        return await child.finish()
    }
}
