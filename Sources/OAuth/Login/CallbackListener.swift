package import Platform

/// Waits on loopback for the one callback of a login (RFC 8252 section 7.3; docs/oauth.md, "The listener").
///
/// Both families are bound before the address is shown. Anything that is not the callback gets an answer and changes
/// nothing; after the first valid hit only `/done` is answered, for two seconds, then everything is closed.
package final class CallbackListener: Sendable {
    static let connectionLimit = 64
    static let requestPatience = Duration.seconds(5)
    /// How long `/done` is answered after the hit.
    package static let lingering = Duration.seconds(2)

    /// The same in both families.
    package let port: Int
    private let bound: Guarded<[BoundSocket]>
    private let wake = WakeSignal()
    private let answer = Guarded<(answer: AuthorizationAnswer?, waiter: CheckedContinuation<AuthorizationAnswer?, Never>?, closed: Bool)>(
        (nil, nil, false))
    private let finished = Guarded<(over: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

    /// A ~Copyable socket in a list needs a class around it.
    private final class BoundSocket: Sendable {
        let socket: LoopbackSocket
        init(_ socket: consuming LoopbackSocket) { self.socket = socket }
    }

    /// Binds 127.0.0.1 and ::1 on the first free port of the rule; a family that the host does not have is left out.
    ///
    /// - Parameter only: `--port`: this one or an error.
    /// - Returns: nil if every allowed port is taken.
    /// - Throws: `network` where no socket can be had at all.
    package static func bind(_ rule: RedirectRule, only: Int?) throws(OAuthError) -> CallbackListener? {
        let candidates = only.map { [$0] } ?? (rule.ports.isEmpty ? Array(repeating: 0, count: 8) : rule.ports)
        for port in candidates {
            do throws(SocketError) {
                if let listener = try bindBoth(port) { return listener }
            } catch {
                throw OAuthError(
                    .network, "no loopback port could be opened: \(error)", remedy: "paste the callback by hand: auth login … --manual")
            }
        }
        return nil
    }

    private static func bindBoth(_ port: Int) throws(SocketError) -> CallbackListener? {
        var sockets: [BoundSocket] = []
        var chosen = port
        var missing: SocketError?
        for family in LoopbackSocket.Family.allCases {
            do throws(SocketError) {
                let socket = try LoopbackSocket.bind(family, port: chosen)
                chosen = socket.port
                sockets.append(BoundSocket(socket))
            } catch {
                // One family taken means that somebody else would answer half of the browsers: next port.
                if error.isAddressInUse { return nil }
                guard error.isFamilyMissing else { throw error }
                missing = error
            }
        }
        guard !sockets.isEmpty else { throw missing ?? SocketError.noFamily }
        return CallbackListener(port: chosen, sockets: sockets)
    }

    private init(port: Int, sockets: [BoundSocket]) {
        self.port = port
        bound = Guarded(sockets)
    }

    /// Starts answering on a thread of its own.
    ///
    /// - Parameter lingering: how long `/done` is served after the hit.
    /// - Throws: `ThreadError`; nothing is answered then, and nothing is left to close.
    package func start(
        _ rule: RedirectRule, _ fields: CallbackFields, serverOrigin: String?, lingering: Duration = CallbackListener.lingering
    ) throws(ThreadError) {
        let request = CallbackRequest(rule: rule, port: port, fields: fields, serverOrigin: serverOrigin)
        try startThread { self.serve(request, lingering) }
    }

    /// The first valid answer; nil when the listener was closed before one came.
    package func wait() async -> AuthorizationAnswer? {
        await withCheckedContinuation { continuation in
            let ready: AuthorizationAnswer?? = answer.withLock { slot in
                if let answer = slot.answer { return .some(answer) }
                if slot.closed { return .some(nil) }
                slot.waiter = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    /// Stops listening; with a hit it first gives the browser its two seconds to fetch the last page.
    package func close(lingering: Bool) async {
        let (waiter, isHit) = answer.withLock { slot -> (CheckedContinuation<AuthorizationAnswer?, Never>?, Bool) in
            slot.closed = true
            defer { slot.waiter = nil }
            return (slot.waiter, slot.answer != nil)
        }
        waiter?.resume(returning: nil)
        // Without a hit there is no browser to wait for: nothing else would ever end the thread.
        if !lingering || !isHit { wake.wake() }
        await withCheckedContinuation { continuation in
            let over = finished.withLock { state in
                if !state.over { state.waiters.append(continuation) }
                return state.over
            }
            if over { continuation.resume() }
        }
    }

    private func deliver(_ hit: AuthorizationAnswer) {
        let waiter = answer.withLock { slot -> CheckedContinuation<AuthorizationAnswer?, Never>? in
            slot.answer = hit
            defer { slot.waiter = nil }
            return slot.waiter
        }
        waiter?.resume(returning: hit)
    }

    // MARK: the thread

    private final class Connection {
        let socket: StreamSocket
        var head: [UInt8] = []
        var deadline: Duration
        /// The answer is out; what still comes in is thrown away so that the peer sees no reset.
        var isDraining = false

        init(_ socket: consuming StreamSocket, deadline: Duration) {
            // Without SO_REUSEADDR a TIME_WAIT of ours would refuse the port to the next login for a minute.
            socket.resetWhenClosed()
            self.socket = socket
            self.deadline = deadline
        }
    }

    private func serve(_ request: CallbackRequest, _ lingering: Duration) {
        let clock = TimeSource.system.elapsed
        // The thread owns them from here on, so that they are closed when it is done.
        var sockets = bound.withLock { bound in
            defer { bound = [] }
            return bound
        }
        var connections: [Connection] = []
        var end: Duration?
        var isDone = false
        while !(isDone && connections.isEmpty) {
            let now = clock()
            if let end, now >= end { break }
            connections.removeAll { $0.deadline <= now }
            let next = ([end].compactMap { $0 } + connections.map(\.deadline)).min()
            let ready = Poller.wait(
                [wake.interest] + sockets.map { Poller.Interest($0.socket.descriptor.raw) }
                    + connections.map { Poller.Interest($0.socket.descriptor.raw) },
                next.map { $0 - now })
            if ready.contains(0) { break }
            var over: [ObjectIdentifier] = []
            for index in ready where index > sockets.count {
                let connection = connections[index - 1 - sockets.count]
                let verdict = read(connection, request, doneIsOpen: end != nil)
                switch verdict {
                case .goOn: break
                case .close: over.append(ObjectIdentifier(connection))
                case .hit(let answer):
                    // Only the first one counts; a second valid callback would be a replay.
                    if end == nil {
                        end = clock() + lingering
                        deliver(answer)
                    }
                case .done:
                    isDone = true
                    end = connection.deadline
                }
            }
            connections.removeAll { over.contains(ObjectIdentifier($0)) || isDone && !$0.isDraining }
            for index in ready where index >= 1 && index <= sockets.count {
                var accepted = 0
                defer {
                    // Ready, and nothing to be had: no descriptors are left. Without a pause this would be a busy loop.
                    if accepted == 0 { _ = Poller.wait([wake.interest], .milliseconds(100)) }
                }
                while let socket = sockets[index - 1].socket.accept() {
                    accepted += 1
                    if connections.count >= CallbackListener.connectionLimit {
                        // Whoever has said nothing yet goes first.
                        connections.remove(at: connections.firstIndex { $0.head.isEmpty } ?? 0)
                    }
                    connections.append(Connection(socket, deadline: clock() + CallbackListener.requestPatience))
                }
            }
        }
        connections.removeAll()
        sockets.removeAll()
        let waiters = finished.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.over = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private enum Step {
        case goOn, close, done
        case hit(AuthorizationAnswer)
    }

    private func read(_ connection: Connection, _ request: CallbackRequest, doneIsOpen: Bool) -> Step {
        switch connection.socket.receive() {
        case .nothingYet: return .goOn
        case .ended: return .close
        case .bytes(let bytes):
            if connection.isDraining { return .goOn }
            connection.head += bytes
        }
        guard let end = headEnd(connection.head) else {
            if connection.head.count > CallbackRequest.headLimit { return answer(connection, .tooLarge) }
            return .goOn
        }
        guard end <= CallbackRequest.headLimit else { return answer(connection, .tooLarge) }
        switch request.judge(Array(connection.head.prefix(end)), doneIsOpen: doneIsOpen) {
        case .answer(let page): return answer(connection, page)
        case .hit(let hit):
            _ = answer(connection, doneIsOpen ? .badRequest : .toDone)
            return doneIsOpen ? .goOn : .hit(hit)
        case .done:
            _ = answer(connection, .done)
            return .done
        }
    }

    private func answer(_ connection: Connection, _ page: CallbackPage) -> Step {
        guard connection.socket.send(page.response.span) == page.response.count else { return .close }
        // The browser has the length and `Connection: close`: it closes first.
        connection.isDraining = true
        connection.deadline = TimeSource.system.elapsed() + .seconds(1)
        return .goOn
    }

    private func headEnd(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in 3..<bytes.count where bytes[index] == 10 && bytes[index - 1] == 13 && bytes[index - 2] == 10 && bytes[index - 3] == 13
        {
            return index + 1
        }
        return nil
    }
}
