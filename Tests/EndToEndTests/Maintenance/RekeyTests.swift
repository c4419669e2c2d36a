import Platform
import TestSupport
import Testing

@Suite("vault rekey", .enabled(if: AgeKey.isPossible, "age is missing: apt-get install age"))
struct RekeyTests {
    /// What opens the vault, and what the rekeying is told about it.
    enum Way: String, CaseIterable, CustomTestStringConvertible {
        case keyFile = "a key file"
        case namedKeyFile = "a key file at a path of its own"
        case anotherKeyFile = "a key file that another one follows"
        case passphrase = "a passphrase that stays"
        case newPassphrase = "a passphrase that another one follows"

        var testDescription: String { rawValue }
        var kind: VaultKind {
            switch self {
            case .keyFile, .anotherKeyFile: .keyFile
            case .namedKeyFile: .namedKeyFile
            case .passphrase, .newPassphrase: .passphrase
            }
        }
    }

    private static let newPassphrase = "another horse and battery"

    @Test("keeps every token, changes the key, and leaves nothing that the old key opens", arguments: Way.allCases)
    func rekey(_ way: Way) async throws {
        // Each opening behind a passphrase costs half a second.
        let people = way.kind == .passphrase ? ["ada"] : ["ada", "bob"]
        try await way.kind.with(people) { scene, _ in
            let before = try await scene.contents()
            let recipient = try #require(try scene.recipient())
            let oldSealed = try scene.home.read(scene.home.sealedFile)
            let oldKey = scene.home.path + "/old-key"
            let identity = scene.home.data + "/identity.age"
            try scene.home.copy(way.kind == .passphrase ? identity : way.kind.keyFile(scene), to: oldKey)

            let newKeyFile = scene.home.path + "/keys/next.txt"
            var line = ["vault", "rekey", "--json"]
            if way == .anotherKeyFile { line += ["--key-file", newKeyFile] }
            if way == .newPassphrase { line += ["--new-passphrase-fd", "3"] }
            let outcome = await scene.finish(try scene.start(line, descriptors: [3: Array(Self.newPassphrase.utf8)]))
            #expect(outcome.status == 0, "\(outcome)")
            if way == .newPassphrase { try VaultKind.setPassphrase(Self.newPassphrase, scene) }
            #expect(outcome.json["accounts"].number?.integer == people.count)
            #expect(try scene.recipient() == outcome.json["recipient"].string && outcome.json["recipient"].string != recipient)
            #expect((outcome.json["warning"].string ?? "").contains(scene.home.keyFile) == (way == .anotherKeyFile), "\(outcome)")
            #expect(try scene.leftovers() == [])
            #expect(try await scene.contents() == before)

            switch way.kind {
            case .passphrase:
                #expect(try scene.home.read(identity) != scene.home.read(oldKey))
                try await expectOldPassphraseFileIsUseless(scene, oldKey, oldSealed)
            default:
                let key = way == .anotherKeyFile ? newKeyFile : way.kind.keyFile(scene)
                #expect(outcome.json["keyFile"].string == key)
                #expect(try await AgeKey(of: key).recipient == outcome.json["recipient"].string)
                #expect(try await AgeKey(of: key).open(scene.home.sealedFile).status == 0)
                #expect(try await AgeKey(of: oldKey).open(scene.home.sealedFile).status != 0, "the old key opens nothing new")
            }

            try await scene.refreshAll(people)
            #expect(try await scene.provider.statistics()["refused"] == 0)

            // Somebody puts the file of before the rekeying back.
            try scene.home.write(oldSealed, to: scene.home.sealedFile)
            Refusal(65, "vault_foreign", "secrets.age").check(try await scene.run("token", "codex", "--json"))
            #expect(try scene.home.read(scene.home.sealedFile) == oldSealed, "byte for byte")
        }
    }

    /// The passphrase file of before the rekeying opens the store of before it, and not the one of now.
    private func expectOldPassphraseFileIsUseless(_ scene: Scene, _ oldKey: String, _ oldSealed: [UInt8]) async throws {
        func openWithOld(_ name: String) async throws -> Outcome {
            let line = "age -d -i \(oldKey) -o \(scene.home.path)/opened \(name)"
            let session = try TerminalSession(line, environment: scene.home.environment)
            try #require(await session.answer("passphrase", with: VaultKind.firstPassphrase))
            return await session.finish()
        }
        let refused = try await openWithOld(scene.home.sealedFile)
        #expect(refused.status != 0, "\(refused)")
        #expect(!scene.home.exists(scene.home.path + "/opened"))
        let older = scene.home.path + "/older.age"
        try scene.home.write(oldSealed, to: older)
        let opened = try await openWithOld(older)
        #expect(opened.status == 0, "\(opened)")
    }

    @Test("does not replace a key file that a person made, and names the way out; another one takes its part")
    func foreignKeyFile() async throws {
        try await Scene.with(start: .empty) { scene in
            let key = try await AgeKey(at: scene.home.path + "/own.txt")
            try await scene.require("vault", "init", "--backend", "file", "--key-file", key.path)
            try await scene.login()
            let token = try await scene.require("token", "codex").text
            let (stores, content) = (scene.home.stores(), try scene.home.read(key.path))
            Refusal(64, "usage_error", key.path, "vault rekey --key-file").check(try await scene.run("vault", "rekey", "--json"))
            #expect(scene.home.stores() == stores)

            let next = scene.home.path + "/keys/next.txt"
            let outcome = try await scene.run("vault", "rekey", "--key-file", next, "--json")
            #expect(outcome.status == 0 && outcome.json["keyFile"].string == next, "\(outcome)")
            #expect(outcome.json["warning"].string?.contains(key.path) == true, "what is to be done with the old one: \(outcome)")
            #expect(try scene.home.read(key.path) == content)
            #expect(try scene.home.entries().first { $0.path == next }?.mode == 0o600)
            #expect(try await key.open(scene.home.sealedFile).status != 0)
            #expect(try await scene.require("token", "codex").text == token)
            // That one is ours.
            try await scene.require("vault", "rekey")
            #expect(try await scene.require("token", "codex").text == token)
        }
    }

    @Test("does not replace a key file with which another vault was made: that one would be locked for ever")
    func sharedKeyFile() async throws {
        try await VaultKind.keyFile.with(["ada"]) { scene, _ in
            try await OtherHome.with(
                scene, initialization: ["--backend", "file", "--identity", "key-file", "--key-file", scene.home.keyFile]
            ) { other in
                try await other.login(as: "bob")
                let before = scene.home.stores()
                let refused = try await scene.run("vault", "rekey", "--json")
                #expect(refused.status == 64 && scene.home.stores() == before, "\(refused)")
                let remedy = refused.json["error"]["remedy"].string ?? ""
                let next = try #require(remedy.split(separator: " ").last.map(String.init))
                #expect(remedy.contains("vault rekey --key-file") && next != scene.home.keyFile, "\(remedy)")
                try await scene.require("vault", "rekey", "--key-file", next)
                try await scene.refreshAll(["ada"])
                try await other.require(["auth", "refresh", "codex"])
            }
        }
    }

    @Test("does not take a key file's place that is somebody's already")
    func occupied() async throws {
        try await Scene.with { scene in
            let key = try await AgeKey(at: scene.home.path + "/own.txt")
            let (stores, content) = (scene.home.stores(), try scene.home.read(key.path))
            let outcome = try await scene.run("vault", "rekey", "--key-file", key.path, "--json")
            Refusal(64, "usage_error", key.path, "another identity").check(outcome)
            #expect(scene.home.stores() == stores)
            #expect(try scene.home.read(key.path) == content)
        }
    }

    @Test("cannot replace a systemd credential, and the way out that it names works")
    func credential() async throws {
        try await Scene.with(start: .empty) { scene in
            let folder = scene.home.path + "/credentials"
            try await scene.require("vault", "init", "--backend", "file", "--key-file", folder + "/ai-usage-agent.identity")
            for path in [scene.home.metadataFile] { try scene.home.delete(path) }
            scene.variables.withLock { $0["CREDENTIALS_DIRECTORY"] = folder }
            try await scene.require("vault", "init", "--backend", "file", "--identity", "systemd-credential")
            try await scene.login()
            let before = try await scene.contents()
            let refusal = Refusal(64, "usage_error", "systemd credential", "vault migrate --to file --identity key-file")
            refusal.check(try await scene.run("vault", "rekey", "--json"))
            try await scene.require("vault", "migrate", "--to", "file", "--identity", "key-file")
            try await scene.require("vault", "rekey")
            scene.variables.withLock { $0["CREDENTIALS_DIRECTORY"] = nil }
            #expect(try await scene.contents() == before)
        }
    }

    @Test("A refusal that is remembered is still recognised: the dead token is not sent a second time")
    func refusedFingerprint() async throws {
        try await Scene.with { scene in
            try await scene.provider.revokeAll()
            #expect(try await scene.run("auth", "refresh", "codex").status == 3)
            let requests = try await scene.provider.statistics()["refreshRequests"]
            try await scene.require("vault", "rekey")
            let again = try await scene.run("auth", "refresh", "codex", "--json")
            #expect(again.status == 3 && again.errorCode == "login_required", "\(again)")
            #expect(try await scene.provider.statistics()["refreshRequests"] == requests)
            try await scene.login()
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test(
        "waits for a refresh that is in the journal: exit 5 and nothing changed",
        .enabled(if: SystemCalls.isPossible, "\(SystemCalls.missing)"),
        arguments: ["rekey", "migrate", "export", "import"])
    func pending(_ command: String) async throws {
        try await Scene.with { scene in
            let key = try await AgeKey(at: scene.home.path + "/key.txt")
            let file = scene.home.path + "/accounts.age"
            try await scene.require("vault", "export", "--recipient", key.recipient, "--output", file)
            // Killed where the refresh is about to replace secrets.age: its result is in the journal by then.
            let calls = SystemCalls(scene.home)
            let killed = try await scene.run("auth", "refresh", "codex", through: calls.killing(at: .rename(to: "secrets.age")))
            #expect(calls.cutCall()?.text.contains("secrets.age") == true, "\(killed)")
            let stores = scene.home.stores()
            let line: [String] =
                switch command {
                case "rekey": ["rekey"]
                case "migrate": ["migrate", "--to", "file", "--identity", "key-file", "--key-file", scene.home.path + "/keys/other.txt"]
                case "export": ["export", "--recipient", key.recipient, "--output", scene.home.path + "/second.age"]
                default: ["import", file, "--identity-file", key.path]
                }
            let refusal = Refusal(5, "pending_commit", "journal", "ai-usage-agent token codex")
            refusal.check(try await scene.run(["vault"] + line + ["--json"]))
            #expect(scene.home.stores() == stores)
            try await scene.require("token", "codex")
            try await scene.require("auth", "refresh", "codex")
            let outcome = try await scene.run(["vault"] + line)
            #expect(outcome.status == 0, "\(outcome)")
        }
    }
}
