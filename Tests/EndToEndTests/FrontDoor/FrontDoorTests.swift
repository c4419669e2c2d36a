import Platform
import TestSupport
import Testing

@Suite("The front door", .enabled(if: ScriptedAgent.isPossible, "\(ScriptedAgent.missing)"))
struct FrontDoorTests {
    private static let strace = Program.find("strace")
    private static let token = "ya29.a0-_~+/=token"

    /// The front door alone in a folder: what is not answered by the agent cannot be answered at all.
    private func alone<R>(_ body: (Home, String) async throws -> R) async throws -> R {
        let home = try Home()
        defer { home.remove() }
        let folder = home.path + "/bin"
        try home.makeDirectory(folder)
        try await Executable.copy(Program.path, to: folder + "/ai-usage-agent")
        return try await body(home, folder + "/ai-usage-agent")
    }

    private func run(_ program: String, _ line: [String], _ home: Home, _ environment: [String: String] = [:], by shell: String? = nil)
        async throws -> Outcome
    {
        let command = (shell.map { ["/bin/sh", "-c", $0, "sh"] } ?? []) + [program] + line
        return await (try Child(command[0], Array(command.dropFirst()), environment: home.environment.merging(environment) { $1 }))
            .finish()
    }

    @Test("prints what the agent answers, by itself, and asks for exactly what the line says")
    func success() async throws {
        try await alone { home, program in
            let agent = try await ScriptedAgent(home, ScriptedAgent.success(FrontDoorTests.token))
            let store = #""store":"\#(home.data)""#
            let cases: [(line: [String], header: Bool, parameters: String)] = [
                (["codex"], false, #""provider":"codex",\#(store)"#),
                (["codex", "--header"], true, #""provider":"codex",\#(store)"#),
                (["--header", "codex", "--header"], true, #""provider":"codex",\#(store)"#),
                (["--account", "ada@example.org", "codex"], false, #""provider":"codex","account":"ada@example.org",\#(store)"#),
                (["openai-codex", "--account", "a b'c{}"], false, #""provider":"openai-codex","account":"a b'c{}",\#(store)"#),
            ]
            for (line, header, parameters) in cases {
                let outcome = try await run(program, ["token"] + line, home)
                #expect(outcome.status == 0 && outcome.errorText.isEmpty, "\(outcome)")
                let printed = (header ? "Authorization: Bearer " : "") + FrontDoorTests.token + "\n"
                #expect(outcome.output == Array(printed.utf8), "\(outcome)")
                #expect(await agent.messages().last == #"{"method":"io.aiusage.Agent.GetToken","parameters":{\#(parameters)}}"#)
            }
            #expect(await agent.messages().count == cases.count, "one question each")

            _ = try await run(program, ["token", "codex"], home, ["XDG_DATA_HOME": ""])
            #expect(await agent.messages().last?.contains(#""store":"\#(home.path)/.local/share/ai-usage-agent""#) == true)
            await agent.stop()
        }
    }

    @Test("reads a success whatever its order, its pieces and its size up to 64 KiB are")
    func forms() async throws {
        try await alone { home, program in
            let largest = 65536 + 1 - ScriptedAgent.success("").utf8.count
            for token in ["t", String(repeating: "t", count: 9000), String(repeating: "t", count: largest)] {
                let agent = try await ScriptedAgent(
                    home, ScriptedAgent.success(token), token.utf8.count < 10000 ? ["--bytewise"] : ["--hold"])
                let outcome = try await run(program, ["token", "codex"], home)
                #expect(outcome.status == 0 && outcome.text == token, "\(outcome.errorText)")
                await agent.stop()
            }
            let order =
                #"{"parameters":{"accountId":null,"tokenType":"Bearer","accountKey":"ä","expiresAt":null,"accessToken":"t"}}"# + "\0"
            let agent = try await ScriptedAgent(home, order)
            #expect(try await run(program, ["token", "codex", "--header"], home).text == "Authorization: Bearer t")
            await agent.stop()
        }
    }

    @Test("prints nothing of any reply but a success, and answers nothing itself")
    func doubtful() async throws {
        try await alone { home, program in
            let agent = try await ScriptedAgent(home, "")
            for reply in DoubtfulReply.all {
                try agent.answer(bytes: reply.bytes)
                for header in [[], ["--header"]] {
                    let outcome = try await run(program, ["token", "codex"] + header, home)
                    #expect(outcome.status == 1 && outcome.output.isEmpty, "\(reply): \(outcome)")
                    #expect(outcome.errorText.contains("ai-usage-agent-cli"), "the full program would have been next: \(outcome)")
                }
            }
            #expect(await agent.messages().count == DoubtfulReply.all.count * 2)
            await agent.stop()
        }
    }

    @Test("prints the token of a running agent without the full program")
    func running() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let token = try await agent.token()
                let folder = scene.home.path + "/bin"
                try scene.home.makeDirectory(folder)
                try await Executable.copy(Program.path, to: folder + "/ai-usage-agent")
                scene.program.withLock { $0 = folder + "/ai-usage-agent" }
                for line in [["codex"], ["openai-codex"], ["codex", "--account", "ada"], ["codex", "--account", "ada@example.org"]] {
                    #expect(try await scene.run(["token"] + line).text == token)
                    #expect(try await scene.run(["token"] + line + ["--header"]).text == "Authorization: Bearer " + (token ?? ""))
                }
                let nobody = try await scene.run("token", "codex", "--account", "nobody")
                #expect(nobody.status == 1 && nobody.output.isEmpty, "\(nobody)")
            }
        }
    }

    @Test("says in one line what is missing where the full program is not installed, whatever was asked")
    func missing() async throws {
        try await alone { home, program in
            for line in [[], ["--version"], ["token", "codex"], ["token", "codex", "--json"], ["auth", "list"]] {
                let outcome = try await run(program, line, home)
                #expect(outcome.status == 1 && outcome.output.isEmpty, "\(outcome)")
                #expect(outcome.errorText.split(separator: "\n").count == 1, "\(outcome)")
                for word in ["ai-usage-agent: ", "ai-usage-agent-cli", home.path + "/bin", "make install"] {
                    #expect(outcome.errorText.contains(word), "\(word) in \(outcome)")
                }
            }
        }
    }

    @Test("asks nobody where a variable that says where the vault is comes twice", arguments: ["HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"])
    func twice(variable: String) async throws {
        try await alone { home, program in
            try await Executable.write("#!/bin/sh\necho full\n", to: program + "-cli")
            let agent = try await ScriptedAgent(home, ScriptedAgent.success(FrontDoorTests.token))
            // No ordinary way of starting a program makes such an environment.
            let script = """
                import ctypes, os, sys
                entries = [f"{name}={value}".encode() for name, value in os.environ.items()]
                entries += [entry for entry in entries if entry.startswith(sys.argv[1].encode() + b"=")]
                words = [word.encode() for word in sys.argv[2:]]
                array = lambda texts: (ctypes.c_char_p * (len(texts) + 1))(*texts)
                ctypes.CDLL(None).execve(words[0], array(words), array(entries))
                """
            for (name, text) in [("LANG", FrontDoorTests.token), (variable, "full")] {
                let outcome = try await run(Program.find("python3") ?? "", ["-c", script, name, program, "token", "codex"], home)
                #expect(outcome.text == text, "\(name): \(outcome)")
            }
            #expect(await agent.messages().count == 1)
            await agent.stop()
        }
    }

    @Test(
        "turns to the full program after 45 s without an answer, and after 6 s where nothing is answered at all",
        arguments: [true, false])
    func silence(_ isAlive: Bool) async throws {
        try await alone { home, program in
            try await Executable.write("#!/bin/sh\necho full \"$@\"\n", to: program + "-cli")
            // Half an answer, to whatever it is asked, or none.
            let reply = isAlive ? String(ScriptedAgent.success(FrontDoorTests.token).dropLast()) : ""
            let agent = try await ScriptedAgent(home, reply, ["--hold"])
            let begun = TimeSource.system.elapsed()
            let outcome = try await run(program, ["token", "codex"], home)
            let waited = TimeSource.system.elapsed() - begun
            #expect(outcome.text == "full token codex", "\(outcome)")
            let messages = await agent.messages()
            #expect(messages.count { $0.contains("GetToken") } == 1, "the question is not asked twice")
            #expect(messages.count { $0.contains("GetInfo") } == (isAlive ? messages.count - 1 : 1))
            let limits = isAlive ? (45, 55) : (6, 16)
            #expect(waited >= .seconds(limits.0) && waited < .seconds(limits.1), "\(waited)")
            await agent.stop()
        }
    }

    @Test(
        "does not try again where a part of the token has been written, and fails",
        .enabled(if: Instrumentation.chosen != .thread, "that sanitizer writes a file at its start, which the limit forbids"))
    func partial() async throws {
        try await Scene.with { scene in
            let agent = try await ScriptedAgent(scene.home, ScriptedAgent.success(FrontDoorTests.token))
            let file = scene.home.path + "/output"
            // A file may grow to 512 bytes, and 5 of them are left.
            let shell = #"head -c 507 /dev/zero > "$0"; ulimit -f 1; exec "$@" >> "$0""#
            let outcome = try await scene.run("token", "codex", through: ["/bin/sh", "-c", shell, file])
            #expect(outcome.status == 1 && outcome.errorText.contains("standard output could not be written"), "\(outcome)")
            #expect(try scene.home.read(file).dropFirst(507).elementsEqual(Array(FrontDoorTests.token.utf8.prefix(5))))
            await agent.stop()
        }
    }

    @Test(
        "cannot be dumped before it reads the token, writes it in one call, starts no program and opens no file",
        .enabled(if: Instrumentation.isNone, "a sanitizer opens files, and makes mlock do nothing; counters stand in one"),
        .enabled(if: FrontDoorTests.strace != nil, "strace is missing: apt-get install strace"))
    func calls() async throws {
        try await alone { home, program in
            let agent = try await ScriptedAgent(home, ScriptedAgent.success(FrontDoorTests.token))
            let trace = home.path + "/trace"
            let line = [FrontDoorTests.strace ?? "", "-f", "-o", trace, program, "token", "codex", "--header"]
            let outcome = try await run("/usr/bin/env", line, home)
            #expect(outcome.status == 0 && outcome.text.hasSuffix(FrontDoorTests.token), "\(outcome)")
            let calls = try home.text(trace).split(separator: "\n")
            func places(_ words: String...) -> [Int] { calls.indices.filter { index in words.allSatisfy { calls[index].contains($0) } } }

            let socket = try #require(places("socket(AF_UNIX", "SOCK_CLOEXEC").first)
            let hidden = try #require(places("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE", "= 0").first)
            let locked = try #require(places("mlock2(", "MLOCK_ONFAULT").first)
            let read = try #require(places("recvfrom(").first)
            #expect(socket < hidden && hidden < read && locked < read)
            #expect(places("SO_PEERCRED").count == 1)
            #expect(places("sendto(", "MSG_NOSIGNAL").count == 1)
            #expect(places("writev(1,").count == 1 && places(" write(").isEmpty)
            #expect(places("execve(").count == 1, "its own start")
            #expect(places("clone").isEmpty && places("fork").isEmpty)
            #expect(places("setrlimit").isEmpty && places("RLIMIT_CORE").isEmpty, "limits outlive an exec")
            // The loader of a debug build opens the C library; a release build has none.
            #expect(places("openat(").allSatisfy { calls[$0].contains("/etc/ld.so.cache") || calls[$0].contains("libc.so") })
            await agent.stop()
        }
    }

    @Test(
        "is linked with the C library at most, and is small",
        .enabled(if: Instrumentation.isNone, "a sanitizer is linked and large, as counters are"))
    func size() async throws {
        let ldd = try #require(Program.find("ldd"))
        let outcome = await (try Child(ldd, [Program.path], environment: ["PATH": "/usr/bin:/bin"])).finish()
        let libraries = (outcome.text + outcome.errorText).split(separator: "\n").filter {
            !$0.contains("linux-vdso") && !$0.contains("ld-linux")
        }
        #expect(libraries.count == 1, "\(outcome)")
        #expect(libraries.allSatisfy { $0.contains("libc.so") || $0.contains("statically linked") }, "\(outcome)")
        let size = await (try Child("/usr/bin/stat", ["-L", "-c", "%s", Program.path], environment: [:])).finish().text
        #expect(Int(size).map { $0 < 1 << 20 } == true, "\(size)")
    }
}
