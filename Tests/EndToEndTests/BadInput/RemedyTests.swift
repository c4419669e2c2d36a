import Platform
import TestSupport
import Testing

@Suite("A remedy that is printed works")
struct RemedyTests {
    @Test("A lost key: the vault is put aside with the printed command, and a new one is made and used")
    func startingOver() async throws {
        try await Scene.with { scene in
            try scene.home.delete(scene.home.keyFile)
            let refused = try await scene.run("token", "codex", "--json")
            Refusal(4, "vault_unavailable", scene.home.keyFile, "ai-usage-agent vault init", "ai-usage-agent auth login").check(refused)
            let remedy = refused.json["error"]["remedy"].string ?? ""
            let move = try #require(remedy.firstMatch(of: /mv [^ ]+ [^ ]+/).map { String($0.output) })
            let moved = try await Child("/bin/sh", ["-c", move], environment: scene.home.environment).finish()
            #expect(moved.status == 0 && scene.home.exists(scene.home.data + ".lost/auth.json"), "\(moved)")
            try await scene.require("vault", "init", "--backend", "file", "--identity", "key-file")
            try await scene.login()
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test("A mode that others may read: the printed chmod is the way out")
    func mode() async throws {
        try await Scene.with { scene in
            let open = try await Child("/bin/chmod", ["644", scene.home.keyFile], environment: [:]).finish()
            try #require(open.status == 0)
            let refused = try await scene.run("token", "codex", "--json")
            #expect(refused.status == 65 && refused.json["error"]["remedy"] == .string("chmod 600 \(scene.home.keyFile)"), "\(refused)")
            let closed = try await Child("/bin/chmod", ["600", scene.home.keyFile], environment: [:]).finish()
            try #require(closed.status == 0)
            try await scene.require("token", "codex")
        }
    }

    @Test("A file that is no export, or is not there, is refused with the command that makes one", arguments: [true, false])
    func noExport(_ isThere: Bool) async throws {
        try await Scene.with(start: .vault) { scene in
            let path = scene.home.path + "/accounts.age"
            if isThere { try scene.home.write(Array("notes".utf8), to: path) }
            let outcome = try await scene.run("vault", "import", path, "--json")
            Refusal(isThere ? 65 : 64, isThere ? "vault_foreign" : "usage_error", "ai-usage-agent vault export --passphrase --output")
                .check(outcome)
        }
    }

    @Test("A new passphrase without a terminal is asked for by its name, not taken for a locked vault")
    func newPassphrase() async throws {
        try await Scene.with { scene in
            let stores = scene.home.stores()
            let outcome = try await scene.run("vault", "migrate", "--to", "file", "--identity", "passphrase", "--json")
            Refusal(4, "vault_locked", "a new passphrase is needed", "--passphrase-fd 3 3<file").check(outcome)
            #expect(!outcome.complaint.contains("the vault is locked") && scene.home.stores() == stores, "\(outcome)")
        }
    }
}
