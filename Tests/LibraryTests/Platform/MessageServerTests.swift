import Platform
import Synchronization
import TestSupport
import Testing

/// Answers a message with itself; "wait" is answered by the test.
private final class Echo: MessageHandling {
    let waiting = Guarded<[MessageServer.Caller]>([])
    let hasLeft = Guarded(0)

    func received(_ message: Span<UInt8>, from caller: MessageServer.Caller) -> MessageServer.Reaction {
        let text = String(decoding: message.indices.map { message[$0] }, as: UTF8.self)
        switch text {
        case "wait":
            waiting.change { $0.append(caller) }
            return .later
        case "bye": return .close
        case "quiet": return .none
        case "big": return .answer(OutgoingMessage(SecretBytes(String(repeating: "x", count: 4 << 20) + "\0")))
        default: return .answer(OutgoingMessage(SecretBytes(text + "\0")))
        }
    }

    func left(_ caller: MessageServer.Caller) { hasLeft.change { $0 += 1 } }
}

@Suite("Messages over a Unix socket")
struct MessageServerTests {
    /// For tests that are about something else: a busy machine keeps a caller waiting for longer than an agent would.
    private static let patient: MessageServer.Limits = {
        var limits = MessageServer.Limits()
        limits.firstMessage = .seconds(300)
        limits.idle = .seconds(300)
        return limits
    }()

    private static func with(
        _ limits: MessageServer.Limits = MessageServer.Limits(), _ body: (String, Echo, MessageServer) async throws -> Void
    ) async throws {
        try await TemporaryFolder.with { folder in try await with(limits, in: folder, body) }
    }

    private static func with(
        _ limits: MessageServer.Limits, in folder: TemporaryFolder, _ body: (String, Echo, MessageServer) async throws -> Void
    ) async throws {
        let directory = try PrivateDirectory.open(folder.path)
        let server = MessageServer(limits)
        let echo = Echo()
        let ended = Guarded(false)
        let path = folder.path + "/s"
        let bound = Guarded(false)
        try startThread {
            guard let listener = try? UnixListener.bind("s", in: directory) else { return }
            bound.withLock { $0 = true }
            try? server.run(listener, echo)
            ended.withLock { $0 = true }
        }
        while !bound.withLock({ $0 }) { await TimeSource.system.sleep(.milliseconds(1)) }
        do { try await body(path, echo, server) } catch {
            server.stop()
            throw error
        }
        server.stop()
        while !ended.withLock({ $0 }) { await TimeSource.system.sleep(.milliseconds(1)) }
    }

    @Test("A message in pieces, several in one piece, and one after the other are each answered once, in order")
    func framing() async throws {
        try await MessageServerTests.with(MessageServerTests.patient) { path, _, _ in
            let caller = try AgentConnection(path)
            for byte in ["h", "e", "y", "\0"] { caller.send(byte) }
            #expect(await caller.receive() == "hey")
            caller.send("one\0two\0quiet\0thr")
            #expect(await caller.receive() == "one")
            #expect(await caller.receive() == "two")
            caller.send("ee\0")
            #expect(await caller.receive() == "three")
            caller.send("\0")
            #expect(await caller.receive() == "")
        }
    }

    @Test("What comes while an answer is worked on waits for it; many answers to one message come in their order")
    func order() async throws {
        try await MessageServerTests.with { path, echo, server in
            let caller = try AgentConnection(path)
            caller.send("wait\0after\0")
            while echo.waiting.peek({ $0.isEmpty }) { await TimeSource.system.sleep(.milliseconds(1)) }
            let waiting = echo.waiting.peek { $0[0] }
            server.answer(waiting, OutgoingMessage(SecretBytes("first\0")), isLast: false)
            #expect(await caller.receive() == "first")
            // The second message has not been answered yet: the first one's last answer is still owed.
            #expect(await caller.receive(within: .milliseconds(50)) == nil)
            server.answer(waiting, OutgoingMessage(SecretBytes("last\0")))
            #expect(await caller.receive() == "last")
            #expect(await caller.receive() == "after")
        }
    }

    @Test("A caller who has ended its side still gets its answer; one who is gone gets none, and nobody else gets it")
    func ends() async throws {
        try await MessageServerTests.with { path, echo, server in
            let caller = try AgentConnection(path)
            caller.send("wait\0")
            caller.finishSending()
            while echo.waiting.peek({ $0.isEmpty }) { await TimeSource.system.sleep(.milliseconds(1)) }
            server.answer(echo.waiting.peek { $0[0] }, OutgoingMessage(SecretBytes("late\0")))
            #expect(await caller.receive() == "late")
            #expect(await caller.isHungUp(within: .seconds(30)))

            var gone: AgentConnection? = try AgentConnection(path)
            gone?.send("wait\0")
            while echo.waiting.peek({ $0.count < 2 }) { await TimeSource.system.sleep(.milliseconds(1)) }
            gone = nil
            while echo.hasLeft.peek({ $0 < 2 }) { await TimeSource.system.sleep(.milliseconds(1)) }
            let next = try AgentConnection(path)
            server.answer(echo.waiting.peek { $0[1] }, OutgoingMessage(SecretBytes("not yours\0")))
            next.send("mine\0")
            #expect(await next.receive() == "mine")
        }
    }

    @Test("A message above the limit ends the call, whether it comes at once or in pieces; one of the limit's size does not")
    func size() async throws {
        try await MessageServerTests.with { path, _, _ in
            let limit = MessageServer.Limits().message
            let fitting = String(repeating: "a", count: limit)
            let caller = try AgentConnection(path)
            caller.send(fitting + "\0")
            #expect(await caller.receive() == fitting)
            let talker = try AgentConnection(path)
            talker.send(String(repeating: "b", count: limit + 8192))
            #expect(await talker.isHungUp(within: .seconds(30)))
            caller.send("still here\0")
            #expect(await caller.receive() == "still here")
        }
    }

    @Test("The silent, the slow and the idle run out of time, and only they; half a message is no sign of life")
    func deadlines() async throws {
        var limits = MessageServer.Limits()
        limits.firstMessage = .seconds(1)
        limits.idle = .seconds(3)
        try await MessageServerTests.with(limits) { path, echo, server in
            // Each speaks as soon as it is connected: a busy machine must not be taken for a silent caller.
            let idle = try AgentConnection(path)
            idle.send("hello\0")
            let busy = try AgentConnection(path)
            busy.send("wait\0")
            #expect(await idle.receive() == "hello")
            let begun = TimeSource.system.elapsed()
            while echo.waiting.peek({ $0.isEmpty }) { await TimeSource.system.sleep(.milliseconds(1)) }
            let owed = echo.waiting.peek { $0[0] }
            let silent = try AgentConnection(path)
            let slow = try AgentConnection(path)
            let dripping = Task {
                while !Task.isCancelled, slow.send("x") { await TimeSource.system.sleep(.milliseconds(50)) }
            }
            #expect(await silent.isHungUp(within: .seconds(30)))
            #expect(await slow.isHungUp(within: .seconds(30)))
            dripping.cancel()
            // Whoever was served has longer, and whoever is owed an answer has all the time it takes.
            #expect(await idle.isHungUp(within: .seconds(30)))
            #expect(TimeSource.system.elapsed() - begun >= .seconds(2))
            server.answer(owed, OutgoingMessage(SecretBytes("at last\0")))
            #expect(await busy.receive() == "at last")
        }
    }

    @Test("Who takes nothing of a stream is hung up on, however much is still sent to it")
    func deafStream() async throws {
        var limits = MessageServer.Limits()
        limits.firstMessage = .seconds(300)
        limits.idle = .seconds(2)
        try await MessageServerTests.with(limits) { path, echo, server in
            let deaf = try AgentConnection(path)
            deaf.send("wait\0")
            while echo.waiting.peek({ $0.isEmpty }) { await TimeSource.system.sleep(.milliseconds(1)) }
            let owed = echo.waiting.peek { $0[0] }
            let message = OutgoingMessage(SecretBytes(String(repeating: "x", count: 1 << 20) + "\0"))
            let end = TimeSource.system.elapsed() + .seconds(60)
            while echo.hasLeft.peek({ $0 == 0 }), TimeSource.system.elapsed() < end {
                server.answer(owed, message, isLast: false)
                await TimeSource.system.sleep(.milliseconds(100))
            }
            #expect(echo.hasLeft.peek { $0 } == 1)
        }
    }

    @Test("Beyond the limit the caller that has been quiet for longest makes room; whoever is owed an answer does not")
    func crowd() async throws {
        var limits = MessageServer.Limits()
        limits.connections = 4
        // Nobody goes because time is over.
        limits.firstMessage = .seconds(300)
        limits.idle = .seconds(300)
        try await MessageServerTests.with(limits) { path, echo, server in
            let owed = try AgentConnection(path)
            owed.send("wait\0")
            while echo.waiting.peek({ $0.isEmpty }) { await TimeSource.system.sleep(.milliseconds(1)) }
            let oldest = try AgentConnection(path)
            oldest.send("a\0")
            #expect(await oldest.receive() == "a")
            let others = [try AgentConnection(path), try AgentConnection(path)]
            for other in others {
                other.send("b\0")
                #expect(await other.receive() == "b")
            }
            let newest = try AgentConnection(path)
            newest.send("c\0")
            #expect(await newest.receive() == "c")
            #expect(await oldest.isHungUp(within: .seconds(30)))
            server.answer(echo.waiting.peek { $0[0] }, OutgoingMessage(SecretBytes("owed\0")))
            #expect(await owed.receive() == "owed")
            extendLifetime(others)
        }
    }

    @Test("An answer larger than the kernel takes at once arrives whole while others are served")
    func largeAnswer() async throws {
        try await MessageServerTests.with(MessageServerTests.patient) { path, _, _ in
            let caller = try AgentConnection(path)
            caller.send("big\0")
            let other = try AgentConnection(path)
            other.send("small\0")
            #expect(await other.receive() == "small")
            #expect(await caller.receive()?.utf8.count == 4 << 20)
        }
    }

    @Test("The socket is 0600 from the moment its name is there, and is found to be replaced")
    func mode() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            let listener = try UnixListener.bind("s", in: directory)
            #expect(try directory.checkSocket("s"))
            var isFound = listener.isInPlace
            #expect(isFound)
            let second = try UnixListener.bind("s", in: directory)
            isFound = listener.isInPlace
            #expect(!isFound)
            // The name is the other's now: it is left alone.
            listener.unlink()
            isFound = second.isInPlace
            #expect(isFound)
            second.unlink()
            #expect(try !directory.exists("s"))
            #expect(try directory.names().isEmpty)
        }
    }
}
