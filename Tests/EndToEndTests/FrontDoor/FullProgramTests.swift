import TestSupport
import Testing

@Suite("The program behind the front door", .enabled(if: ScriptedAgent.isPossible, "\(ScriptedAgent.missing)"))
struct FullProgramTests {
    /// An installed front door, with scripts in the place of the full program.
    private struct Installation {
        let home: Home
        var door: String { home.path + "/prefix/bin/ai-usage-agent" }
        var libexec: String { home.path + "/prefix/libexec/ai-usage-agent/ai-usage-agent-cli" }
        var beside: String { home.path + "/prefix/bin/ai-usage-agent-cli" }

        static func with<R>(_ body: (Installation) async throws -> R) async throws -> R {
            let home = try Home()
            defer { home.remove() }
            for folder in ["/prefix", "/prefix/bin", "/prefix/libexec", "/prefix/libexec/ai-usage-agent", "/path", "/links"] {
                try home.makeDirectory(home.path + folder)
            }
            let installation = Installation(home: home)
            try await Executable.copy(Program.path, to: installation.door)
            return try await body(installation)
        }

        func script(_ text: String, at path: String, mode: Int = 0o755) async throws {
            try await Executable.write("#!/bin/sh\n" + text + "\n", to: path, mode: mode)
        }

        func run(_ program: String, _ line: [String], _ environment: [String: String] = [:]) async throws -> Outcome {
            await (try Child(program, line, environment: home.environment.merging(environment) { $1 })).finish()
        }
    }

    @Test("is the one in libexec, else the one beside the front door, wherever it is called from, and never one from PATH")
    func places() async throws {
        try await Installation.with { installed in
            let home = installed.home
            let path = ["PATH": home.path + "/path:/usr/bin:/bin"]
            for name in ["ai-usage-agent-cli", "ai-usage-agent"] {
                try await installed.script("echo path", at: home.path + "/path/" + name)
            }
            #expect(try await installed.run(installed.door, [], path).status == 1, "the one in PATH is not started")
            try await installed.script("echo beside", at: installed.beside)
            #expect(try await installed.run(installed.door, [], path).text == "beside")
            try await installed.script("echo libexec", at: installed.libexec)
            #expect(try await installed.run(installed.door, [], path).text == "libexec")

            let link = home.path + "/links/aua"
            try home.link(link, to: installed.door)
            try await installed.script("echo links", at: home.path + "/links/ai-usage-agent-cli")
            #expect(try await installed.run(link, [], path).text == "libexec", "not beside a link")
        }
    }

    @Test(
        "gets the same arguments and variables, and no descriptor of the front door's, also after the agent was asked",
        .enabled(if: Instrumentation.chosen != .coverage, "the file of the counters is a descriptor, too"))
    func inheritance() async throws {
        try await Installation.with { installed in
            let show = #"printf '<%s>' "$@"; echo; /usr/bin/env | LC_ALL=C sort; for n in /proc/$$/fd/*; do readlink "$n"; done; true"#
            try await installed.script(show, at: installed.libexec)
            // With no descriptor of the tests' own, which may be many. sh keeps the script open.
            let python = Program.find("python3") ?? ""
            let clean = ["-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"]
            let agent = try await ScriptedAgent(installed.home, "garbage\0")
            for line in [["token", "codex"], ["", "a b", "ä", "\n", "--account"], []] {
                let outcome = try await installed.run(python, clean + [installed.door] + line, ["EXTRA": "a=b c"])
                let direct = try await installed.run(python, clean + [installed.libexec] + line, ["EXTRA": "a=b c"])
                #expect(outcome.status == 0 && outcome.text.contains("EXTRA=a=b c\n"), "\(outcome)")
                #expect(!outcome.text.contains("socket:"), "\(outcome)")
                func plain(_ outcome: Outcome) -> [Substring] {
                    outcome.text.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.hasPrefix("pipe:") }
                }
                #expect(plain(outcome) == plain(direct), "\(outcome)\n\(direct)")
                #expect(outcome.text.split(separator: "\n").count == direct.text.split(separator: "\n").count)
            }
            #expect(await agent.messages().count == 1, "the first line asks it")
            await agent.stop()
        }
    }

    @Test("is started under the name that the front door was", .enabled(if: SystemCalls.isPossible, "\(SystemCalls.missing)"))
    func name() async throws {
        try await Installation.with { installed in
            try await installed.script("exit 7", at: installed.libexec)
            let trace = installed.home.path + "/trace"
            let link = installed.home.path + "/links/another-name"
            try installed.home.link(link, to: installed.door)
            let outcome = try await installed.run(
                Program.find("strace") ?? "", ["-o", trace, "-s", "4096", "-e", "trace=execve", link, "token", "codex"])
            #expect(outcome.status == 7, "the exit code is its own: \(outcome)")
            let calls = try installed.home.text(trace)
            #expect(calls.contains("/libexec/ai-usage-agent/ai-usage-agent-cli\", [\"\(link)\", \"token\", \"codex\"]"), "\(calls)")
        }
    }

    @Test("that may not be started is said to be in the way, in one line")
    func notExecutable() async throws {
        try await Installation.with { installed in
            try await installed.script("echo no", at: installed.libexec, mode: 0o644)
            let outcome = try await installed.run(installed.door, ["status"])
            #expect(outcome.status == 1 && outcome.output.isEmpty, "\(outcome)")
            #expect(outcome.errorText.contains("ai-usage-agent-cli") && outcome.errorText.split(separator: "\n").count == 1, "\(outcome)")
        }
    }

    @Test(
        "finds an output that takes nothing where a part of the token has been written, so that nothing follows it",
        .enabled(if: Instrumentation.chosen != .thread, "that sanitizer writes a file at its start, which the limit forbids"))
    func partial() async throws {
        try await Installation.with { installed in
            let agent = try await ScriptedAgent(installed.home, ScriptedAgent.success("0123456789"))
            // With room again, it could write.
            try await installed.script("ulimit -S -f unlimited; echo again || exit 9", at: installed.libexec)
            let file = installed.home.path + "/output"
            let shell = #"head -c 507 /dev/zero > "$1"; ulimit -S -f 1; exec "$0" token codex >> "$1""#
            let outcome = try await installed.run("/bin/sh", ["-c", shell, installed.door, file])
            #expect(outcome.status == 9, "\(outcome)")
            #expect(try installed.home.read(file).dropFirst(507).elementsEqual(Array("01234".utf8)))
            // Where nothing has been written, its output is the one that was given.
            let empty = #"head -c 512 /dev/zero > "$1"; ulimit -S -f 1; exec "$0" token codex >> "$1""#
            #expect(try await installed.run("/bin/sh", ["-c", empty, installed.door, file]).status == 0)
            #expect(try installed.home.read(file).dropFirst(512).elementsEqual(Array("again\n".utf8)))
            await agent.stop()
        }
    }

    @Test("is told signals and limits as the front door was: an output that failed leaves nothing ignored")
    func signals() async throws {
        try await Installation.with { installed in
            try await installed.script("grep SigIgn /proc/self/status >&2; ulimit -c >&2", at: installed.libexec)
            let agent = try await ScriptedAgent(installed.home, ScriptedAgent.success("t"))
            let outcome = try await installed.run("/bin/sh", ["-c", "\"$0\" token codex > /dev/full", installed.door])
            let direct = try await installed.run("/bin/sh", ["-c", "\"$0\" token codex > /dev/full", installed.libexec])
            let messages = await agent.messages()
            #expect(messages.count == 1 && outcome.errorText.contains("SigIgn"), "\(outcome)")
            #expect(outcome.errorText == direct.errorText, "\(outcome)\n\(direct)")
            await agent.stop()
        }
    }
}
