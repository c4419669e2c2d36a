import CLinux
import Glibc

/// Another program, started by argument vector and never through a shell.
package enum ChildProcess {
    /// A program that could not be started, took too long, wrote too much, or ended with something else than 0.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        /// As it was given; no arguments.
        package let program: String
        /// One clause for people; nothing of its output.
        package let reason: String
        package var description: String { "\(program): \(reason)" }
    }

    /// Runs the program and returns what it wrote to its standard output. Its standard error is ours.
    ///
    /// - Parameters:
    ///   - limit: more output than this many bytes is a failure.
    ///   - patience: the child is killed when it takes longer.
    /// - Throws: `Failure` for all but an exit code of 0.
    package static func output(
        of arguments: [String], environment: [String: String], limit: Int = 65536, patience: Duration = .seconds(120)
    ) async throws(Failure) -> SecretBytes {
        let outcome = await onOwnThread { Outcome(runBlocking(arguments, environment, limit, patience)) }
        return try outcome.take()
    }

    /// Starts the program in a session of its own with its streams on /dev/null and does not wait for it.
    ///
    /// - Throws: `Failure` only where it cannot be started.
    package static func start(_ arguments: [String], environment: [String: String]) throws(Failure) {
        let pid = try spawn(arguments, environment, output: -1, error: -1, ownSession: true)
        // Reap it when it ends, without holding anybody up; without a thread the kernel does, when we end.
        try? startThread {
            var status: Int32 = 0
            _ = unsafe waitpid(pid, &status, 0)
        }
    }

    static func spawn(
        _ arguments: [String], _ environment: [String: String], input: Int32 = -1, output: Int32, error: Int32, ownSession: Bool
    ) throws(Failure) -> pid_t {
        guard let program = arguments.first else { throw Failure(program: "", reason: "no program is named") }
        var argv = unsafe arguments.map { unsafe strdup($0) } + [nil]
        var environment = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for index in unsafe argv.indices { unsafe free(argv[index]) }
            for index in unsafe environment.indices { unsafe free(environment[index]) }
        }
        let pid = unsafe clinux_spawn(program, &argv, &environment, input, output, error, ownSession)
        guard pid > 0 else { throw Failure(program: program, reason: "could not be started: \(errorText(errno))") }
        return pid
    }

    private static func runBlocking(
        _ arguments: [String], _ environment: [String: String], _ limit: Int, _ patience: Duration
    ) -> Result<Boxed, Failure> {
        let program = arguments.first ?? ""
        var ends: [Int32] = [-1, -1]
        guard unsafe clinux_pipe(&ends) == 0 else { return .failure(Failure(program: program, reason: errorText(errno))) }
        let reading = Descriptor(owning: ends[0])
        let writing = Descriptor(owning: ends[1])
        let pid: pid_t
        do throws(Failure) {
            pid = try spawn(arguments, environment, output: writing.raw, error: 2, ownSession: false)
        } catch { return .failure(error) }
        _ = consume writing

        let deadline = TimeSource.system.elapsed() + patience
        var content = SecretBuffer(capacity: 4096)
        var trouble: String?
        var byte = [UInt8](repeating: 0, count: 4096)
        defer { wipe(&byte) }
        while trouble == nil {
            let left = deadline - TimeSource.system.elapsed()
            guard left > .zero else {
                trouble = "took too long"
                break
            }
            var poller = pollfd(fd: reading.raw, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&poller, 1, Int32(clamping: left.components.seconds * 1000 + 1)) > 0 else { continue }
            let got = unsafe read(reading.raw, &byte, byte.count)
            if got < 0 && errno == EINTR { continue }
            if got <= 0 { break }
            if content.count + got > limit {
                trouble = "wrote more than \(limit) bytes"
                break
            }
            content.append(byte.span.extracting(first: got))
        }
        var status: Int32 = 0
        // A closed output is no end: the patience holds for a program that goes on without one.
        while trouble == nil {
            let ended = unsafe waitpid(pid, &status, WNOHANG)
            if ended == pid || (ended < 0 && errno != EINTR) { break }
            if TimeSource.system.elapsed() >= deadline { trouble = "took too long" }
            _ = poll(nil, 0, 2)
        }
        if trouble != nil {
            kill(pid, SIGKILL)
            while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        }
        if let trouble { return .failure(Failure(program: program, reason: trouble)) }
        guard status == 0 else {
            let code = status & 0x7F == 0 ? "exit code \(status >> 8 & 0xFF)" : "signal \(status & 0x7F)"
            return .failure(Failure(program: program, reason: "ended with \(code)"))
        }
        return .success(Boxed(content.finish()))
    }

    /// Carries a ~Copyable value through a continuation; taken once.
    private final class Boxed: @unchecked Sendable {
        private var value: SecretBytes?
        init(_ value: consuming SecretBytes) { self.value = consume value }
        func take() -> SecretBytes { value.take()! }
    }

    private struct Outcome: Sendable {
        let result: Result<Boxed, Failure>
        init(_ result: Result<Boxed, Failure>) { self.result = result }
        func take() throws(Failure) -> SecretBytes { try result.get().take() }
    }
}
