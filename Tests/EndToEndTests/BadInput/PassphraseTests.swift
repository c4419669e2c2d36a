import Platform
import TestSupport
import Testing

@Suite("A vault behind a passphrase")
struct PassphraseTests {
    private static let right = Array("correct horse battery staple\n".utf8)

    private func withVault(_ body: (Scene) async throws -> Void) async throws {
        try await Scene.with(start: .empty) { scene in
            let made = try await scene.run(
                "vault", "init", "--backend", "file", "--identity", "passphrase", "--passphrase-fd", "3", descriptors: [3: Self.right])
            try #require(made.status == 0, "\(made)")
            let login = try await HeadlessLogin(
                try scene.start(["auth", "login", "codex", "--no-open", "--passphrase-fd", "3"], descriptors: [3: Self.right]))
            let outcome = try await login.complete()
            try #require(outcome.status == 0, "\(outcome)")
            try await body(scene)
        }
    }

    @Test("opens with the passphrase from a descriptor and from a command")
    func opens() async throws {
        try await withVault { scene in
            let issued = try #require(try await scene.provider.tokens().first)
            let byDescriptor = try await scene.run("token", "codex", "--passphrase-fd", "3", descriptors: [3: Self.right])
            #expect(byDescriptor.text == issued, "\(byDescriptor)")
            try scene.home.write(Self.right, to: scene.home.path + "/passphrase")
            let byCommand = try await scene.run("token", "codex", "--passphrase-command", "cat \(scene.home.path)/passphrase")
            #expect(byCommand.text == issued, "\(byCommand)")
        }
    }

    @Test("refuses a wrong one with exit 4 and wrong_passphrase, and loses nothing")
    func wrong() async throws {
        try await withVault { scene in
            let before = scene.home.stores()
            let outcome = try await scene.run(
                "token", "codex", "--passphrase-fd", "3", "--json", descriptors: [3: Array("wrong horse battery staple".utf8)])
            Refusal(4, "wrong_passphrase", "identity.age", "try again").check(outcome)
            #expect(scene.home.stores() == before)
            #expect(try await scene.run("token", "codex", "--passphrase-fd", "3", descriptors: [3: Self.right]).status == 0)
        }
    }

    @Test("is locked without a terminal: exit 4 and vault_locked with the ways to give the passphrase; lists still work")
    func locked() async throws {
        try await withVault { scene in
            let before = scene.home.stores()
            let refusal = Refusal(4, "vault_locked", "--passphrase-fd", "--passphrase-command", "vault.passphraseCommand")
            for command in [["token", "codex"], ["auth", "refresh", "codex"], ["auth", "login", "codex", "--no-open"]] {
                refusal.check(try await scene.run(command + ["--json"]))
            }
            #expect(scene.home.stores() == before)
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.count == 1)
            #expect(try await scene.require("vault", "status", "--json").json["locked"] == true)
        }
    }

    @Test("is not made with fewer than twelve characters")
    func tooShort() async throws {
        try await Scene.with(start: .empty) { scene in
            let outcome = try await scene.run(
                "vault", "init", "--backend", "file", "--identity", "passphrase", "--passphrase-fd", "3", "--json",
                descriptors: [3: Array("short one".utf8)])
            Refusal(64, "usage_error", "12").check(outcome)
            #expect(!scene.home.exists(scene.home.metadataFile))
        }
    }

    @Test(
        "is unavailable when the descriptor is not open or the command fails: exit 4",
        arguments: ["descriptor", "command", "deaf", "empty"])
    func noSource(_ kind: String) async throws {
        try await withVault { scene in
            let outcome =
                switch kind {
                case "descriptor":
                    // The tests' own process may have been started with such a one.
                    try await scene.run(
                        "token", "codex", "--json", "--passphrase-fd", "9", through: ["/bin/sh", "-c", "exec 9<&-; exec \"$@\"", "sh"])
                case "command": try await scene.run("token", "codex", "--json", "--passphrase-command", "false")
                case "deaf":
                    // Started by somebody who does not want to hear of children that end.
                    try await scene.run(
                        "token", "codex", "--json", "--passphrase-command", "false",
                        through: ["/bin/sh", "-c", "trap '' CHLD; exec \"$@\"", "sh"])
                default: try await scene.run("token", "codex", "--json", "--passphrase-fd", "3", descriptors: [3: []])
                }
            #expect(outcome.status == 4 && outcome.errorCode == "vault_unavailable", "\(outcome)")
        }
    }

    @Test("The first login without a vault and without a terminal is exit 4, names the command, and writes nothing")
    func nobodyChose() async throws {
        try await Scene.with(start: .empty) { scene in
            let refusal = Refusal(4, "vault_missing", "ai-usage-agent vault init --backend file --identity key-file")
            let outcome = try await scene.run("auth", "login", "codex", "--no-open", "--json")
            refusal.check(outcome)
            #expect(outcome.json["error"]["provider"] == "codex")
            refusal.checkText(try await scene.run("auth", "login", "codex", "--no-open"))
            #expect(!scene.home.exists(scene.home.metadataFile) && !scene.home.exists(scene.home.keyFile))
            #expect(try await scene.provider.statistics()["tokenRequests"] == 0)
        }
    }
}
