import Glibc

/// The state of the event thread: its callers and what the kernel says of them.
struct MessageLoop: ~Copyable {
    private let server: MessageServer
    private let limits: MessageServer.Limits
    private let listening: Int32
    private let handler: any MessageHandling
    private var readiness: Readiness
    /// By descriptor.
    private var connections: [MessageConnection?] = []
    private var count = 0
    private var lastNumber: UInt64 = 0
    /// Filled by each reading; a message that comes whole is understood where it stands.
    private var scratch: SecretBytes
    private var now = Duration.zero
    /// No caller's time is over before this.
    private var nextSweep: Duration?
    /// When the end is not put off any longer.
    private var endsAt: Duration?
    /// Too many callers for this process: nobody is accepted before this.
    private var acceptsAgain: Duration?

    init(_ server: MessageServer, _ listening: Int32, _ handler: any MessageHandling) throws(SocketError) {
        let readiness = try Readiness()
        try readiness.add(listening)
        try readiness.add(server.wakeInterest)
        self.server = server
        limits = server.limits
        self.handler = handler
        self.readiness = readiness
        scratch = SecretBytes(zeroes: server.limits.message)
        self.listening = listening
    }

    /// Callers that are accepted before those that are there get their turn again.
    private static let acceptedAtOnce = 64
    /// Bytes that a caller may bring in one turn, unless a longer message has begun: some dozens of questions.
    private static let bytesAtOnce = 4096
    private static let exhaustionPause = Duration.milliseconds(100)

    private static func clock() -> Duration {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// Waits for whatever comes first and deals with it.
    mutating func turn(_ listener: borrowing UnixListener) {
        var patience: Duration?
        if let nextSweep { patience = nextSweep }
        if let acceptsAgain { patience = min(patience ?? acceptsAgain, acceptsAgain) }
        if let end = patience { patience = max(.zero, end - MessageLoop.clock()) }
        let count = readiness.wait(patience)
        now = MessageLoop.clock()
        for index in 0..<count {
            let event = readiness.event(index)
            if event.descriptor == listening {
                accept(listener)
            } else if event.descriptor == server.wakeInterest {
                server.drainWake()
            } else if let connection = connection(event.descriptor) {
                serve(connection, event)
            }
        }
        if let at = acceptsAgain, at <= now {
            acceptsAgain = nil
            readiness.change(listening, reading: true, writing: false)
        }
        if let at = nextSweep, at <= now { sweep() }
    }

    private func connection(_ descriptor: Int32) -> MessageConnection? {
        Int(descriptor) < connections.count ? connections[Int(descriptor)] : nil
    }

    private mutating func accept(_ listener: borrowing UnixListener) {
        for _ in 0..<MessageLoop.acceptedAtOnce {
            switch listener.accept() {
            case .none: return
            case .exhausted:
                // Whoever has been quiet for longest gives way; where nobody can, the callers wait in the kernel's queue.
                if !makeRoom() {
                    acceptsAgain = now + MessageLoop.exhaustionPause
                    readiness.change(listening, reading: false, writing: false)
                    return
                }
            case .connection(let socket): admit(socket)
            }
        }
    }

    private mutating func admit(_ socket: consuming StreamSocket) {
        // Another user's call ends here, before a byte of it is read.
        guard let peer = socket.peer, peer.isThisUser else { return }
        if count >= limits.connections, !makeRoom() { return }
        let descriptor = socket.descriptor.raw
        lastNumber += 1
        let caller = MessageServer.Caller(number: lastNumber, descriptor: descriptor, process: peer.process, user: peer.user)
        guard (try? readiness.add(descriptor)) != nil else { return }
        let connection = MessageConnection(socket, caller, now: now)
        while connections.count <= Int(descriptor) { connections.append(nil) }
        connections[Int(descriptor)] = connection
        count += 1
        note(now + limits.firstMessage)
        // Most callers have spoken by the time they are let in.
        read(connection)
        settle(connection)
    }

    /// Hangs up on the caller that nothing is owed to and that has been quiet for longest.
    private mutating func makeRoom() -> Bool {
        var quietest: MessageConnection?
        for case let connection? in connections where connection.isIdle {
            if quietest.map({ connection.lastActivity < $0.lastActivity }) ?? true { quietest = connection }
        }
        guard let quietest else { return false }
        close(quietest)
        return true
    }

    private mutating func serve(_ connection: MessageConnection, _ event: Readiness.Event) {
        if event.isWritable {
            guard connection.flush() else { return close(connection) }
            connection.lastActivity = now
        }
        if event.isReadable, connection.isWatchedForReading { read(connection) }
        if event.isGone, connection.hasEnded || !connection.isWatchedForReading { return close(connection) }
        settle(connection)
    }

    /// Takes in what has come, and answers what is whole.
    private mutating func read(_ connection: MessageConnection) {
        guard connection.isIdle else { return }
        let most = connection.hasPartial ? scratch.count : MessageLoop.bytesAtOnce
        switch connection.socket.receive(into: &scratch, most: most) {
        case .nothingYet: return
        case .ended: connection.hasEnded = true
        case .bytes(let count):
            take(count, connection)
            scratch.wipe(first: count)
        }
    }

    private mutating func take(_ count: Int, _ connection: MessageConnection) {
        if connection.hasPartial {
            let fits = scratch.withBytes { connection.keep($0.extracting(first: count), limit: limits.message + 1, now: now) }
            answerKept(connection)
            if !fits, connection.isIdle { connection.isOver = true }
            return
        }
        var from = 0
        while from < count, connection.isIdle, !connection.isOver {
            let start = from
            let end = scratch.withBytes { MessageServer.end(of: $0.extracting(first: count), from: start) }
            guard let end else { break }
            scratch.withBytes { answer(connection, $0.extracting(start..<end)) }
            from = end + 1
        }
        guard from < count, !connection.isOver else { return }
        let rest = from
        let fits = scratch.withBytes { connection.keep($0.extracting(rest..<count), limit: limits.message, now: now) }
        if !fits { connection.isOver = true }
    }

    private func answerKept(_ connection: MessageConnection) {
        while connection.isIdle, !connection.isOver, let message = connection.nextKept() {
            message.withBytes { answer(connection, $0) }
        }
    }

    private func answer(_ connection: MessageConnection, _ message: Span<UInt8>) {
        connection.hasAsked = true
        // Half a message is no activity: whoever sends it drop by drop runs out of time.
        connection.lastActivity = now
        switch handler.received(message, from: connection.caller) {
        case .answer(let answer):
            if !connection.send(answer) { connection.isOver = true }
        case .later: connection.isBusy = true
        case .none: break
        case .close: connection.isOver = true
        }
    }

    /// Brings what the kernel watches in line with what the caller may do next, or hangs up.
    private mutating func settle(_ connection: MessageConnection) {
        if connection.isOver || (connection.isIdle && (connection.hasEnded || endsAt != nil)) { return close(connection) }
        let reading = connection.isIdle && !connection.hasEnded
        let writing = connection.isSending
        if reading != connection.isWatchedForReading || writing != connection.isWatchedForWriting {
            connection.isWatchedForReading = reading
            connection.isWatchedForWriting = writing
            readiness.change(connection.caller.descriptor, reading: reading, writing: writing)
        }
        if !connection.isBusy || connection.isSending { note(deadline(connection)) }
    }

    mutating func deliver(_ message: OutgoingMessage, to caller: MessageServer.Caller, isLast: Bool) {
        guard let connection = connection(caller.descriptor), connection.caller == caller else { return }
        now = MessageLoop.clock()
        // Who does not take what was sent before is not kept by what is sent now.
        if !connection.isSending { connection.lastActivity = now }
        if isLast { connection.isBusy = false } else { connection.isStream = true }
        guard connection.send(message) else { return close(connection) }
        // What came meanwhile is due now.
        answerKept(connection)
        settle(connection)
    }

    private func deadline(_ connection: MessageConnection) -> Duration {
        if let since = connection.partialSince { return since + limits.firstMessage }
        return connection.lastActivity + (connection.hasAsked ? limits.idle : limits.firstMessage)
    }

    private mutating func note(_ deadline: Duration) {
        if nextSweep.map({ deadline < $0 }) ?? true { nextSweep = deadline }
    }

    /// Hangs up on those whose time is over, and finds out whose is next.
    private mutating func sweep() {
        nextSweep = nil
        for case let connection? in connections {
            // Who does not take an answer is as idle as who does not ask.
            if connection.isBusy, !connection.isSending { continue }
            let end = deadline(connection)
            if end <= now { close(connection) } else { note(end) }
        }
    }

    private mutating func close(_ connection: MessageConnection) {
        let descriptor = connection.caller.descriptor
        guard connections[Int(descriptor)] === connection else { return }
        readiness.remove(descriptor)
        connections[Int(descriptor)] = nil
        count -= 1
        handler.left(connection.caller)
    }

    /// Begins or goes on to end: nobody is let in or listened to any more.
    ///
    /// - Returns: whether nothing is owed to anybody, or the time for it is over.
    mutating func isFinished(within patience: Duration) -> Bool {
        now = MessageLoop.clock()
        if endsAt == nil {
            endsAt = now + patience
            readiness.remove(listening)
            for case let connection? in connections where connection.isIdle { close(connection) }
        }
        guard let endsAt else { return true }
        nextSweep = min(nextSweep ?? endsAt, endsAt)
        return endsAt <= now || !connections.contains { $0.map { $0.isSending || ($0.isBusy && !$0.isStream) } ?? false }
    }

    mutating func finish() {
        for case let connection? in connections { close(connection) }
    }
}
