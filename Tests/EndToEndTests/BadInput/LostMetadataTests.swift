import Glibc
import Platform
import TestSupport
import Testing

@Suite("A vault whose auth.json is gone")
struct LostMetadataTests {
    /// What is left of the vault, besides its key.
    enum Left: String, CaseIterable {
        case secrets, waitingSecrets, locks

        var word: String {
            switch self {
            case .secrets: "secrets.age is there"
            case .waitingSecrets: "secrets.age.next is there"
            case .locks: "accounts were stored"
            }
        }
    }

    @Test("is damaged for every command, nothing is made or changed, and auth.json put back is all it needs", arguments: Left.allCases)
    func lost(_ left: Left) async throws {
        try await Scene.with { scene in
            let home = scene.home
            let token = try await scene.require("token", "codex").text
            let (metadata, secrets) = (try home.read(home.metadataFile), try home.read(home.sealedFile))
            try home.delete(home.metadataFile)
            if left != .secrets { try home.delete(home.sealedFile) }
            if left == .waitingSecrets { try home.write(secrets, to: home.sealedFile + ".next") }
            let before = try home.entries().map(\.path)
            let refusal = Refusal(
                65, "vault_corrupt", "auth.json is gone", left.word, "restore auth.json from a backup", "nothing was changed")
            for command in [
                ["auth", "list"], ["usage"], ["status"], ["vault", "status"], ["token", "codex"], ["auth", "refresh", "codex"],
                ["auth", "logout", "codex"], ["auth", "use", "codex", "--auto"], ["auth", "login", "codex", "--no-open"],
                ["vault", "init", "--backend", "file", "--identity", "key-file"], ["vault", "unlock"], ["vault", "lock"],
                ["vault", "rekey"],
                ["vault", "migrate", "--to", "file"], ["vault", "adopt"],
            ] {
                refusal.check(try await scene.run(command + ["--json"]))
                refusal.checkText(try await scene.run(command))
            }
            #expect(try home.entries().map(\.path) == before)

            try home.write(metadata, to: home.metadataFile)
            try home.write(secrets, to: home.sealedFile)
            if left == .waitingSecrets { try home.delete(home.sealedFile + ".next") }
            #expect(try await scene.require("token", "codex").text == token)
        }
    }

    @Test(
        "A vault init that was killed before auth.json says how to go on, and the next one works",
        .enabled(if: SystemCalls.isPossible, Comment(rawValue: SystemCalls.missing)))
    func killedInit() async throws {
        try await Scene.with(start: .empty) { scene in
            let home = scene.home
            let line = ["vault", "init", "--backend", "file", "--identity", "passphrase", "--passphrase-fd", "3"]
            let passphrase: [Int32: [UInt8]] = [3: Array(VaultKind.firstPassphrase.utf8)]
            let killed = await scene.finish(
                try scene.start(
                    line, descriptors: passphrase, through: SystemCalls(home).killing(at: .rename(to: "auth.json"))))
            #expect(killed.ending == .signalled(SIGKILL), "\(killed)")
            let identity = home.data + "/identity.age"
            #expect(home.exists(identity) && !home.exists(home.metadataFile))
            let refusal = Refusal(65, "vault_corrupt", "auth.json is gone", "identity.age", "mv \(identity) \(identity).old")
            for command in [["auth", "list"], ["vault", "status"], ["vault", "init", "--backend", "file", "--identity", "key-file"]] {
                refusal.check(try await scene.run(command + ["--json"]))
            }
            try home.move(identity, to: identity + ".old")
            #expect(try await scene.require("vault", "status", "--json").json["backend"] == .null)
            let made = await scene.finish(try scene.start(line, descriptors: passphrase))
            #expect(made.status == 0, "\(made)")
        }
    }

    @Test(
        "While a vault init is at work there is no vault yet",
        .enabled(if: SystemCalls.isPossible, Comment(rawValue: SystemCalls.missing)))
    func runningInit() async throws {
        try await Scene.with(start: .empty) { scene in
            let calls = SystemCalls(scene.home)
            let child = try scene.start(
                ["vault", "init", "--backend", "file", "--identity", "passphrase", "--passphrase-fd", "3"],
                descriptors: [3: Array(VaultKind.firstPassphrase.utf8)], through: calls.halting(after: .rename(to: "identity.age")))
            #expect(await calls.halts(child))
            #expect(scene.home.exists(scene.home.data + "/identity.age"))
            let status = try await scene.run("vault", "status", "--json")
            #expect(status.status == 0 && status.json["backend"] == .null, "\(status)")
            await calls.go(child)
            let made = await scene.finish(child)
            #expect(made.status == 0, "\(made)")
            #expect(try await scene.require("vault", "status", "--json").json["identitySource"] == "passphrase")
        }
    }
}
