import Platform

/// A loopback server that gives every connection the same answer and remembers what it was asked.
final class ScriptedServer: Sendable {
    enum Behaviour: Sendable {
        /// Sends the text and closes.
        case answer(String)
        /// Reads the request and closes without a word.
        case hangUp
        /// Reads the request and says nothing until the server is stopped.
        case silence
    }

    private let listener: LoopbackSocket
    private let behaviour: Behaviour
    private let stop = WakeSignal()
    private let received = Guarded<[String]>([])

    var port: Int { listener.port }
    /// The requests so far, head and body.
    var requests: [String] { received.withLock { $0 } }

    private init(_ behaviour: Behaviour) throws {
        listener = try LoopbackSocket.bind(.v4, port: 0)
        self.behaviour = behaviour
    }

    /// Runs a server for the time of the call.
    static func with<R>(_ behaviour: Behaviour, _ body: (ScriptedServer) async throws -> R) async throws -> R {
        let server = try ScriptedServer(behaviour)
        try startThread { server.serve() }
        defer { server.stop.wake() }
        return try await body(server)
    }

    /// A port on which nobody listens.
    static func unusedPort() throws -> Int { try LoopbackSocket.bind(.v4, port: 0).port }

    private func serve() {
        // Longer than any run of all tests: a busy machine may leave minutes between two requests.
        while !Poller.wait([stop.interest, .init(listener.descriptor.raw)], .seconds(1800)).isEmpty {
            guard let connection = listener.accept() else { return }
            guard let request = readRequest(connection) else { continue }
            received.withLock { $0.append(request) }
            switch behaviour {
            case .answer(let text): send(text, connection)
            case .hangUp: break
            case .silence: _ = Poller.wait([stop.interest], .seconds(60))
            }
        }
    }

    private func readRequest(_ connection: borrowing StreamSocket) -> String? {
        var bytes: [UInt8] = []
        while !isWhole(String(decoding: bytes, as: UTF8.self)) {
            guard Poller.wait([stop.interest, .init(connection.descriptor.raw)], .seconds(60)) == [1] else { return nil }
            switch connection.receive() {
            case .bytes(let more): bytes += more
            case .nothingYet: continue
            case .ended: return nil
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func isWhole(_ text: String) -> Bool {
        guard let end = text.utf8.firstRange(of: Array("\r\n\r\n".utf8)) else { return false }
        let length = text.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
        let expected = length.flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
        return text.utf8.distance(from: end.upperBound, to: text.utf8.endIndex) >= expected
    }

    private func send(_ text: String, _ connection: borrowing StreamSocket) {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            guard Poller.wait([.init(connection.descriptor.raw, writing: true)], .seconds(60)) == [0],
                let sent = connection.send(bytes.span.extracting(done..<bytes.count))
            else { return }
            done += sent
        }
    }
}
