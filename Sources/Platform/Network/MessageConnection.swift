/// A secret that several owners hold parts of.
package final class SecretBlock: Sendable {
    let bytes: SecretBytes
    package init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
}

/// Bytes to send, shared by all who get the same: an answer that is kept is sent from where it stands.
package final class OutgoingMessage: Sendable {
    private let block: SecretBlock
    private let range: Range<Int>

    package init(_ bytes: consuming SecretBytes) {
        range = 0..<bytes.count
        block = SecretBlock(bytes)
    }

    /// A part of a block: a page for each of thousands of short messages would be too many.
    package init(_ block: SecretBlock, _ range: Range<Int>) { (self.block, self.range) = (block, range) }

    /// Nobody else has this part: it does not wait for the rest of its block.
    deinit { block.bytes.wipe(unshared: range) }

    /// Bytes.
    package var count: Int { range.count }
    package func withBytes<R>(_ body: (Span<UInt8>) -> R) -> R { block.bytes.withBytes { body($0.extracting(range)) } }
}

/// One caller of a `MessageServer`: its half-received message, its answers on their way, and its deadlines. Only the event
/// thread touches it.
final class MessageConnection {
    let socket: StreamSocket
    let caller: MessageServer.Caller
    /// What has come of messages that are not whole or not yet due; nil for most callers at most times.
    private var partial: SecretBuffer?
    /// When the oldest byte of it came.
    private(set) var partialSince: Duration?
    var hasPartial: Bool { partialSince != nil }
    /// Bytes of `partial` in which no end of a message stands.
    private var searched = 0
    private var outgoing: [OutgoingMessage] = []
    private var sent = 0
    /// An answer is being worked on; what the caller sends meanwhile waits.
    var isBusy = false
    /// Its answers go on until it hangs up.
    var isStream = false
    /// The caller has said everything it will say.
    var hasEnded = false
    var isWatchedForReading = true
    var isWatchedForWriting = false
    var hasAsked = false
    /// To be hung up on.
    var isOver = false
    var lastActivity: Duration

    init(_ socket: consuming StreamSocket, _ caller: MessageServer.Caller, now: Duration) {
        self.socket = socket
        self.caller = caller
        lastActivity = now
    }

    var isSending: Bool { !outgoing.isEmpty }
    /// Nothing is owed to the caller.
    var isIdle: Bool { !isBusy && !isSending }

    /// Keeps bytes until the message is whole.
    ///
    /// - Returns: false if it is longer than a message may be.
    func keep(_ bytes: Span<UInt8>, limit: Int, now: Duration) -> Bool {
        var buffer = partial.take() ?? SecretBuffer(capacity: max(bytes.count, 512))
        buffer.append(bytes)
        let fits = buffer.count <= limit
        partialSince = partialSince ?? now
        partial = consume buffer
        return fits
    }

    /// The next whole message of what was kept, without its end mark; nil if there is none.
    func nextKept() -> SecretBytes? {
        guard let buffer = partial.take() else { return nil }
        let from = searched
        var end: Int?
        buffer.withBytes { bytes in end = MessageServer.end(of: bytes, from: from) }
        guard let end else {
            searched = buffer.count
            partial = consume buffer
            return nil
        }
        searched = 0
        if end + 1 == buffer.count { partialSince = nil }
        let message = buffer.withBytes { SecretBytes(copying: $0.extracting(0..<end)) }
        if end + 1 < buffer.count {
            var rest = SecretBuffer(capacity: max(buffer.count - end - 1, 512))
            buffer.withBytes { rest.append($0.extracting(end + 1..<$0.count)) }
            partial = consume rest
        }
        return message
    }

    /// Sends what the kernel takes now and keeps the rest, behind what waits already.
    ///
    /// - Returns: false if the caller is gone.
    func send(_ message: OutgoingMessage) -> Bool {
        if outgoing.isEmpty {
            guard let taken = message.withBytes({ socket.send($0) }) else { return false }
            if taken == message.count { return true }
            sent = taken
        }
        outgoing.append(message)
        return true
    }

    /// Sends what the kernel takes.
    ///
    /// - Returns: false if the caller is gone.
    func flush() -> Bool {
        while let first = outgoing.first {
            let from = sent
            let taken = first.withBytes { socket.send($0.extracting(from..<$0.count)) }
            guard let taken else { return false }
            if taken == 0 { return true }
            sent += taken
            if sent == first.count {
                outgoing.removeFirst()
                sent = 0
            }
        }
        return true
    }
}
