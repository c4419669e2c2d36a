import OAuth
import Platform
import Vault

/// The agent's ear: understands each message, answers at once what is at hand, and passes the rest on to `AgentCore`.
final class AgentServer: MessageHandling {
    private let core: AgentCore
    private let server: MessageServer
    private let stop: @Sendable () -> Void
    private let memo = Guarded(QuestionMemo())

    /// - Parameter stop: begins the end of the agent.
    init(_ core: AgentCore, _ server: MessageServer, stop: @escaping @Sendable () -> Void) {
        self.core = core
        self.server = server
        self.stop = stop
    }

    func received(_ message: Span<UInt8>, from caller: MessageServer.Caller) -> MessageServer.Reaction {
        if let known = memo.peek({ $0.find(message) }) { return token(known.question, known.minimum, caller) }
        let call: VarlinkCall
        do throws(VarlinkCall.Malformed) { call = try VarlinkCall(message) } catch {
            // What was asked cannot be told: the next message of this caller may be as good as any.
            return .answer(VarlinkReply.failure(.invalidParameter("call")))
        }
        do throws(VarlinkError) { return try react(call, message, caller) } catch {
            return call.isOneway ? .none : .answer(VarlinkReply.failure(error))
        }
    }

    func left(_ caller: MessageServer.Caller) { core.watchers.remove(caller) }

    private func react(_ call: VarlinkCall, _ message: Span<UInt8>, _ caller: MessageServer.Caller) throws(VarlinkError)
        -> MessageServer.Reaction
    {
        switch call.method {
        case AgentCore.Method.getToken:
            let request = try TokenQuestion(call)
            try core.checkStore(request.store)
            // A token that nobody waits for is given to nobody.
            if call.isOneway { return .none }
            memo.change { $0.keep(message, request.question, request.minimum) }
            return token(request.question, request.minimum, caller)
        case AgentCore.Method.watchUsage: return try watch(call, caller)
        case AgentCore.Method.stop:
            _ = try VarlinkParameters(call, known: [])
            stop()
            return call.isOneway ? .none : .answer(VarlinkReply.success([:]))
        case AgentCore.Method.info: return .answer(try info(call))
        case AgentCore.Method.interfaceDescription: return .answer(try description(call))
        default:
            guard call.method.hasPrefix(AgentInterface.name + ".") else {
                let interface = call.method.lastIndex(of: ".").map { String(call.method[..<$0]) } ?? call.method
                throw interface == AgentInterface.service ? .noSuchMethod(call.method) : .noSuchInterface(interface)
            }
        }
        let (core, server) = (core, server)
        if call.isOneway {
            Task { _ = await core.perform(call) }
            return .none
        }
        Task {
            switch await core.perform(call) {
            case .success(let answer): server.answer(caller, answer)
            case .failure(let error): server.answer(caller, VarlinkReply.failure(error))
            }
        }
        return .later
    }

    /// At once where the answer is at hand.
    private func token(_ question: TokenShelf.Question, _ minimum: Int?, _ caller: MessageServer.Caller) -> MessageServer.Reaction {
        if let entry = core.shelf.answer(question, minimum: minimum, now: core.time.now()) {
            return .answer(core.handOut(entry, question, caller.peer))
        }
        let (core, server) = (core, server)
        Task {
            let answer: OutgoingMessage
            do throws(OAuthError) { answer = try await core.token(question, minimum: minimum, for: caller.peer) } catch {
                answer = VarlinkReply.failure(VarlinkError(error, provider: question.provider, account: question.account))
            }
            server.answer(caller, answer)
        }
        return .later
    }

    /// The readings as they are, then every change of them, until the caller hangs up.
    private func watch(_ call: VarlinkCall, _ caller: MessageServer.Caller) throws(VarlinkError) -> MessageServer.Reaction {
        _ = try VarlinkParameters(call, known: [])
        guard call.wantsMore else { throw .wantsMore }
        let (core, server) = (core, server)
        core.watchers.add(caller) { server.answer(caller, VarlinkReply.success($0, continues: true), isLast: false) }
        Task {
            do throws(OAuthError) {
                let snapshots = try await core.lastReadings()
                server.answer(caller, VarlinkReply.success(["snapshots": .array(snapshots)], continues: true), isLast: false)
            } catch {
                core.watchers.remove(caller)
                server.answer(caller, VarlinkReply.failure(VarlinkError(error, provider: nil, account: nil)))
            }
        }
        return .later
    }

    private func info(_ call: VarlinkCall) throws(VarlinkError) -> OutgoingMessage {
        _ = try VarlinkParameters(call, known: [])
        return VarlinkReply.success([
            "vendor": "ai-usage-agent", "product": "ai-usage-agent", "version": .string(core.version), "url": .string(AgentInterface.url),
            "interfaces": .strings([AgentInterface.service, AgentInterface.name]),
        ])
    }

    private func description(_ call: VarlinkCall) throws(VarlinkError) -> OutgoingMessage {
        switch try VarlinkParameters(call, known: ["interface"]).text("interface") {
        case AgentInterface.name: return VarlinkReply.success(["description": .string(AgentInterface.description)])
        case AgentInterface.service: return VarlinkReply.success(["description": .string(AgentInterface.serviceDescription)])
        case let other: throw .noSuchInterface(other)
        }
    }
}
