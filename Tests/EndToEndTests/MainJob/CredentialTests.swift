import Foundation
import Platform
import TestSupport
import Testing

@Suite("An identity that systemd hands over")
struct CredentialTests {
    @Test("With its credential the vault works; without it the vault is unavailable, says so, and makes no new key")
    func credential() async throws {
        try await Scene.with(start: .vault) { scene in
            // Any age identity will do; this one was made for a vault that never held anything.
            let key = try Data(contentsOf: URL(fileURLWithPath: scene.home.keyFile))
            for path in [scene.home.keyFile, scene.home.metadataFile] { try FileManager.default.removeItem(atPath: path) }
            let folder = scene.home.path + "/credentials"
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            _ = FileManager.default.createFile(
                atPath: folder + "/ai-usage-agent.identity", contents: key, attributes: [.posixPermissions: 0o400])
            scene.variables.withLock { $0["CREDENTIALS_DIRECTORY"] = folder }
            try await scene.require("vault", "init", "--backend", "file", "--identity", "systemd-credential")
            try await scene.login()
            let token = try await scene.require("token", "codex").text

            scene.variables.withLock { $0["CREDENTIALS_DIRECTORY"] = nil }
            let locked = try await scene.run("token", "codex", "--json")
            #expect(locked.status == 4 && locked.errorCode == "vault_unavailable", "\(locked)")
            #expect(locked.json["error"]["remedy"].string?.contains("LoadCredentialEncrypted=") == true)
            #expect(!scene.home.exists(scene.home.keyFile))

            scene.variables.withLock { $0["CREDENTIALS_DIRECTORY"] = folder }
            #expect(try await scene.require("token", "codex").text == token)
        }
    }

    /// The files of a person's home as systemd would hand them over.
    private func handOver(_ key: [UInt8], in scene: Scene) throws {
        let folder = scene.home.path + "/credentials"
        if !scene.home.exists(folder) { try scene.home.makeDirectory(folder) }
        try scene.home.write(key, to: folder + "/ai-usage-agent.identity", mode: 0o400)
        scene.variables.withLock { $0["CREDENTIALS_DIRECTORY"] = folder }
    }

    @Test("A vault goes from a key file to a credential with the same key and back, and to no other key (docs/headless.md)")
    func thereAndBack() async throws {
        try await Scene.with { scene in
            let token = try await scene.require("token", "codex").text
            let key = try scene.home.read(scene.home.keyFile)
            let there = ["vault", "migrate", "--to", "file", "--identity", "systemd-credential", "--json"]
            let before = scene.home.stores()
            let missing = try await scene.run(there)
            #expect(missing.status == 4 && missing.errorCode == "vault_unavailable", "\(missing)")
            let stranger = try await AgeKey(at: scene.home.path + "/stranger.txt")
            try handOver(try scene.home.read(stranger.path), in: scene)
            let foreign = try await scene.run(there)
            #expect(foreign.status == 65 && foreign.errorCode == "vault_foreign", "\(foreign)")
            #expect(scene.home.stores() == before)

            try scene.home.delete(scene.home.path + "/credentials")
            try handOver(key, in: scene)
            let moved = try await scene.run(there)
            #expect(moved.status == 0, "\(moved)")
            try scene.home.delete(scene.home.keyFile)
            #expect(try await scene.require("token", "codex").text == token)
            try await scene.require("auth", "refresh", "codex")
            let refused = try await scene.run("vault", "rekey", "--json")
            #expect(refused.status == 64 && refused.complaint.contains("--identity key-file"), "\(refused)")

            try await scene.require("vault", "migrate", "--to", "file", "--identity", "key-file")
            scene.variables.withLock { $0["CREDENTIALS_DIRECTORY"] = nil }
            #expect(try await scene.require("token", "codex").text != token)
            #expect(scene.home.exists(scene.home.keyFile))
        }
    }
}
