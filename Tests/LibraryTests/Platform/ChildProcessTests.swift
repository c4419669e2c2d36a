import Glibc
import Platform
import TestSupport
import Testing

struct ChildProcessTests {
    private func output(
        _ arguments: [String], environment: [String: String] = [:], limit: Int = 65536, patience: Duration = .seconds(60)
    ) async throws -> String {
        text(try await ChildProcess.output(of: arguments, environment: environment, limit: limit, patience: patience))
    }

    private func failure(_ arguments: [String], limit: Int = 65536, patience: Duration = .seconds(60)) async -> String? {
        do throws(ChildProcess.Failure) {
            _ = try await ChildProcess.output(of: arguments, environment: [:], limit: limit, patience: patience)
            return nil
        } catch { return error.reason }
    }

    @Test("A program's output comes back whole, and its input is empty")
    func wholeOutput() async throws {
        #expect(try await output(["/bin/echo", "hello"]) == "hello\n")
        #expect(try await output(["/bin/cat"]) == "")
        #expect(try await output(["/bin/sh", "-c", "head -c 60000 /dev/zero"]).utf8.count == 60000)
        #expect(try await output(["echo", "found on the path"]) == "found on the path\n")
    }

    @Test("Arguments reach the program as they are: no shell expands them")
    func noShell() async throws {
        let arguments = ["$HOME", "`id`", "$(id)", "*", "a b", "; ls", "", "'\"\\", "~"]
        #expect(try await output(["/usr/bin/printf", "%s|"] + arguments) == arguments.joined(separator: "|") + "|")
    }

    @Test("The program has the given environment and nothing of ours")
    func environment() async throws {
        #expect(try await output(["/usr/bin/env"], environment: ["ONLY": "this=one"]) == "ONLY=this=one\n")
        #expect(try await output(["/usr/bin/env"]) == "")
    }

    @Test("The program inherits no descriptor but the three standard ones")
    func descriptors() async throws {
        try await TemporaryFolder.with { folder in
            try folder.write("x", "open")
            // Without O_CLOEXEC on purpose.
            let raw = open(folder.file("open"), O_RDONLY)
            defer { close(raw) }
            let listing = try await output(["/bin/ls", "-l", "/proc/self/fd"])
            #expect(listing.contains("/proc/"))
            #expect(!listing.contains(folder.path))
        }
    }

    @Test("An exit code, a signal and a missing program are failures that say so")
    func endings() async {
        #expect(await failure(["/bin/sh", "-c", "echo output; exit 7"]) == "ended with exit code 7")
        #expect(await failure(["/bin/sh", "-c", "kill -TERM $$"]) == "ended with signal 15")
        #expect(await failure(["/nowhere/program"]) == "could not be started: No such file or directory")
        #expect(await failure(["/etc/passwd"]) == "could not be started: Permission denied")
        #expect(await failure([]) == "no program is named")
    }

    @Test("A program that writes more than the limit is stopped")
    func limit() async {
        #expect(await failure(["/usr/bin/yes"], limit: 10_000) == "wrote more than 10000 bytes")
        #expect(await failure(["/usr/bin/printf", "12345"], limit: 5) == nil)
        #expect(await failure(["/usr/bin/printf", "123456"], limit: 5) == "wrote more than 5 bytes")
    }

    /// The time limit is what fails if the program is waited for.
    @Test(
        "A program that takes too long is killed, also when it has closed its output", .timeLimit(.minutes(1)),
        arguments: [
            ["/bin/sleep", "600"], ["/bin/sh", "-c", "echo early; exec sleep 600"], ["/bin/sh", "-c", "exec >&-; exec sleep 600"],
        ])
    func patience(_ arguments: [String]) async {
        #expect(await failure(arguments, patience: .milliseconds(100)) == "took too long")
    }

    @Test("A started program runs by itself, in a session of its own")
    func start() async throws {
        try await TemporaryFolder.with { folder in
            let fifo = folder.file("fifo")
            mkfifo(fifo, 0o600)
            try ChildProcess.start(
                ["/bin/sh", "-c", "cut -d ' ' -f 1,6 /proc/self/stat > '\(fifo)'; :"], environment: ["PATH": "/usr/bin:/bin"])
            // Opening waits for the writer.
            let line = await onOwnThread { () -> String in
                let raw = open(fifo, O_RDONLY | O_CLOEXEC)
                defer { close(raw) }
                return String(decoding: copy(optional: Terminal.readLine(from: raw)) ?? [], as: UTF8.self)
            }
            let fields = line.split(separator: " ").compactMap { pid_t($0) }
            #expect(fields.count == 2)
            #expect(fields.last != getsid(0))
        }
        #expect(throws: ChildProcess.Failure.self) { try ChildProcess.start(["/nowhere/program"], environment: [:]) }
    }
}
