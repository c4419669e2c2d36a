import Glibc
import Platform
import TestSupport
import Testing

@Suite("Every token that passed is looked for everywhere")
struct CanaryTests {
    @Test(
        "With kills, an INTENT and a RESULT in the journal, export, import and another key: in no file, output, command line or environment"
    )
    func file() async throws {
        try await Scene.with(start: .vault) { scene in try await search(scene) }
    }

    @Test(
        "In the desktop keyring: the same",
        .enabled(if: KeyringSession.isPossible, "needs dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool"))
    func keyring() async throws {
        try await Scene.withKeyring(KeyringSession.self) { scene, _ in
            try await search(scene)
            #expect(try await scene.require("vault", "status", "--json").json["backend"] == "keyring")
        }
    }

    private func search(_ scene: Scene) async throws {
        let codes = Guarded<[String]>([])
        func needles() async throws -> [Needle] { (try await scene.provider.tokens() + codes.withLock { $0 }).map(Needle.init) }
        let watch = try await ProcessWatch.during {
            for person in ["ada", "bob"] {
                let code = try await login(scene, person)
                codes.withLock { $0.append(code) }
            }
            try await leaveIntent(scene, "ada")
            #expect(try scene.home.search(for: try await needles()) == [], "with an INTENT in the journal")
            try await leaveResult(scene, "bob")
            #expect(try scene.home.search(for: try await needles()) == [], "with a RESULT in the journal")
            try await killAtRandom(scene, "bob")
            try await move(scene)
        }
        let needles = try await needles()
        #expect(needles.count > 20)
        #expect(try scene.home.search(for: needles) == [])

        #expect(scene.transcript.count > 20)
        for outcome in scene.transcript {
            #expect(!needles.contains { $0.isFound(in: outcome.error) }, "stderr of \(outcome.arguments)")
            let prints = outcome.arguments.contains("token")
            #expect(prints || !needles.contains { $0.isFound(in: outcome.output) }, "stdout of \(outcome.arguments)")
        }
        let printed = scene.transcript.filter { $0.arguments.contains("token") && $0.status == 0 }
        #expect(!printed.isEmpty && printed.allSatisfy { outcome in needles.contains { $0.isFound(in: outcome.output) } })

        let lines = watch.commandLines
        #expect(lines.contains { String(decoding: $0, as: UTF8.self).contains("refresh") }, "processes were seen: \(lines.count)")
        for text in lines + watch.environments {
            #expect(!needles.contains { $0.isFound(in: text) }, "\(String(decoding: text, as: UTF8.self))")
        }
    }

    private func login(_ scene: Scene, _ person: String) async throws -> String {
        let login = try await scene.startLogin("codex", ["--verbose"])
        let callback = try await login.callback("&demo_user=\(person)")
        try await login.visit(callback)
        scene.note(await login.child.finish())
        return try #require(WebAddress.decodeForm(String(callback.split(separator: "?").last ?? ""))?["code"])
    }

    private func refresh(_ person: String) -> [String] { ["auth", "refresh", "codex", "--account", person + "@example.org", "--verbose"] }

    private func journal(_ scene: Scene, _ person: String) async throws -> JournalFile.Content {
        let accounts = try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
        let id = try #require(accounts.first { $0["email"].string == person + "@example.org" }?["id"].string)
        return scene.home.journal(of: id).content
    }

    /// Killed while the server is silent.
    private func leaveIntent(_ scene: Scene, _ person: String) async throws {
        let before = try await scene.provider.statistics()["refreshRequests"] ?? 0
        try await scene.provider.misbehave("hang")
        let child = try scene.start(refresh(person))
        try await scene.provider.wait(for: "refreshRequests", toReach: before + 1)
        child.signal(SIGKILL)
        #expect(await scene.finish(child).ending == .signalled(SIGKILL))
        #expect(try await journal(scene, person) == .intent)
    }

    /// Rotated while the store cannot be written; shown, served, refused for an export, then committed.
    private func leaveResult(_ scene: Scene, _ person: String) async throws {
        let lock = scene.home.data + "/locks/vault"
        try scene.home.delete(lock)
        try scene.home.makeDirectory(lock)
        #expect(try await scene.run(refresh(person)).status == 0)
        #expect(try await journal(scene, person) == .result)
        for arguments in [
            ["token", "codex", "--account", person + "@example.org", "--verbose"], ["auth", "list", "--json", "--verbose"],
            ["vault", "status", "--json"], ["status", "--verbose"],
        ] {
            _ = try await scene.run(arguments)
        }
        let exported = try await scene.run("vault", "export", "--recipient", try recipient(scene), "--output", scene.home.path + "/no.age")
        #expect(exported.status != 0, "\(exported)")
        try scene.home.delete(lock)
    }

    private func killAtRandom(_ scene: Scene, _ person: String) async throws {
        var random = SeededNumbers(11)
        for _ in 0..<8 {
            let child = try scene.start(refresh(person))
            _ = await child.end(within: .milliseconds(random.next(below: 60)))
            child.signal(SIGKILL)
            _ = await scene.finish(child)
        }
    }

    private func recipient(_ scene: Scene) throws -> String {
        try JSONValue(parsing: scene.home.text(scene.home.metadataFile))["vault"]["recipient"].string ?? ""
    }

    /// Out, in again, to another key, and to the other store where there is one.
    private func move(_ scene: Scene) async throws {
        for person in ["ada", "bob"] {
            // A strict server may have ended it in the kills.
            if try await scene.run(refresh(person)).status != 0 { _ = try await login(scene, person) }
        }
        let file = scene.home.path + "/accounts.age"
        let exported = try await scene.run("vault", "export", "--recipient", try recipient(scene), "--output", file, "--verbose")
        #expect(exported.status == 0, "\(exported)")
        try await scene.require("auth", "logout", "codex", "--account", "ada@example.org", "--verbose")
        let imported = try await scene.run("vault", "import", file, "--verbose", "--json")
        #expect(imported.status == 0, "\(imported)")
        #expect(try await scene.run("vault", "rekey", "--verbose").status == 0)
        for command in [
            refresh("ada"), ["usage", "--json", "--raw", "--verbose"],
            ["auth", "refresh", "codex", "--account", "bob@example.org", "--json"],
            ["vault", "status", "--verbose"], ["token", "codex", "--account", "ada@example.org"],
        ] {
            _ = try await scene.run(command)
        }
    }

    @Test("A process that crashes leaves no core file, whatever the limit it was started with")
    func core() async throws {
        try await Scene.with(start: .vault) { scene in
            let shell = ["/bin/sh", "-c", "cd \(scene.home.path) && ulimit -c unlimited 2>/dev/null; exec \"$@\"", "sh"]
            let control = try Child(
                "/bin/sh", Array(shell.dropFirst()) + ["/bin/sh", "-c", "kill -SEGV $$"], environment: scene.home.environment)
            #expect(await control.finish().ending == .signalled(SIGSEGV))
            let isShown = try cores(scene).isEmpty == false
            for path in try cores(scene) { try scene.home.delete(path) }

            let login = try await HeadlessLogin(try scene.start(["auth", "login", "codex", "--no-open"], through: shell))
            login.child.signal(SIGSEGV)
            #expect(await login.child.finish().ending == .signalled(SIGSEGV))
            #expect(try cores(scene) == [])
            if !isShown { print("core files: this machine keeps none in the working directory, not even of another program") }
        }
    }

    private func cores(_ scene: Scene) throws -> [String] {
        try scene.home.entries().map(\.path).filter { $0.split(separator: "/").last?.hasPrefix("core") == true }
    }
}
