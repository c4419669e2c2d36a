import Foundation
import Glibc
import Platform
import TestSupport
import Testing

@Suite("The place of the agent's socket")
struct AgentSocketTests {
    @Test("Directory 0700, socket and lock 0600, whatever the umask; the process cannot be dumped and leaves no core")
    func modes() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let folder = scene.home.path + "/runtime/ai-usage-agent"
                let entries = try scene.home.entries().filter { $0.path.hasPrefix(folder) }
                #expect(
                    Set(entries.map(\.description)) == ["700 \(folder)", "600 \(folder)/agent.sock", "600 \(folder)/agent.lock"],
                    "\(entries)")
                #expect(ProcessFile.limit(agent.child.pid, "Max core file size")?.hasPrefix("0 ") == true)
                // Files in /proc of a process that cannot be dumped are root's; `OtherProgramsTests` tries it where the tests run as root.
                if geteuid() != 0 { #expect(ProcessFile.owner(agent.child.pid, "environ") == 0) }
                #expect(try await agent.token() != nil)
                let log = scene.home.path + "/state/ai-usage-agent/audit.log"
                while !scene.home.exists(log) { await TimeSource.system.sleep(.milliseconds(5)) }
                #expect(try scene.home.entries().first { $0.path == log }?.mode == 0o600)
            }
        }
    }

    struct Bad: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let status: Int32
        let says: String
        let prepare: @Sendable (Home) throws -> [String: String]
    }

    @Test(
        "No agent runs in a place that others could change or that is too long, and it says what is wrong",
        arguments: [
            Bad(testDescription: "a runtime directory that others may enter", status: 65, says: "chmod 700") { home in
                try home.change(mode: 0o755, of: home.path + "/runtime")
                return [:]
            },
            Bad(testDescription: "a runtime directory that everybody uses", status: 65, says: "a directory of your own") { home in
                try home.change(mode: 0o1777, of: home.path + "/runtime")
                return [:]
            },
            Bad(testDescription: "a folder in it that others may enter", status: 65, says: "chmod 700") { home in
                try home.makeDirectory(home.path + "/runtime/ai-usage-agent")
                try home.change(mode: 0o770, of: home.path + "/runtime/ai-usage-agent")
                return [:]
            },
            Bad(testDescription: "a folder that is a symbolic link", status: 65, says: "symbolic link") { home in
                try home.makeDirectory(home.path + "/elsewhere")
                try home.link(home.path + "/runtime/ai-usage-agent", to: home.path + "/elsewhere")
                return [:]
            },
            Bad(testDescription: "a directory that is not there", status: 1, says: "XDG_RUNTIME_DIR") { home in
                ["XDG_RUNTIME_DIR": home.path + "/nowhere"]
            },
            Bad(testDescription: "a path of more than 107 bytes", status: 78, says: "107") { home in
                let long = home.path + "/" + String(repeating: "d", count: 100)
                try home.makeDirectory(long)
                return ["XDG_RUNTIME_DIR": long]
            },
        ])
    func badPlaces(_ bad: Bad) async throws {
        try await Scene.with(start: .vault) { scene in
            let variables = try bad.prepare(scene.home)
            let outcome = try await scene.run("agent", "run", environment: variables)
            #expect(outcome.status == bad.status && outcome.complaint.contains(bad.says), "\(outcome)")
            // What everybody uses must not be closed to them because a hint said so.
            if bad.says != "chmod 700" { #expect(!outcome.complaint.contains("chmod"), "\(outcome)") }
        }
    }

    @Test("An agent that is stopped is given up within seconds, by its process number; a token comes without it")
    func frozen() async throws {
        try await Scene.with { scene in
            let token = try await scene.require("token", "codex").text
            try await RunningAgent.with(scene) { agent in
                agent.child.signal(SIGSTOP)
                let begun = TimeSource.system.elapsed()
                let printed = try await scene.run("token", "codex")
                #expect(printed.status == 0 && printed.text == token, "\(printed)")
                let words = ["does not answer", "kill -KILL \(agent.child.pid)"]
                #expect(words.allSatisfy { printed.errorText.contains($0) }, "\(printed)")
                for command in ["status", "stop"] {
                    let outcome = try await scene.run("agent", command, "--json")
                    #expect(outcome.status == 5 && outcome.errorCode == "agent_broken", "\(outcome)")
                    #expect(words.allSatisfy { outcome.complaint.contains($0) }, "\(outcome)")
                }
                // Six seconds each, and six more of the front door.
                #expect(TimeSource.system.elapsed() - begun < .seconds(40) * Instrumentation.slowness)
                agent.child.signal(SIGCONT)
                #expect(try await agent.token() == token)
            }
        }
    }

    @Test("What is no agent of ours is not asked, which is said, and the command works by itself: modes, files, links, garbage")
    func impostors() async throws {
        try await Scene.with { scene in
            let folder = scene.home.path + "/runtime/ai-usage-agent"
            let socket = folder + "/agent.sock"
            let token = try await scene.require("token", "codex").text
            // Where nobody runs an agent, a runtime directory that is open to others is nobody's business.
            try scene.home.change(mode: 0o755, of: scene.home.path + "/runtime")
            #expect(try await scene.require("token", "codex").errorText == "")
            try scene.home.change(mode: 0o700, of: scene.home.path + "/runtime")
            func expectWarning(_ what: String, _ reason: String) async throws {
                let outcome = try await scene.run("token", "codex")
                #expect(outcome.status == 0 && outcome.text == token, "\(what): \(outcome)")
                #expect(
                    outcome.errorText.contains("warning: the agent is not used") && outcome.errorText.contains(reason),
                    "\(what): \(outcome)")
            }
            try await RunningAgent.with(scene) { _ in
                #expect(chmod(socket, 0o666) == 0)
                try await expectWarning("a socket for everybody", "chmod 600")
                #expect(chmod(socket, 0o600) == 0)
                #expect(chmod(folder, 0o755) == 0)
                try await expectWarning("a directory for everybody", "chmod 700")
                #expect(chmod(folder, 0o700) == 0)
                #expect(try await scene.require("token", "codex").errorText == "")
            }
            try scene.home.write([], to: socket)
            try await expectWarning("a file", "is no socket")
            try scene.home.delete(socket)
            try scene.home.link(socket, to: "/tmp")
            try await expectWarning("a link", "is no socket")
            try scene.home.delete(socket)
            for (name, answer) in [
                ("nothing", ""), ("no JSON", "hello\\0"), ("no token", "{\"parameters\":{}}\\0"), ("half an answer", "{\"parameters\":"),
            ] {
                let server = try Child(
                    Program.find("python3") ?? "", ["-c", AgentSocketTests.impostor, socket, answer], environment: scene.home.environment,
                    patience: .seconds(60))
                _ = await server.line(of: .output, startingWith: "ready")
                try await expectWarning(name, name == "no token" ? "holds no token" : name == "no JSON" ? "no JSON" : "hung up")
                await server.stop()
            }
        }
    }

    /// Answers everybody with the same bytes and hangs up.
    private static let impostor = """
        import os, socket, sys
        try: os.unlink(sys.argv[1])
        except OSError: pass
        os.umask(0o177)
        server = socket.socket(socket.AF_UNIX)
        server.bind(sys.argv[1]); server.listen(8); print("ready", flush=True)
        while True:
            caller, _ = server.accept()
            caller.recv(65536); caller.sendall(sys.argv[2].encode().decode("unicode_escape").encode()); caller.close()
        """

    @Test(
        "Another user who gets as far as the socket is hung up on before a word is said",
        .enabled(if: geteuid() == 0 && Program.find("setpriv") != nil, "needs root and setpriv"))
    func anotherUser() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                for path in [scene.home.path, scene.home.path + "/runtime", scene.home.path + "/runtime/ai-usage-agent"] {
                    #expect(chmod(path, 0o755) == 0)
                }
                #expect(chmod(agent.socket, 0o666) == 0)
                let script = """
                    import socket, sys
                    caller = socket.socket(socket.AF_UNIX); caller.connect(sys.argv[1])
                    try:
                        caller.sendall(b'{"method":"io.aiusage.Agent.GetToken","parameters":{"provider":"codex"}}\\0')
                        print("answer", caller.recv(65536))
                    except OSError as error: print("answer", error)
                    """
                let stranger = try Child(
                    Program.find("setpriv") ?? "",
                    ["--reuid=65534", "--regid=65534", "--clear-groups", Program.find("python3") ?? "", "-c", script, agent.socket],
                    environment: ["PATH": "/usr/bin:/bin"])
                let outcome = await stranger.finish()
                #expect(
                    outcome.status == 0
                        && (outcome.text == "answer b''" || outcome.text.contains("reset") || outcome.text.contains("pipe")), "\(outcome)")
                // We are somebody else than nobody.
                #expect(try await agent.token() != nil)
            }
        }
    }

    @Test("An agent whose socket was replaced or removed ends within a minute, and takes nothing of the other's with it")
    func replaced() async throws {
        try await Scene.with { scene in
            let agent = try await RunningAgent.start(scene)
            let other = agent.socket + ".other"
            try scene.home.delete(agent.socket)
            try scene.home.write(Array("somebody else's".utf8), to: agent.socket)
            let outcome = await agent.child.finish()
            #expect(outcome.status == 0 && outcome.errorText.contains("replaced"), "\(outcome)")
            #expect(try scene.home.text(agent.socket) == "somebody else's")
            #expect(!scene.home.exists(other))
        }
    }

    @Test(
        "systemd's socket is taken over: the first question starts the agent, which says that it is ready",
        .enabled(if: Program.find("systemd-socket-activate") != nil, "needs systemd-socket-activate"))
    func activated() async throws {
        try await Scene.with { scene in
            let token = try await scene.require("token", "codex").text
            let folder = scene.home.path + "/runtime/ai-usage-agent"
            try scene.home.makeDirectory(folder)
            let socket = folder + "/agent.sock"
            let activator = try Child(
                Program.find("systemd-socket-activate") ?? "",
                ["--listen=\(socket)"] + scene.home.environment.map { "--setenv=\($0.key)=\($0.value)" } + [Program.path, "agent", "run"],
                environment: scene.home.environment, patience: .seconds(120))
            while !scene.home.exists(socket) { await TimeSource.system.sleep(.milliseconds(5)) }
            #expect(chmod(socket, 0o600) == 0)
            #expect(try await scene.require("token", "codex").text == token)
            #expect(await activator.line(of: .error, startingWith: "ready: \(socket)") != nil)
            #expect(try await scene.require("agent", "status", "--json").json["pid"].number?.integer == Int(activator.pid))
            try await scene.require("agent", "stop")
            let outcome = await activator.finish()
            #expect(outcome.status == 0, "\(outcome)")
            // It is systemd's, and there for the next question.
            #expect(scene.home.exists(socket))
        }
    }
}
