import Platform
import TestSupport
import Testing

@Suite("The completions of the shells")
struct CompletionTests {
    /// What bash offers for the last word of the line.
    private static func bash(_ scene: Scene, _ words: String...) async throws -> [String] { try await bash(scene, words) }

    private static func bash(_ scene: Scene, _ words: [String]) async throws -> [String] {
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

    /// The word that is typed behind `usage`, and what must be offered for it.
    static let behindUsage: [(words: [String], offer: String)] = [
        (["hist"], "history"), (["co"], "codex"), (["--for"], "--format"), (["--format", "w"], "waybar"), (["codex", "--wa"], "--watch"),
        (["--format", "waybar", "--ref"], "--refresh"), (["history", "--si"], "--since"), (["show", "--wa"], "--watch"),
    ]

    @Test("usage completes as if `show` had been said", arguments: behindUsage)
    func impliedCommand(_ words: [String], _ offer: String) async throws {
        try await Scene.with(start: .vault) { scene in
            let offered = try await CompletionTests.bash(scene, ["usage"] + words)
            #expect(offered == [offer])
            guard let fish = Program.find("fish"), !offer.hasPrefix("co") else { return }
            // Who asks for a word outside of a terminal gets no words of ours, only the parser's.
            let script = try await scene.require("--generate-completion-script", "fish")
            try scene.home.write(script.output, to: scene.home.path + "/completions.fish")
            let line = (["ai-usage-agent", "usage"] + words).joined(separator: " ")
            let outcome = try await Child(
                fish, ["--no-config", "-c", "source $HOME/completions.fish; complete -C '\(line)'"],
                environment: scene.home.environment.merging(["HOME": scene.home.path]) { $1 }
            ).finish()
            #expect(outcome.text.split(separator: "\n").contains { $0.split(separator: "\t").first == offer[...] }, "\(outcome)")
        }
    }

    @Test("A directory of the name of a word that is offered makes no path of it")
    func directories() async throws {
        try await Scene.with(start: .empty) { scene in
            let script = try await scene.require("--generate-completion-script", "bash").text
            #expect(script.contains("complete -F _ai-usage-agent ai-usage-agent") && script.contains("compopt -o filenames"))
            #expect(!script.contains("complete -o filenames"))
        }
    }

    @Test(
        "A label that bash would run, or take for an option, is not offered, but the account's e-mail or id is",
        arguments: ["$(touch HOME/run)", "--revoke"])
    func hostile(_ label: String) async throws {
        try await Scene.with(start: .vault) { scene in
            let trace = scene.home.path + "/run"
            try await scene.login("codex", ["--account=" + label.replacing("HOME", with: scene.home.path)])
            let offered = try await CompletionTests.bash(scene, "token", "codex", "--account", "")
            #expect(offered.count == 1 && !offered[0].contains("$") && !offered[0].hasPrefix("-"), "\(offered)")
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
