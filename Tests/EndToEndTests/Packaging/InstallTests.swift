import Platform
import TestSupport
import Testing

@Suite("make install and make uninstall")
struct InstallTests {
    private static func install(_ scene: Scene, prefix: String, _ options: String...) async throws -> Outcome {
        let folder = Program.path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return try await Child(
            Program.repository + "/scripts/install-files",
            ["--prefix", prefix] + (options.contains("--uninstall") ? [] : ["--programs", folder]) + options,
            environment: scene.home.environment
        ).finish()
    }

    private static func paths(_ scene: Scene) throws -> Set<String> { Set(try scene.home.entries().map(\.path)) }

    @Test("What install puts there works, and uninstall takes away exactly that: nothing of the user's, nothing of others")
    func roundTrip() async throws {
        try await Scene.with { scene in
            // The usual prefix of a person, whose share/ai-usage-agent is where the data are.
            let prefix = scene.home.path
            scene.variables.withLock { $0["XDG_DATA_HOME"] = prefix + "/share" }
            try scene.home.move(prefix + "/data", to: prefix + "/share")
            let data = prefix + "/share/ai-usage-agent/secrets.age"
            let secrets = try scene.home.read(data)
            for folder in ["/share/man", "/share/man/man1"] { try scene.home.makeDirectory(prefix + folder) }
            try scene.home.write([], to: prefix + "/share/man/man1/ai-usage-agent-of-somebody-else.1")
            try await scene.require("token", "codex")
            let before = try InstallTests.paths(scene)

            for _ in 0..<2 {
                let installed = try await InstallTests.install(scene, prefix: prefix)
                try #require(installed.status == 0, "\(installed)")
            }
            scene.program.withLock { $0 = prefix + "/bin/ai-usage-agent" }
            #expect(try await scene.require("token", "codex").text.isEmpty == false)
            let unit = try scene.home.text(prefix + "/share/systemd/user/ai-usage-agent.service")
            #expect(unit.contains("ExecStart=\"\(prefix)/bin/ai-usage-agent\" agent run") && !unit.contains("agent uninstall removes it"))
            for file in [
                "libexec/ai-usage-agent/ai-usage-agent-cli", "libexec/ai-usage-agent/ai-usage-keyring",
                "share/man/man1/ai-usage-agent-auth-login.1.gz", "share/man/man5/ai-usage-agent-config.json.5.gz",
                "share/bash-completion/completions/ai-usage-agent", "share/zsh/site-functions/_ai-usage-agent",
                "share/fish/vendor_completions.d/ai-usage-agent.fish", "share/doc/ai-usage-agent/LICENSE",
            ] { #expect(scene.home.exists(prefix + "/" + file), "\(file)") }

            // A file that an older version had, and one of somebody else's in a directory of ours.
            let list = prefix + "/libexec/ai-usage-agent/installed-files"
            try scene.home.write([], to: prefix + "/share/doc/ai-usage-agent/OLD")
            try scene.home.write(try scene.home.read(list) + Array("share/doc/ai-usage-agent/OLD\n".utf8), to: list)
            try #require(try await InstallTests.install(scene, prefix: prefix).status == 0)
            #expect(!scene.home.exists(prefix + "/share/doc/ai-usage-agent/OLD"))

            let removed = try await InstallTests.install(scene, prefix: prefix, "--uninstall")
            try #require(removed.status == 0, "\(removed)")
            #expect(try InstallTests.paths(scene).symmetricDifference(before) == [])
            #expect(try scene.home.read(data) == secrets)
        }
    }

    @Test("An installation that was killed at any moment is taken away as a whole, and one that is not there is exit 66", arguments: 1...4)
    func killed(_ quarter: Int) async throws {
        try await Scene.with(start: .empty) { scene in
            let prefix = scene.home.path + "/prefix"
            let nothing = try await InstallTests.install(scene, prefix: prefix, "--uninstall")
            #expect(nothing.status == 66 && nothing.errorText.contains("nothing is installed"), "\(nothing)")
            let whole = try await InstallTests.install(scene, prefix: scene.home.path + "/whole")
            try #require(whole.status == 0)
            let files = try scene.home.entries().count { $0.path.hasPrefix(scene.home.path + "/whole/") && !$0.isDirectory }

            let folder = Program.path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            let install = try Child(
                Program.repository + "/scripts/install-files", ["--prefix", prefix, "--programs", folder],
                environment: scene.home.environment)
            func placed() throws -> Int { try scene.home.entries().count { $0.path.hasPrefix(prefix + "/") && !$0.isDirectory } }
            // A file may have its name and be gone again while it is counted.
            while (try? placed()) ?? 0 < files * quarter / 5, !install.hasEnded { await TimeSource.system.sleep(.milliseconds(1)) }
            await install.stop()
            #expect(try placed() > 0)
            let removed = try await InstallTests.install(scene, prefix: prefix, "--uninstall")
            #expect(removed.status == 0, "\(removed)")
            #expect(try placed() == 0)
        }
    }

    @Test("For /usr/local the units stand where systemd looks, also under DESTDIR")
    func staged() async throws {
        try await Scene.with(start: .empty) { scene in
            let root = scene.home.path + "/root"
            let installed = try await InstallTests.install(scene, prefix: "/usr/local", "--destdir", root)
            try #require(installed.status == 0, "\(installed)")
            for unit in ["user/ai-usage-agent.socket", "user/ai-usage-agent.service", "system/ai-usage-agent@.service"] {
                let text = try scene.home.text(root + "/usr/local/lib/systemd/" + unit)
                let shipped = try scene.home.text(Program.repository + "/systemd/" + unit)
                #expect(
                    text == shipped.split(separator: "/usr/bin/", omittingEmptySubsequences: false).joined(separator: "/usr/local/bin/"))
            }
            try #require(try await InstallTests.install(scene, prefix: "/usr/local", "--destdir", root, "--uninstall").status == 0)
            #expect(try scene.home.entries().filter { $0.path.hasPrefix(root) && !$0.isDirectory }.isEmpty)
        }
    }

    @Test(
        "A list that leads out of the prefix is refused, and nothing is removed", arguments: ["../kept", "/etc/passwd", "bin/../../kept"])
    func strangeList(_ entry: String) async throws {
        try await Scene.with(start: .empty) { scene in
            let prefix = scene.home.path + "/prefix"
            for folder in ["", "/libexec", "/libexec/ai-usage-agent"] { try scene.home.makeDirectory(prefix + folder) }
            try scene.home.write([], to: scene.home.path + "/kept")
            try scene.home.write(Array("\(entry)\n".utf8), to: prefix + "/libexec/ai-usage-agent/installed-files")
            let before = try InstallTests.paths(scene)
            let refused = try await InstallTests.install(scene, prefix: prefix, "--uninstall")
            #expect(refused.status == 65, "\(refused)")
            #expect(try InstallTests.paths(scene) == before)
        }
    }
}
