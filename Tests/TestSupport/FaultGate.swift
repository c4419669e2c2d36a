import Glibc
import Platform

/// Where a refresh is held while strace is attached to it.
///
/// strace counts the calls of each thread from the moment at which it was attached: at the beginning of the flight the calls
/// that loaded the program do not count, and at the answer those that sent the request do not.
package enum FaultGate: String, Sendable, CaseIterable {
    /// Before it has the account's lock, which the test holds.
    case lock
    /// After the request has left and before the provider, which stands still, has read it.
    case answer
}

/// Which threads are looked at.
package enum FaultThreads: String, Sendable {
    case all
    /// Those that were there at the gate, without the one that talks to the server.
    case flight
    /// The one that talks to the server.
    case transport
}

extension Scene {
    /// Attaching to a process that is not dumpable takes root.
    package static var canStrike: Bool { Program.find("strace") != nil && geteuid() == 0 }

    /// Runs `auth refresh codex --json` to the gate, attaches strace with `options`, and lets the flight go on.
    package func strike(
        _ gate: FaultGate, _ threads: FaultThreads, _ options: [String]
    ) async throws -> (outcome: Outcome, trace: FaultTrace) {
        let file = home.path + "/strike.trace"
        let (child, strace) =
            switch gate {
            case .lock:
                try await holdingAccountLock { path in
                    let child = try start(["auth", "refresh", "codex", "--json"])
                    try await until("the refresh waits for the lock") {
                        guard !child.hasEnded else { throw Failed(description: "the refresh did not wait for the lock") }
                        return LiveProcess(child.pid).files.values.contains(path)
                    }
                    return (child, try await attach(child, threads, options, file))
                }
            case .answer:
                try await whileProviderWaits(["auth", "refresh", "codex", "--json"]) { child in
                    (child, try await attach(child, threads, options, file))
                }
            }
        let outcome = await finish(child)
        _ = await strace.finish()
        return (outcome, FaultTrace(try home.text(file)))
    }

    /// Starts a command, lends it while its request waits unread at the provider, and lets the provider go on.
    package func whileProviderWaits<R>(_ arguments: [String], _ body: (Child) async throws -> R) async throws -> R {
        provider.pause()
        defer { provider.resume() }
        let child = try start(arguments)
        try await until("the request has left") {
            guard !child.hasEnded else { throw Failed(description: "the command ended without a request") }
            return provider.hasUnreadRequest && !LiveProcess(child.pid).pollingThreads.isEmpty
        }
        return try await body(child)
    }

    /// The path of the only account's lock file.
    package func accountLock() throws -> String {
        guard let path = try home.entries().first(where: { $0.path.contains("/locks/account-") })?.path else {
            throw Failed(description: "no account was ever locked")
        }
        return path
    }

    private func holdingAccountLock<R>(_ body: (String) async throws -> R) async throws -> R {
        let path = try accountLock()
        let folder = try PrivateDirectory.open(home.data + "/locks")
        let name = String(path.split(separator: "/").last ?? "")
        guard let lock = try await FileLock.acquire(folder, name, .exclusive, patience: .seconds(5), time: .system) else {
            throw Failed(description: "\(path) is locked")
        }
        defer { extendLifetime(lock) }
        return try await body(path)
    }

    private func attach(_ child: Child, _ threads: FaultThreads, _ options: [String], _ file: String) async throws -> Child {
        let process = LiveProcess(child.pid)
        let polling = process.pollingThreads
        let chosen =
            switch threads {
            case .all: [child.pid]
            case .flight: process.threads.filter { !polling.contains($0) }
            case .transport: polling
            }
        let line = ["-ttt", "-y", "-o", file] + (threads == .all ? ["-f"] : []) + options + chosen.flatMap { ["-p", "\($0)"] }
        let tracer = Program.find("strace") ?? ""
        let strace = try Child(tracer, line, environment: ["PATH": "/usr/bin:/bin"])
        // An idle thread may end between the listing and the attaching.
        func isAttached() -> Bool {
            let said = strace.errorSoFar
            return chosen.allSatisfy { said.contains("Process \($0) attached") || said.contains("PTRACE_SEIZE, \($0)") }
        }
        try await until("strace is attached") { isAttached() || strace.hasEnded }
        // A call that the waiting repeats (fcntl, for the lock) is hit at once: then strace may have ended with its work done.
        guard isAttached() else { throw Failed(description: "strace did not attach: \(await strace.finish())") }
        return strace
    }
}
