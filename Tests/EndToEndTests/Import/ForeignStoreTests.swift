import Glibc
import Platform
import TestSupport
import Testing

@Suite("auth import: what is read of other programs, and what is refused by name")
struct ForeignStoreTests {
    /// What stands where a login is looked for, and the word that says why it is none.
    struct Refused: Sendable, CustomStringConvertible {
        let program: String
        let file: String
        let text: String
        let word: String
        var description: String { "\(program): \(word)" }
    }

    private static let openclaw = ".openclaw/agents/main/agent/auth-profiles.json"
    private static let ada = ForeignGrant.synthetic("ada")

    private static func profile(_ members: String) -> String {
        #"{"version":1,"profiles":{"openai-codex:default":{"type":"oauth","provider":"openai-codex",\#(members)}}}"#
    }

    static let refused: [Refused] = [
        Refused(program: "codex", file: ".codex/auth.json", text: String(ada.codex.dropLast(60)), word: "torn"),
        Refused(program: "codex", file: ".codex/auth.json", text: "", word: "torn"),
        Refused(program: "codex", file: ".codex/auth.json", text: "[]", word: "no store of Codex"),
        Refused(program: "codex", file: ".codex/auth.json", text: #"{"OPENAI_API_KEY":"sk-x"}"#, word: "API key"),
        Refused(program: "codex", file: ".codex/auth.json", text: #"{"auth_mode":"personalAccessToken"}"#, word: "personalAccessToken"),
        Refused(
            program: "codex", file: ".codex/auth.json",
            text: #"{"tokens":{"id_token":"","access_token":"","refresh_token":"","account_id":null}}"#, word: "logged out"),
        Refused(program: "codex", file: ".codex/auth.json", text: #"{"tokens":{"access_token":"two words"}}"#, word: "is none"),
        Refused(program: "codex", file: ".codex/auth.json", text: #"{"tokens":{},"tokens":{}}"#, word: "twice"),
        Refused(
            program: "codex", file: ".codex/secrets/codex_auth.age", text: "age-encryption.org/v1\n", word: "cli_auth_credentials_store"),
        Refused(program: "claude-code", file: ".claude/.credentials.json", text: #"{"mcpOAuth":{"x":{}}}"#, word: "MCP servers only"),
        Refused(
            program: "claude-code", file: ".claude/.credentials.json",
            text: #"{"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0}}"#, word: "logged out"),
        Refused(
            program: "pi", file: ".pi/agent/auth.json", text: #"{"openai-codex":{"type":"api_key","key":"k"}}"#, word: "a key and no login"),
        Refused(program: "pi", file: ".pi/agent/auth.json", text: #"{"google":{"type":"oauth","access":"a"}}"#, word: "no login of codex"),
        Refused(program: "opencode", file: "data/opencode/auth.json", text: #"{"openai":"x"}"#, word: "it is no login"),
        Refused(
            program: "opencode", file: "data/opencode/auth.json", text: #"{"openai":{"type":"oauth","refresh":"r"}}"#,
            word: "no access token"),
        Refused(program: "openclaw", file: openclaw, text: "{}", word: "no profiles"),
        Refused(program: "openclaw", file: openclaw, text: #"{"version":2,"profiles":{}}"#, word: "version is 2"),
        Refused(
            program: "openclaw", file: openclaw,
            text: profile(#""oauthRef":{"source":"openclaw-credentials","provider":"openai-codex","id":"0123"}"#), word: "encrypted sidecar"
        ),
        Refused(
            program: "openclaw", file: openclaw,
            text: profile(#""access":"openclaw-oauth-refresh-fence:v1:abc","refresh":"openclaw-oauth-refresh-fence:v1:abc","expires":1"#),
            word: "fence marker"),
        Refused(
            program: "openclaw", file: openclaw,
            text: profile(#""access":"good","refresh":"openclaw-oauth-refresh-fence:v1:abc","expires":1"#),
            word: "fence marker"),
    ]

    @Test("A store without a login that can be used is exit 3, with the reason by name and nothing written", arguments: refused)
    func refuses(_ it: Refused) async throws {
        try await Scene.with(start: .empty) { scene in
            try scene.home.plant(it.text, at: it.file)
            let before = try scene.home.snapshot()
            for mode in ["--reference", "--move"] {
                let outcome = try await scene.run("auth", "import", it.program, mode, "--json")
                #expect(outcome.status == 3 && outcome.errorCode == "login_required", "\(outcome)")
                #expect(outcome.complaint.contains(it.word), "\(outcome)")
            }
            #expect(try scene.home.snapshot() == before)
        }
    }

    @Test("A link, a directory, somebody else's file and one of more than a mebibyte are not read")
    func unsafeFiles() async throws {
        try await Scene.with(start: .empty) { scene in
            let file = scene.home.path + "/.codex/auth.json"
            func refused(_ word: String) async throws {
                let outcome = try await scene.run("auth", "import", "codex", "--json")
                #expect(outcome.status == 3 && outcome.complaint.contains(word), "\(outcome)")
            }
            try scene.home.plant(Self.ada.codex, at: ".codex/real.json")
            try scene.home.link(file, to: "real.json")
            try await refused("symbolic link")
            try scene.home.delete(file)
            try scene.home.makeDirectory(file)
            try await refused("no regular file")
            try scene.home.delete(file)
            try scene.home.plant(Self.ada.codex + String(repeating: " ", count: 1 << 20), at: ".codex/auth.json")
            try await refused("larger than 1048576 bytes")
            try scene.home.plant(Self.ada.codex, at: ".codex/auth.json")
            if geteuid() == 0 {
                #expect(chown(file, 12345, 12345) == 0)
                try await refused("belongs to user 12345")
                #expect(chown(file, 0, 0) == 0)
            }
            try await scene.require("auth", "import", "codex")
            try scene.home.delete(file)
            try scene.home.link(file, to: "real.json")
            let token = try await scene.run("token", "codex", "--json")
            #expect(token.status == 3 && token.complaint.contains("symbolic link"), "the same holds at every use: \(token)")
        }
    }

    @Test("What cannot be used is skipped with a line of its own, on stderr and in the results")
    func skipped() async throws {
        try await Scene.with(start: .empty) { scene in
            try scene.home.plant(Self.ada.openclaw, at: Self.openclaw)
            try scene.home.plant(#"{"version":1,"#, at: ".openclaw/agents/second/agent/auth-profiles.json")
            let outcome = try await scene.require("auth", "import", "openclaw", "--json")
            let results = outcome.json["results"].array ?? []
            #expect(results.first?["action"] == "added")
            let warnings = results.filter { $0["action"] == "skipped" }.compactMap { $0["warning"].string }
            #expect(
                warnings.contains { $0.contains("second") && $0.contains("torn") } && warnings.contains { $0.contains("openai:default") })
            #expect(warnings.count == 2 && outcome.errorText.split(separator: "\n").count { $0.hasPrefix("skipped: ") } == 2, "\(outcome)")
        }
    }

    @Test("--from names a file, a directory, or another home of the program; without anything there it is exit 3")
    func from() async throws {
        try await Scene.with(start: .empty) { scene in
            try scene.home.plant(Self.ada.codex, at: "elsewhere/auth.json")
            let folder = scene.home.path + "/elsewhere"
            for from in [folder, folder + "/", folder + "/auth.json"] {
                let row = try await scene.require("auth", "import", "codex", "--from", from, "--json").json["results"].array?.first
                #expect(row?["email"] == "ada@example.org")
            }
            #expect(try await scene.require("token", "codex").text == Self.ada.access)
            scene.variables.withLock { $0["CODEX_HOME"] = folder }
            try await scene.require("auth", "import", "codex")
            scene.variables.withLock { $0["CODEX_HOME"] = scene.home.path + "/nowhere" }
            for arguments in [["auth", "import", "codex", "--json"], ["auth", "import", "pi", "--from", "/nowhere", "--json"]] {
                let none = try await scene.run(arguments)
                #expect(none.status == 3 && none.errorCode == "login_required" && none.complaint.contains("nothing to import"), "\(none)")
            }
            let unknown = try await scene.run("auth", "import", "netscape", "--json")
            #expect(unknown.status == 64 && unknown.errorCode == "usage_error", "\(unknown)")
        }
    }

    // MARK: - OpenClaw's database

    @Test("A database that OpenClaw has open is read as it stands", .enabled(if: Program.find("python3") != nil, "needs python3"))
    func openDatabase() async throws {
        try await Scene.with(start: .empty) { scene in
            let file = ".openclaw/agents/main/agent/openclaw-agent.sqlite"
            let holder = try database(scene, file, ["auth_profile_store", "store_key", "store_json"], mode: "WAL", isOpen: true)
            _ = await holder.line(of: .output, startingWith: "ready")
            let files = try scene.home.snapshot().filter { $0.key.contains("/.openclaw") }
            #expect(files.keys.contains { $0.hasSuffix("-wal") })
            try await scene.require("auth", "import", "openclaw")
            #expect(try await scene.require("token", "codex").text == Self.ada.access)
            #expect(try scene.home.snapshot().filter { $0.key.contains("/.openclaw") } == files)
            await holder.stop()
            // Killed: what is in the log was never taken into the database.
            try scene.home.delete(scene.home.path + "/" + file + "-shm")
            let torn = try await scene.run("token", "codex", "--json")
            #expect(torn.status == 3 && torn.complaint.contains("not closed properly"), "\(torn)")
        }
    }

    private static let makeDatabase = """
        import sqlite3, sys
        path, table, key, value, text, mode = sys.argv[1:7]
        db = sqlite3.connect(path)
        db.execute(f"PRAGMA journal_mode={mode}")
        db.execute(f"CREATE TABLE {table} ({key} TEXT PRIMARY KEY, {value} TEXT, updated_at INTEGER)")
        name = "primary" if key == "store_key" else "authProfiles.store"
        db.execute(f"INSERT INTO {table} VALUES (?, ?, 1)", (name, text))
        db.commit()
        if len(sys.argv) > 7:
            print("ready", flush=True)
            sys.stdin.readline()
        db.close()
        """

    /// Makes a database as OpenClaw would, and keeps it open if told.
    private func database(_ scene: Scene, _ file: String, _ table: [String], mode: String, isOpen: Bool = false) throws -> Child {
        try scene.home.plant("", at: file)
        try scene.home.delete(scene.home.path + "/" + file)
        let arguments =
            ["-c", Self.makeDatabase, scene.home.path + "/" + file] + table + [Self.ada.openclaw, mode] + (isOpen ? ["open"] : [])
        return try Child(
            Program.find("python3") ?? "", arguments, environment: scene.home.environment, input: isOpen ? .open : .nothing)
    }

    @Test(
        "OpenClaw's database is read and nothing is written, not even beside it; a move out of it is refused by name",
        .enabled(if: Program.find("python3") != nil, "needs python3"),
        arguments: [
            (".openclaw/agents/main/agent/openclaw-agent.sqlite", ["auth_profile_store", "store_key", "store_json"]),
            (".openclaw/state/openclaw.sqlite", ["config_machine_state", "state_key", "value_json"]),
        ], ["DELETE", "WAL"])
    func openClawDatabase(_ place: (file: String, table: [String]), _ mode: String) async throws {
        try await Scene.with(start: .vault) { scene in
            let made = await (try database(scene, place.file, place.table, mode: mode)).finish()
            try #require(made.status == 0, "\(made)")
            let before = try scene.home.snapshot().filter { $0.key.contains("/.openclaw") }
            let row = try await scene.require("auth", "import", "openclaw", "--json").json["results"].array?.first
            #expect(row?["action"] == "added" && row?["accountKey"].string == Self.ada.accountKey, "\(row?.compact ?? "")")
            #expect(try await scene.require("token", "codex").text == Self.ada.access)
            let move = try await scene.run("auth", "import", "openclaw", "--move", "--json")
            #expect(move.status == 64 && move.complaint.contains("database"), "\(move)")
            #expect(try scene.home.snapshot().filter { $0.key.contains("/.openclaw") } == before)
        }
    }
}
