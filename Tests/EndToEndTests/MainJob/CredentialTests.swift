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
}
