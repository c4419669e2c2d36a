import Platform
import TestSupport
import Testing

@Suite("Wrong usage")
struct UsageErrorTests {
    static let lines: [[String]] = [
        ["nonsense"], ["auth", "nonsense"], ["token"], ["auth", "login"], ["auth", "use", "codex"],
        ["auth", "use", "codex", "a", "--auto"],
        ["token", "codex", "--nonsense"], ["token", "codex", "--min-ttl", "-1"], ["token", "codex", "--min-ttl", "soon"],
        ["token", "codex", "--account"], ["auth", "login", "codex", "--port", "0"], ["auth", "login", "codex", "--port", "65536"],
        ["auth", "login", "codex", "--timeout", "0"], ["auth", "login", "codex", "--account", ""],
        ["auth", "login", "codex", "--account", " "], ["auth", "login", "codex", "--account", "a\nb"],
        ["auth", "login", "codex", "--account", "a\u{202E}b"], ["auth", "login", "codex", "--account", String(repeating: "x", count: 101)],
        ["auth", "logout", "codex", "--all", "--account", "ada"], ["usage", "--account", "ada"], ["vault", "init", "--backend", "cloud"],
        ["vault", "init", "--backend", "file", "--identity", "keyring"], ["vault", "init", "--identity", "passphrase", "--key-file", "/x"],
        ["token", "codex", "--passphrase-fd", "-1"], ["token", "codex", "--passphrase-fd", "3", "--passphrase-command", "cat"],
        ["token", "nosuch"], ["auth", "login", "nosuch", "--no-open"], ["auth", "refresh", "nosuch"], ["usage", "nosuch"],
        ["vault", "init", "--backend", "file", "--identity", "key-file"], ["auth", "login", "codex", "surplus"],
    ]

    @Test("is exit 64 with words on stderr and one document with --json, and changes nothing", arguments: lines)
    func line(_ line: [String]) async throws {
        try await Scene.with { scene in
            let before = scene.home.stores()
            let outcome = try await scene.run(line)
            #expect(outcome.status == 64, "\(outcome)")
            #expect(outcome.output.isEmpty && !outcome.error.isEmpty, "\(outcome)")
            let json = try await scene.run(line + ["--json"])
            Refusal(64, "usage_error").check(json)
            #expect(json.error.isEmpty, "\(json)")
            #expect(scene.home.stores() == before)
        }
    }

    @Test("token --header and --json exclude each other, and that is still one document")
    func headerAndJSON() async throws {
        try await Scene.with { scene in
            Refusal(64, "usage_error", "--header or --json").check(try await scene.run("token", "codex", "--header", "--json"))
        }
    }

    @Test("A name from the command line cannot write control characters to the terminal")
    func escapes() async throws {
        try await Scene.with { scene in
            for line in [["token", "\u{1B}[31mred"], ["token", "codex", "--account", "\u{1B}]0;title\u{7}"], ["\u{1B}[2J"]] {
                let outcome = try await scene.run(line)
                #expect(outcome.status != 0)
                #expect(!outcome.error.contains(0x1B) && !outcome.error.contains(0x07), "\(outcome.error)")
            }
        }
    }

    @Test("--help and --version are exit 0 on stdout")
    func help() async throws {
        try await Scene.with(start: .empty) { scene in
            for line in [["--help"], ["--version"], ["auth", "login", "--help"]] {
                let outcome = try await scene.run(line)
                #expect(outcome.status == 0 && !outcome.output.isEmpty && outcome.error.isEmpty, "\(outcome)")
            }
        }
    }

    @Test(
        "Without an account, token, refresh, logout and use are exit 3 and name the login",
        arguments: ["token", "refresh", "logout", "use"])
    func noAccount(_ command: String) async throws {
        try await Scene.with(start: .vault) { scene in
            let line = command == "token" ? ["token", "codex"] : ["auth", command, "codex"] + (command == "use" ? ["--auto"] : [])
            let refusal = Refusal(3, "no_such_account", "ai-usage-agent auth login codex")
            refusal.check(try await scene.run(line + ["--json"]))
            refusal.checkText(try await scene.run(line))
        }
    }
}
