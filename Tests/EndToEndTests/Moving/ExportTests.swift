import Platform
import TestSupport
import Testing

@Suite("vault export", .enabled(if: AgeKey.isPossible, "age is missing: apt-get install age"))
struct ExportTests {
    private static let passphrase = "export horse and battery"

    /// No token in anything but what is sealed.
    private func expectNoToken(_ scene: Scene, besides plain: [Outcome] = []) async throws {
        let needles = try await scene.provider.tokens().map(Needle.init)
        #expect(!needles.isEmpty)
        #expect(try scene.home.search(for: needles) == [])
        for outcome in scene.transcript where !outcome.arguments.contains("token") {
            #expect(!needles.contains { $0.isFound(in: outcome.output) || $0.isFound(in: outcome.error) }, "\(outcome.arguments)")
        }
    }

    @Test("to one recipient and to several: each of them opens it with the real age, and nobody else", arguments: [1, 3])
    func recipients(_ count: Int) async throws {
        try await VaultKind.keyFile.with { scene, _ in
            var keys: [AgeKey] = []
            for index in 0..<count { keys.append(try await AgeKey(at: scene.home.path + "/key-\(index).txt")) }
            let file = scene.home.path + "/accounts.age"
            let options = keys.flatMap { ["--recipient", $0.recipient] } + ["--output", file, "--json"]
            let outcome = try await scene.run(["vault", "export"] + options)
            #expect(outcome.status == 0 && outcome.json["accounts"] == 2 && outcome.json["passphrase"] == false, "\(outcome)")
            #expect(outcome.json["recipients"].array?.count == count)
            #expect(try scene.home.entries().first { $0.path == file }?.mode == 0o600)
            let tokens = try await scene.provider.tokens()
            for key in keys {
                let contents = try VaultContents(try await key.open(file).json)
                #expect(contents.bundles.count == 2)
                #expect(contents.bundles.values.allSatisfy { tokens.contains($0["refreshToken"].string ?? "") })
            }
            let stranger = try await AgeKey(at: scene.home.path + "/stranger.txt")
            #expect(try await stranger.open(file).status != 0)
            #expect(try await AgeKey(of: scene.home.keyFile).open(file).status != 0, "not even the vault's own key")
            try await expectNoToken(scene)
        }
    }

    @Test("to standard output it is the binary age file, with --armor and on a terminal it is text")
    func output() async throws {
        try await Scene.with { scene in
            let key = try await AgeKey(at: scene.home.path + "/key.txt")
            let file = scene.home.path + "/from-stdout.age"
            for (options, beginning) in [
                ([], "age-encryption.org/v1\n"), (["--output", "-"], "age-encryption.org/v1\n"),
                (["--armor"], "-----BEGIN AGE ENCRYPTED FILE-----\n"),
            ] {
                let outcome = try await scene.run(["vault", "export", "--recipient", key.recipient] + options)
                #expect(outcome.status == 0 && outcome.output.starts(with: Array(beginning.utf8)), "\(outcome.errorText)")
                #expect(outcome.errorText.contains("exported 1 account"))
                try scene.home.write(outcome.output, to: file)
                #expect(try VaultContents(try await key.open(file).json).bundles.count == 1)
            }
            let session = try TerminalSession(
                "\(Program.path) vault export --recipient \(key.recipient)", environment: scene.home.environment)
            let shown = await session.finish()
            #expect(shown.status == 0 && shown.text.hasPrefix("-----BEGIN AGE ENCRYPTED FILE-----"), "\(shown)")
            try await expectNoToken(scene)
        }
    }

    @Test("under a passphrase the real age opens it, and so do we", .enabled(if: TerminalSession.isPossible, "\(TerminalSession.missing)"))
    func passphrase() async throws {
        try await VaultKind.keyFile.with { scene, _ in
            let file = scene.home.path + "/accounts.age"
            let short = await scene.finish(
                try scene.start(
                    ["vault", "export", "--passphrase", "--export-passphrase-fd", "3", "--output", file, "--json"],
                    descriptors: [3: Array("short one".utf8)]))
            Refusal(64, "usage_error", "12").check(short)
            #expect(!scene.home.exists(file))
            let outcome = await scene.finish(
                try scene.start(
                    ["vault", "export", "--export-passphrase-fd", "3", "--output", file, "--json"],
                    descriptors: [3: Array((Self.passphrase + "\n").utf8)]))
            #expect(outcome.status == 0 && outcome.json["passphrase"] == true, "\(outcome)")

            let session = try TerminalSession("age -d -o \(scene.home.path)/opened \(file)", environment: scene.home.environment)
            try #require(await session.answer("passphrase", with: Self.passphrase))
            let opened = await session.finish()
            try #require(opened.status == 0, "\(opened)")
            let plain = try scene.home.read(scene.home.path + "/opened")
            try scene.home.delete(scene.home.path + "/opened")
            #expect(try VaultContents(JSONValue(parsing: plain.span)) == (try await scene.contents()))
            #expect(plain.count % 4096 == 0, "its size tells neither tokens nor accounts")

            try await OtherHome.with(scene) { other in
                let line = ["vault", "import", file, "--export-passphrase-fd", "3"]
                let imported = try await other.run(line, descriptors: [3: Array(Self.passphrase.utf8)])
                #expect(imported.status == 0, "\(imported)")
                #expect(try await other.accounts().count == 2)
            }
            try await expectNoToken(scene)
        }
    }

    @Test("asks for its passphrase at a terminal, twice", .enabled(if: TerminalSession.isPossible, "\(TerminalSession.missing)"))
    func asked() async throws {
        try await Scene.with(start: .vault) { scene in
            let file = scene.home.path + "/accounts.age"
            for (second, status) in [("another one altogether", 64), (Self.passphrase, 0)] as [(String, Int32)] {
                let session = try TerminalSession(
                    "\(Program.path) vault export --passphrase --output \(file)", environment: scene.home.environment)
                try #require(await session.answer("New passphrase of the export", with: Self.passphrase))
                try #require(await session.answer("once more", with: second))
                let outcome = await session.finish()
                #expect(outcome.status == status && scene.home.exists(file) == (status == 0), "\(outcome)")
                #expect(!outcome.text.contains(Self.passphrase), "typed without echo")
            }
        }
    }

    @Test(
        "refuses what makes no sense with exit 64, and writes nothing",
        arguments: [
            [], ["--recipient", "age1nonsense"], ["--recipient", "RECIPIENT", "--passphrase"], ["--recipient", "RECIPIENT", "--json"],
            ["--recipient", "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"],
        ])
    func usage(_ options: [String]) async throws {
        try await Scene.with(start: .vault) { scene in
            let key = try await AgeKey(at: scene.home.path + "/key.txt")
            let file = scene.home.path + "/accounts.age"
            let line = options.map { $0 == "RECIPIENT" ? key.recipient : $0 }
            let outcome = try await scene.run(["vault", "export"] + line + (options.contains("--json") ? [] : ["--output", file]))
            #expect(outcome.status == 64, "\(outcome)")
            #expect(!scene.home.exists(file) && !outcome.text.contains("age-encryption"))
        }
    }

    @Test("never overwrites a file, nor follows a link")
    func existing() async throws {
        try await Scene.with { scene in
            let key = try await AgeKey(at: scene.home.path + "/key.txt")
            let (file, link) = (scene.home.path + "/precious", scene.home.path + "/link")
            try scene.home.write(Array("precious".utf8), to: file)
            try scene.home.link(link, to: scene.home.path + "/elsewhere")
            for path in [file, link] {
                let outcome = try await scene.run("vault", "export", "--recipient", key.recipient, "--output", path, "--json")
                Refusal(1, "storage", path, "--output").check(outcome)
            }
            #expect(try scene.home.text(file) == "precious" && !scene.home.exists(scene.home.path + "/elsewhere"))
        }
    }
}
