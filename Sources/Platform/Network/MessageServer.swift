import Glibc
import Synchronization

/// What answers the messages of a `MessageServer`.
package protocol MessageHandling: AnyObject, Sendable {
    /// A whole message. Called on the event thread, where every other caller waits meanwhile: what takes time is begun here and
    /// answered later.
    func received(_ message: Span<UInt8>, from caller: MessageServer.Caller) -> MessageServer.Reaction
    /// The caller hung up or was put off.
    func left(_ caller: MessageServer.Caller)
}

/// Serves many callers of a Unix socket on one thread: messages that end with a NUL, answers in the order of the questions.
///
/// It knows users, sizes and deadlines and nothing of what is said. Callers of other users are hung up on. Nobody who is
/// slow, silent or talks too much takes anything from the others: each has a buffer only while it has half a message, and
/// the one that has been quiet for longest makes room where there are too many.
package final class MessageServer: Sendable {
    /// What callers may take. The values are the agent's.
    package struct Limits: Sendable {
        /// Callers at a time; beyond them the one that has been quiet for longest goes.
        package var connections = 1100
        /// Bytes of one message.
        package var message = 64 << 10
        /// To the first message.
        package var firstMessage = Duration.seconds(5)
        /// Without one, once there was one.
        package var idle = Duration.seconds(30)
        package init() {}
    }

    /// Names one connection for as long as the server lives.
    package struct Caller: Sendable, Hashable {
        /// Never given twice.
        package let number: UInt64
        /// Lent; its number comes again when the connection is closed.
        package let descriptor: Int32
        /// Who it was when it connected (SO_PEERCRED).
        package let process: Int32
        package let user: UInt32
        package var peer: Peer { Peer(user: user, process: process) }
    }

    /// What becomes of a message.
    package enum Reaction: Sendable {
        case answer(OutgoingMessage)
        /// `answer(_:_:isLast:)` follows.
        case later
        /// The message wants none.
        case none
        case close
    }

    private struct Arrivals: Sendable {
        var answers: [(caller: Caller, message: OutgoingMessage, isLast: Bool)] = []
        var isStopping = false
    }

    package let limits: Limits
    private let arrivals = Guarded(Arrivals())
    private let wake = WakeSignal()

    package init(_ limits: Limits = Limits()) { self.limits = limits }

    /// Gives a caller that was told `later` its answer; from any thread. One that is gone gets none.
    ///
    /// - Parameter isLast: false where more answers to the same message follow.
    package func answer(_ caller: Caller, _ message: OutgoingMessage, isLast: Bool = true) {
        let isFirst = arrivals.change { arrivals in
            arrivals.answers.append((caller, message, isLast))
            return arrivals.answers.count == 1
        }
        if isFirst { wake.wake() }
    }

    /// How long the answers that are still owed at the end may take.
    private static let farewell = Duration.seconds(2)

    /// Takes no more messages, sends what is owed, and ends `run`; from any thread.
    package func stop() {
        arrivals.change { $0.isStopping = true }
        wake.wake()
    }

    /// Serves until `stop`; the calling thread is the event thread.
    ///
    /// - Throws: `SocketError` where the kernel gives no epoll descriptor; nobody is served then.
    package func run(_ listener: borrowing UnixListener, _ handler: any MessageHandling) throws(SocketError) {
        var loop = try MessageLoop(self, listener.descriptor.raw, handler)
        while true {
            let (answers, isStopping) = arrivals.change { arrivals in
                defer { arrivals.answers = [] }
                return (arrivals.answers, arrivals.isStopping)
            }
            for (caller, message, isLast) in answers { loop.deliver(message, to: caller, isLast: isLast) }
            if isStopping, loop.isFinished(within: MessageServer.farewell) {
                loop.finish()
                return
            }
            loop.turn(listener)
        }
    }

    var wakeInterest: Int32 { wake.interest.descriptor }
    func drainWake() { wake.drain() }

    /// Where the message ends that begins before `from`; nil if its end has not come.
    static func end(of bytes: Span<UInt8>, from: Int) -> Int? {
        guard from < bytes.count else { return nil }
        return unsafe bytes.withUnsafeBytes { buffer in
            guard let found = unsafe memchr(buffer.baseAddress! + from, 0, buffer.count - from) else { return nil }
            return unsafe buffer.baseAddress!.distance(to: UnsafeRawPointer(found))
        }
    }
}
