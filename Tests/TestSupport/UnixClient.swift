import Platform

/// One question and its answer over a Unix socket, each on a connection of its own.
package enum UnixClient {
    /// What came within the time.
    package struct Answer: Sendable, CustomStringConvertible {
        /// Without the end that it was read to.
        package let bytes: [UInt8]
        /// Whether its end was seen.
        package let isWhole: Bool
        /// From before the connection to the end of the answer.
        package let time: Duration

        package var text: String { String(decoding: bytes, as: UTF8.self) }
        package var description: String { "\(isWhole ? "" : "cut ")\(text.prefix(200)) after \(time)" }
    }

    /// - Parameter end: the byte that ends an answer; nil where the server closes the connection.
    package static func ask(_ path: String, _ message: [UInt8], end: UInt8?, patience: Duration) async -> Answer {
        await withCheckedContinuation { continuation in
            let work: @Sendable () -> Void = { continuation.resume(returning: exchange(path, message, end, patience)) }
            do throws(ThreadError) { try startThread(work) } catch { work() }
        }
    }

    private static func exchange(_ path: String, _ message: [UInt8], _ end: UInt8?, _ patience: Duration) -> Answer {
        let begun = TimeSource.system.elapsed()
        func answer(_ bytes: [UInt8], isWhole: Bool = false) -> Answer {
            Answer(bytes: bytes, isWhole: isWhole, time: TimeSource.system.elapsed() - begun)
        }
        guard let socket = try? StreamSocket.connect(unix: path), socket.send(message.span) == message.count else { return answer([]) }
        var bytes: [UInt8] = []
        while true {
            switch socket.receive(65536) {
            case .bytes(let more):
                if let end, let place = more.firstIndex(of: end) { return answer(bytes + more[..<place], isWhole: true) }
                bytes += more
            case .ended: return answer(bytes, isWhole: end == nil && !bytes.isEmpty)
            case .nothingYet:
                let left = patience - (TimeSource.system.elapsed() - begun)
                guard left > .zero else { return answer(bytes) }
                _ = Poller.wait([Poller.Interest(socket.descriptor.raw)], left)
            }
        }
    }
}
