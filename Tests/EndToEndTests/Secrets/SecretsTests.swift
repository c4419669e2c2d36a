import Platform
import TestSupport
import Testing

@Suite("Secrets stay where they belong")
struct SecretsTests {
    /// A day in the life of the program, with everything that can go wrong gone wrong once; returns the codes it saw.
    private func live(_ scene: Scene) async throws -> [String] {
        var codes: [String] = []
        for (provider, person) in [("codex", "ada"), ("codex", "bob"), ("acme", "ada")] {
            let login = try await scene.startLogin(provider, ["--verbose"])
            let callback = try await login.callback("&demo_user=\(person)")
            let code = try #require(WebAddress.decodeForm(String(callback.split(separator: "?").last ?? ""))?["code"])
            codes.append(code)
            try await login.visit(callback)
            scene.note(await login.child.finish())
        }
        for mode in ["html-200", "status-500", "wrong-type-refresh", "empty-refresh", "invalid-client", "duplicate-keys", "truncated-json"]
        {
            try await scene.provider.misbehave(mode)
            _ = try await scene.run("auth", "refresh", "codex", "--account", "bob@example.org", "--verbose")
        }
        for command in [
            ["auth", "refresh", "codex", "--account", "ada", "--verbose"], ["auth", "refresh", "acme", "--verbose", "--json"],
            ["usage", "--verbose"], ["usage", "--json", "--raw", "--verbose"], ["status", "--verbose"], ["auth", "list", "--verbose"],
            ["auth", "list", "--json"], ["vault", "status", "--json"], ["config", "show"], ["auth", "use", "codex", "ada", "--verbose"],
            ["token", "codex", "--verbose"], ["token", "codex", "--json", "--account", "ada"], ["token", "nosuch", "--verbose"],
        ] {
            _ = try await scene.run(command)
        }
        try await scene.provider.revokeAll()
        for command in [["auth", "refresh", "acme", "--verbose"], ["auth", "refresh", "codex", "--verbose", "--json"], ["status"]] {
            _ = try await scene.run(command)
        }
        return codes
    }

    @Test("No token and no code that ever passed is in any file, nor in any output but token's own")
    func nowhere() async throws {
        try await Scene.with(start: .vault) { scene in
            let codes = try await live(scene)
            let tokens = try await scene.provider.tokens()
            #expect(tokens.count >= 15 && codes.count == 3)
            let needles = (tokens + codes).map(Needle.init)

            #expect(try scene.home.search(for: needles) == [])
            #expect(scene.transcript.count > 20)
            for outcome in scene.transcript {
                #expect(!needles.contains { $0.isFound(in: outcome.error) }, "stderr of \(outcome.arguments)")
                if outcome.arguments.contains("token") { continue }
                #expect(!needles.contains { $0.isFound(in: outcome.output) }, "stdout of \(outcome.arguments)")
            }
            let printed = scene.transcript.filter { $0.arguments.contains("token") && $0.status == 0 }
            #expect(printed.allSatisfy { outcome in needles.contains { $0.isFound(in: outcome.output) } }, "the search finds what is there")
        }
    }

    @Test("Every file of ours is 0600 and every directory 0700")
    func modes() async throws {
        try await Scene.with(start: .empty) { scene in
            // Everything below is made by the program, the configuration's directory too.
            try scene.home.delete(scene.home.configuration)
            try await scene.require("config", "init")
            try await scene.require("vault", "init", "--backend", "file", "--identity", "key-file")
            try scene.configure(Scene.configuration)
            try await scene.login()
            try await scene.require("auth", "refresh", "codex")
            let entries = try scene.home.entries()
            #expect(entries.count > 8)
            for entry in entries { #expect(entry.mode == (entry.isDirectory ? 0o700 : 0o600), "\(entry)") }
        }
    }

    @Test("The permissions do not depend on the caller's umask")
    func umask() async throws {
        try await Scene.with(start: .empty) { scene in
            try scene.home.delete(scene.home.configuration)
            let shell = ["/bin/sh", "-c", "umask 0; exec \"$@\"", "sh"]
            let outcome = try await scene.run("vault", "init", "--backend", "file", "--identity", "key-file", through: shell)
            #expect(outcome.status == 0, "\(outcome)")
            for entry in try scene.home.entries() { #expect(entry.mode & 0o077 == 0, "\(entry)") }
        }
    }

    @Test("The size of the sealed file tells neither the tokens' lengths nor the number of accounts")
    func padding() async throws {
        try await Scene.with { scene in
            let size = try scene.home.read(scene.home.sealedFile).count
            try await scene.require("auth", "refresh", "codex")
            #expect(try scene.home.read(scene.home.sealedFile).count == size)
            #expect(size % 4096 < 400, "the plaintext is padded to blocks of 4096 bytes: \(size)")
        }
    }
}
