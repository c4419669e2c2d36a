import Glibc
import Platform
import TestSupport
import Testing

@Suite("exec")
struct ExecTests {
    private static let shell = ["/bin/sh", "-c"]

    @Test("The program gets the provider's variable with a live token, its arguments as they are, and nothing of ours")
    func environment() async throws {
        try await Scene.with { scene in
            let token = try await scene.require("token", "codex").text
            let outcome = try await scene.run(
                "exec", "codex", "--", "/usr/bin/env", environment: ["AI_USAGE_AGENT_CODEX_TOKEN": "x", "KEPT": "a b\n"])
            let lines = outcome.text.split(separator: "\n").map(String.init)
            #expect(outcome.status == 0 && lines.contains("CODEX_ACCESS_TOKEN=" + token), "\(outcome)")
            #expect(lines.contains("KEPT=a b") && !lines.contains { $0.hasPrefix("AI_USAGE_AGENT_") })
            let words = ["-x", "--account", "", "a b", "$HOME", "--"]
            let echoed = try await scene.run(["exec", "codex", "--", "/usr/bin/printf", "<%s>"] + words)
            #expect(echoed.text == words.map { "<\($0)>" }.joined(), "\(echoed)")
        }
    }

    @Test("Arguments and variables that are no text reach the program byte by byte; a place that is none is refused")
    func bytes() async throws {
        try await Scene.with { scene in
            let odd = ["/bin/sh", "-c", #"X=$(printf 'v\377w') exec "$@" "$(printf 'a\377b')""#, "sh"]
            let outcome = try await scene.run(
                "exec", "codex", "--", "/bin/sh", "-c", #"printf '%s %s' "$1" "$X""#, "sh", through: odd)
            #expect(
                outcome.status == 0 && outcome.output == Array("a".utf8) + [0xFF] + Array("b v".utf8) + [0xFF] + Array("w".utf8),
                "\(outcome)")
            for name in ["HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"] {
                let place = ["/bin/sh", "-c", "export \(name)=\"$(printf '/tmp/x\\377')\"; exec \"$@\"", "sh"]
                for command in [["vault", "status", "--json"], ["token", "codex", "--json"]] {
                    let refused = await scene.finish(try scene.start(command, through: place))
                    #expect(
                        refused.status == 78 && refused.errorCode == "config_invalid" && refused.complaint.contains("$\(name)"),
                        "\(refused)")
                }
            }
        }
    }

    @Test("What stands behind -- is the program's own: its --json changes nothing here")
    func foreignOption() async throws {
        try await Scene.with { scene in
            let outcome = try await scene.run("exec", "codex", "--", "/nowhere/program", "--json")
            #expect(outcome.status == 127 && outcome.output.isEmpty && outcome.errorText.contains("was not started"), "\(outcome)")
            let format = try await scene.run("usage", "acme", "--format", "json")
            #expect(format.status == 3 && format.errorCode == "no_such_account" && format.errorText.isEmpty, "\(format)")
        }
    }

    @Test("The variable is what config.json names; a provider without one is exit 78")
    func variable() async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.login("acme")
            let missing = try await scene.run("exec", "acme", "--json", "--", "/usr/bin/env")
            #expect(missing.status == 78 && missing.errorCode == "config_invalid", "\(missing)")
            try scene.configure(
                #"{"schemaVersion": 1, "providers": {"acme": {"type": "oidc", "issuer": "BASE", "clientId": "cli", "env": "ACME_TOKEN"}}}"#)
            let token = try await scene.require("token", "acme").text
            let printed = try await scene.require("exec", "acme", "--", "/usr/bin/printenv", "ACME_TOKEN").text
            #expect(printed == token)
        }
    }

    @Test(
        "Its exit code and its signal are the caller's to see",
        arguments: [("exit 7", Outcome.Ending.exited(7)), ("kill -TERM $$", .signalled(SIGTERM)), ("kill -PIPE $$", .signalled(SIGPIPE))])
    func endings(_ script: String, _ ending: Outcome.Ending) async throws {
        try await Scene.with { scene in
            let outcome = try await scene.run(["exec", "codex", "--"] + Self.shell + [script])
            #expect(outcome.ending == ending, "\(outcome)")
        }
    }

    @Test("A program that is not there is exit 127, one that cannot be started 126, and no program at all 64")
    func failures() async throws {
        try await Scene.with { scene in
            let lines: [([String], Int32)] = [
                (["codex", "--", "no-such-program"], 127), (["codex", "--json", "--", "/etc"], 126), (["codex"], 64),
                (["codex", "--account", "nobody", "--", "/usr/bin/env"], 3),
            ]
            for (line, status) in lines {
                let outcome = try await scene.run(["exec"] + line)
                #expect(outcome.status == status, "\(outcome)")
            }
        }
    }

    @Test("Umask, core limit, signals and directory are the caller's, descriptors above 2 are closed")
    func surroundings() async throws {
        try await Scene.with { scene in
            let look = "umask; ulimit -S -c; grep -cE '^SigBlk:.0{16}$|^SigIgn:.*0{7}$' /proc/self/status; pwd; ls /proc/self/fd"
            let before = ["-c", "umask 027; ulimit -S -c 100 2>/dev/null; exec 7</dev/null; exec \"$@\"", "sh"]
            let plain = try await Child("/bin/sh", before + Self.shell + [look], environment: scene.home.environment).finish()
            let outcome = await scene.finish(
                try scene.start(["exec", "codex", "--"] + Self.shell + [look], through: ["/bin/sh"] + before))
            #expect(outcome.status == 0 && outcome.text.hasPrefix("0027\n"), "\(outcome)")
            // What it would have been without us, but for the open descriptors; 3 is the directory that ls reads.
            let (lines, expected) = (outcome.text.split(separator: "\n"), plain.text.split(separator: "\n"))
            #expect(lines.prefix(4) == expected.prefix(4), "\(outcome)")
            #expect(lines.dropFirst(4) == ["0", "1", "2", "3"] && expected.contains("7"), "\(outcome)")
        }
    }

    @Test("The token stands in no command line")
    func commandLine() async throws {
        try await Scene.with { scene in
            let token = try await scene.require("token", "codex").text
            let outcome = try await scene.run(["exec", "codex", "--"] + Self.shell + ["tr '\\0' ' ' < /proc/$$/cmdline"])
            #expect(outcome.status == 0 && !outcome.text.contains(token), "\(outcome)")
        }
    }
}
