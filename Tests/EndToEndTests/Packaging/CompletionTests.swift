import Platform
import TestSupport
import Testing

@Suite("The completions of the shells")
struct CompletionTests {
    /// What bash offers for the last word of the line.
    private static func bash(_ scene: Scene, _ words: String...) async throws -> [String] {
        let script = try await scene.require("--generate-completion-script", "bash")
        let file = scene.home.path + "/completions"
        try scene.home.write(script.output, to: file)
        // As readline calls it; the line starts the program under test by its name.
        let program = scene.home.path + "/ai-usage-agent"
        if !scene.home.exists(program) { try scene.home.link(program, to: Program.path) }
        let outcome = try await Child(
            "/bin/bash",
            [
                "-c",
                """
                source "$0"; PATH=\(scene.home.path):$PATH
                COMP_LINE=$* COMP_POINT=${#COMP_LINE} COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
                _ai-usage-agent ai-usage-agent "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
                printf '%s\\n' "${COMPREPLY[@]}"
                """, file, "ai-usage-agent",
            ] + words, environment: scene.home.environment
        ).finish()
        try #require(outcome.status == 0 && outcome.errorText.isEmpty, "\(outcome)")
        return outcome.text.split(separator: "\n").map { $0.split(separator: " ").joined() }.sorted()
    }

    @Test("bash completes commands, values, providers and accounts")
    func completes() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", ["--account", "work"], as: "bob")
            #expect(try await CompletionTests.bash(scene, "auth", "lo") == ["login", "logout"])
            #expect(try await CompletionTests.bash(scene, "vault", "init", "--backend", "f") == ["file"])
            #expect(try await CompletionTests.bash(scene, "auth", "import", "open") == ["openclaw", "opencode"])
            #expect(try await CompletionTests.bash(scene, "token", "").contains("acme"))
            #expect(try await CompletionTests.bash(scene, "token", "co") == ["codex"])
            #expect(try await CompletionTests.bash(scene, "token", "codex", "--account", "wo") == ["work"])
            #expect(try await CompletionTests.bash(scene, "auth", "use", "codex", "").contains("work"))
        }
    }

    @Test("A label that bash would run is not offered, but the account's e-mail or id is")
    func hostile() async throws {
        try await Scene.with(start: .vault) { scene in
            let trace = scene.home.path + "/run"
            try await scene.login("codex", ["--account", "$(touch \(trace))"])
            let offered = try await CompletionTests.bash(scene, "token", "codex", "--account", "")
            #expect(offered.count == 1 && !offered[0].contains("$"), "\(offered)")
            #expect(!scene.home.exists(trace))
        }
    }

    @Test("Without files, and with files that cannot be read, nothing is said and nothing is made")
    func nothing() async throws {
        try await Scene.with(start: .empty) { scene in
            #expect(try await CompletionTests.bash(scene, "token", "codex", "--account", "") == [])
            try scene.configure("{")
            #expect(try await CompletionTests.bash(scene, "token", "co") == [])
            #expect(!scene.home.exists(scene.home.data))
        }
    }

    @Test("The scripts for zsh and fish are ones", arguments: [("zsh", "-n"), ("fish", "--no-execute")])
    func others(_ shell: String, _ check: String) async throws {
        try await Scene.with(start: .empty) { scene in
            let script = try await scene.require("--generate-completion-script", shell)
            #expect(script.text.contains("ai-usage-agent") && !script.text.contains("ai-usage-agent-cli"))
            guard let program = Program.find(shell) else { return }
            let file = scene.home.path + "/script"
            try scene.home.write(script.output, to: file)
            let outcome = try await Child(program, [check, file], environment: scene.home.environment).finish()
            #expect(outcome.status == 0 && outcome.errorText.isEmpty, "\(outcome)")
        }
    }
}
