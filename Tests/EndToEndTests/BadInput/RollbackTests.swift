import Foundation
import Glibc
import Platform
import TestSupport
import Testing

@Suite("An older copy of the vault")
struct RollbackTests {
    @Test("A live token is served with a warning, nothing is refreshed or written, and adopt is the way out")
    func replayed() async throws {
        try await Scene.with { scene in
            let old = try Data(contentsOf: URL(fileURLWithPath: scene.home.sealedFile))
            let oldToken = try await scene.require("token", "codex").text
            try await scene.require("auth", "refresh", "codex")
            try old.write(to: URL(fileURLWithPath: scene.home.sealedFile))
            let served = try await scene.run("token", "codex")
            #expect(served.status == 0 && served.text == oldToken)
            #expect(served.errorText.contains("restored backup") && served.errorText.contains("vault adopt"))
            for arguments in [
                ["auth", "refresh", "codex", "--json"], ["auth", "login", "codex", "--no-open", "--json"],
                ["auth", "logout", "codex", "--json"],
            ] {
                let outcome = try await scene.run(arguments)
                #expect(outcome.status == 65 && outcome.errorCode == "rollback_suspected", "\(outcome)")
            }
            #expect(try await scene.provider.statistics()["refreshRequests"] == 1, "the old refresh token was not spent")
            #expect(try Data(contentsOf: URL(fileURLWithPath: scene.home.sealedFile)) == old)
            try await scene.require("vault", "adopt")
            #expect(try await scene.require("token", "codex").errorText.isEmpty)
            // The token of the copy was spent; the way on is a login.
            #expect(try await scene.run("auth", "refresh", "codex").status == 3)
            try await scene.login()
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test("Both memories are needed to miss it: an older auth.json alone hides nothing")
    func withMetadata() async throws {
        try await Scene.with { scene in
            let files = [scene.home.sealedFile, scene.home.metadataFile]
            let old = try files.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
            try await scene.require("auth", "refresh", "codex")
            for (path, content) in zip(files, old) { try content.write(to: URL(fileURLWithPath: path)) }
            let outcome = try await scene.run("auth", "refresh", "codex", "--json")
            #expect(outcome.status == 65 && outcome.errorCode == "rollback_suspected", "\(outcome)")
        }
    }

    /// Every file of the vault and its key, by path.
    private func files(_ scene: Scene) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for entry in try scene.home.entries() where !entry.isDirectory && !entry.path.contains("/locks/") {
            files[entry.path] = try scene.home.read(entry.path)
        }
        return files
    }

    /// Logs in, refreshes, and puts `secrets.age` back as it was in between.
    private func withOlderCopy(_ kind: VaultKind, _ body: (Scene) async throws -> Void) async throws {
        try await kind.with(["ada"]) { scene, _ in
            let old = try scene.home.read(scene.home.sealedFile)
            try await scene.require("auth", "refresh", "codex")
            try scene.home.write(old, to: scene.home.sealedFile)
            try await body(scene)
        }
    }

    @Test("What opens it is not changed", arguments: [VaultKind.keyFile, .passphrase])
    func maintenance(_ kind: VaultKind) async throws {
        try await withOlderCopy(kind) { scene in
            let another = Array("another horse and battery".utf8)
            let (line, descriptors): ([String], [Int32: [UInt8]]) =
                kind == .passphrase
                ? (["vault", "change-passphrase", "--new-passphrase-fd", "3"], [3: another])
                : (["vault", "migrate", "--to", "file", "--identity", "passphrase", "--passphrase-fd", "3"], [3: another])
            let before = try files(scene)
            for line in [line, ["vault", "migrate", "--to", "file"]] {
                let child = try scene.start(line + ["--json"], descriptors: line.contains("3") ? descriptors : [:])
                Refusal(65, "rollback_suspected", "restored backup", "vault adopt").check(await scene.finish(child))
                #expect(try files(scene) == before)
            }
            // Adopting is the way on, for them too.
            try await scene.require("vault", "adopt")
            let after = await scene.finish(try scene.start(line, descriptors: descriptors))
            #expect(after.status == 0, "\(after)")
        }
    }

    @Test("An export is made, and says that its tokens may be spent")
    func export() async throws {
        try await withOlderCopy(.keyFile) { scene in
            func export(_ name: String, _ options: [String] = []) async throws -> Outcome {
                let recipient = try #require(try scene.recipient())
                return try await scene.run(
                    ["vault", "export", "--recipient", recipient, "--output", scene.home.path + "/" + name] + options)
            }
            let told = try await export("told.age", ["--json"])
            #expect(told.status == 0 && told.json["warning"].string?.contains("may be spent") == true, "\(told)")
            let text = try await export("text.age")
            #expect(text.status == 0 && text.errorText.contains("warning: ") && text.errorText.contains("may be spent"), "\(text)")
            try await scene.require("vault", "adopt")
            let adopted = try await export("adopted.age", ["--json"])
            #expect(adopted.status == 0 && adopted.json["warning"] == .null, "\(adopted)")
        }
    }

    @Test("An account that it is too old to hold is not taken for one whose tokens are gone")
    func younger() async throws {
        try await VaultKind.keyFile.with(["ada"]) { scene, _ in
            let old = try scene.home.read(scene.home.sealedFile)
            try await scene.login("codex", as: "bob")
            let metadata = try scene.home.read(scene.home.metadataFile)
            try scene.home.write(old, to: scene.home.sealedFile)
            Refusal(65, "rollback_suspected", "restored backup").check(
                try await scene.run("token", "codex", "--account", "bob", "--json"))
            #expect(try scene.home.read(scene.home.metadataFile) == metadata)
        }
    }

    /// What `vault status` finds, and the status of the accounts in `auth list`.
    private func shown(_ scene: Scene) async throws -> (findings: [String], statuses: [String?], reasons: [String?]) {
        let status = try await scene.require("vault", "status", "--json").json
        let accounts = try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
        return (
            status["findings"].array?.compactMap(\.string) ?? [], accounts.map { $0["status"].string },
            accounts.map { $0["statusReason"].string }
        )
    }

    @Test("Commands that only read show it, and that it is no more after adopt", arguments: [VaultKind.keyFile, .passphrase])
    func shown(_ kind: VaultKind) async throws {
        try await withOlderCopy(kind) { scene in
            let shown = try await shown(scene)
            #expect(shown.findings.count == 1 && shown.findings[0].contains("secrets.age"), "\(shown)")
            #expect(shown.findings[0].contains(kind == .keyFile ? "generation 1, but generation 2" : "older copy"), "\(shown)")
            #expect(shown.statuses == ["unknown"] && shown.reasons == ["rollback_suspected"])
            #expect(try await scene.require("vault", "status").text.contains("finding     "))
            try await scene.require("vault", "adopt")
            let adopted = try await self.shown(scene)
            #expect(adopted.findings.isEmpty && adopted.statuses == ["active"], "\(adopted)")
        }
    }

    @Test(
        "A change that was cut off behind secrets.age is none",
        .enabled(if: SystemCalls.isPossible, Comment(rawValue: SystemCalls.missing)),
        arguments: [
            (VaultKind.keyFile, ["refresh", "codex", "--account", "ada"]), (.passphrase, ["refresh", "codex", "--account", "ada"]),
            (.keyFile, ["logout", "codex", "--account", "bob"]),
        ])
    func cutOff(_ kind: VaultKind, _ command: [String]) async throws {
        try await kind.with(["bob", "ada"]) { scene, _ in
            let before = scene.home.stores()
            let calls = SystemCalls(scene.home)
            let outcome = await scene.finish(
                try scene.start(["auth"] + command, through: calls.killing(at: .rename(to: "auth.json"))))
            #expect(outcome.ending == .signalled(SIGKILL), "\(outcome)")
            let after = scene.home.stores()
            #expect(after[scene.home.sealedFile] != before[scene.home.sealedFile], "the new file is in place")
            #expect(after[scene.home.metadataFile] == before[scene.home.metadataFile], "and auth.json does not know it")
            let shown = try await shown(scene)
            #expect(shown.findings.isEmpty && !shown.reasons.contains("rollback_suspected"), "\(shown)")
        }
    }
}
