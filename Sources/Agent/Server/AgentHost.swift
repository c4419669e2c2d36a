package import Logging
package import Platform
package import Vault

/// One agent from its beginning to its end: takes its place, serves, keeps the tokens alive, and goes in order.
package struct AgentHost: Sendable {
    private let core: AgentCore
    private let socket: AgentSocket
    private let logger: Logger
    private let limits: MessageServer.Limits

    /// How long what was begun may take at the end: a little more than a refresh.
    private static let patience = Duration.seconds(35)
    /// Callers at a time, and the descriptors that everything else needs.
    private static let connections = 1100
    private static let otherDescriptors = 100

    /// Raises this process's limit of open files, and takes fewer callers where that is refused.
    package init(_ core: AgentCore, _ paths: VaultPaths, logger: Logger) {
        self.core = core
        self.logger = logger
        socket = AgentSocket(paths)
        var limits = MessageServer.Limits()
        let descriptors = ProcessLimits.raiseOpenFiles(to: AgentHost.connections + AgentHost.otherDescriptors)
        limits.connections = max(16, min(AgentHost.connections, descriptors - AgentHost.otherDescriptors))
        self.limits = limits
    }

    /// Serves until SIGTERM, SIGINT, `Stop`, or until its socket is no longer the one that callers find.
    ///
    /// - Parameters:
    ///   - services: what the service manager handed over.
    ///   - ready: called when callers are served, with the socket's path and why the vault stays locked.
    /// - Throws: before anybody is served: another agent runs, or the place is not ours alone or its path too long.
    package func run(
        _ services: ServiceManager, ready: @escaping @Sendable (_ path: String, _ lockedBecause: VaultError?) -> Void
    ) async throws(AgentSocket.Problem) {
        let place = try socket.take(inherited: services.socket)
        let end = WakeSignal()
        Interrupts.forward(to: end)
        let server = MessageServer(limits)
        let handler = AgentServer(core, server) { end.wake() }
        let path = place.listener.path
        let lockedBecause = await core.start()
        let serving = Serving(place)
        // The event thread; whatever ends it ends the agent.
        do throws(ThreadError) {
            try startThread {
                do throws(SocketError) { try serving.run(server, handler) } catch {
                    logger.error("the agent cannot serve", metadata: ["path": "\(path)", "reason": "\(error)"])
                }
                end.wake()
            }
        } catch { throw .thread(error) }
        let keeper = AgentKeeper(core)
        let keeping = Task { await keeper.run() }
        let watching = Task {
            while !Task.isCancelled {
                await core.time.sleep(.seconds(60))
                if !serving.isInPlace {
                    logger.error("the socket was replaced or removed; the agent ends", metadata: ["path": "\(path)"])
                    end.wake()
                    return
                }
            }
        }
        ready(path, lockedBecause)
        services.notify("READY=1")
        OwnProcess.releaseCode()
        await onOwnThread { _ = Poller.wait([end.interest], nil) }
        services.notify("STOPPING=1")
        keeping.cancel()
        watching.cancel()
        // Answers that are on their way are still sent: the callers' refreshes are stored first. Not a child of the group, which waits
        // for all of its own.
        let (finished, finishing) = AsyncStream.makeStream(of: Void.self)
        Task {
            await core.finish()
            finishing.finish()
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in finished {} }
            group.addTask { await core.time.sleep(AgentHost.patience) }
            await group.next()
            group.cancelAll()
        }
        server.stop()
        await serving.finish(keepsSocket: services.socket != nil)
    }

    /// The place while the event thread has it.
    private final class Serving: Sendable {
        private let place: AgentSocket.Place
        private let isOver = Guarded(false)
        private let signal = WakeSignal()

        init(_ place: consuming AgentSocket.Place) { self.place = place }

        var isInPlace: Bool { place.listener.isInPlace }

        func run(_ server: MessageServer, _ handler: AgentServer) throws(SocketError) {
            defer {
                isOver.withLock { $0 = true }
                signal.wake()
            }
            try server.run(place.listener, handler)
        }

        func finish(keepsSocket: Bool) async {
            await onOwnThread { [self] in
                if !isOver.withLock({ $0 }) { _ = Poller.wait([signal.interest], .seconds(5)) }
            }
            if !keepsSocket { place.listener.unlink() }
        }
    }
}
