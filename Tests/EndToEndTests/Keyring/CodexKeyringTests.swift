import Platform
import TestSupport
import Testing

@Suite(
    "Codex's login in the desktop keyring, with a real gnome-keyring on a private bus",
    .enabled(if: KeyringSession.isPossible, "needs dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool (make test installs them)"))
struct CodexKeyringTests {
    /// Codex's name for its home, and its check vector (`~/.codex`).
    private static func user(_ path: String) -> String {
        "cli|" + Hex.encode(SHA256.hash(Array(path.utf8).span).span).prefix(16)
    }

    private func store(_ text: String, _ service: String, _ user: String, _ session: KeyringSession) async throws {
        let arguments = [
            "store", "--label", "codex", "service", service, "username", user, "target", "default", "application", "rust-keyring",
        ]
        let stored = try await Child(
            Program.find("secret-tool") ?? "", arguments, environment: session.bus.environment, input: .bytes(Array(text.utf8))
        ).finish()
        try #require(stored.status == 0, "\(stored)")
    }

    @Test("The helper reads items of Codex and of no other program")
    func otherPrograms() async throws {
        try await Scene.withKeyring(KeyringSession.self) { _, session in
            try await store("a password", "Another Program", "ada", session)
            try await store("a login", "Codex Auth", "ada", session)
            let requests = ["Another Program", "Codex Auth"].map { #"{"op":"foreign","service":"\#($0)","username":"ada"}"# }
            let answer = try await Child(
                try #require(Program.keyringHelper), [], environment: session.bus.environment,
                input: .bytes(Array(#"{"version":1,"unlock":false,"requests":[\#(requests.joined(separator: ","))]}"#.utf8))
            ).finish()
            let lines = answer.text.split(separator: "\n").dropFirst().map(String.init)
            try #require(lines.count == 2, "\(answer)")
            #expect(lines[0].contains(#""result":"unavailable""#) && !lines[0].contains("password"), "\(answer)")
            #expect(lines[1].contains(#""result":"found""#) && lines[1].contains("a login"), "\(answer)")
        }
    }

    @Test("It is found where the file is gone, read at each use, and never changed; a move out of it is refused by name")
    func read() async throws {
        #expect(Self.user("~/.codex") == "cli|940db7b1d0e4eb40")
        try await Scene.withKeyring(KeyringSession.self) { scene, session in
            try scene.home.makeDirectory(scene.home.path + "/.codex")
            let none = try await scene.run("auth", "import", "codex", "--json")
            #expect(none.status == 3 && none.complaint.contains("no item of Codex"), "\(none)")
            let user = Self.user(scene.home.path + "/.codex")
            let grant = ForeignGrant.synthetic("ada")
            try await store("not Codex's", "Another Program", user, session)
            try await store(grant.codex, "Codex Auth", user, session)
            let row = try await scene.require("auth", "import", "codex", "--json").json["results"].array?.first
            #expect(row?["action"] == "added" && row?["email"] == "ada@example.org")
            #expect(try await scene.require("token", "codex").text == grant.access)
            let renewed = ForeignGrant.synthetic("ada", lives: 7200)
            try await store(renewed.codex, "Codex Auth", user, session)
            #expect(try await scene.require("token", "codex").text == renewed.access)
            let move = try await scene.run("auth", "import", "codex", "--move", "--json")
            #expect(move.status == 64 && move.complaint.contains("keyring"), "\(move)")
            try await session.lock()
            let locked = try await scene.run("token", "codex", "--json")
            #expect(locked.status == 4 && locked.errorCode == "vault_locked", "\(locked)")
        }
    }
}
