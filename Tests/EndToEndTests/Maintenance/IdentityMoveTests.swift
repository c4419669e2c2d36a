import Platform
import TestSupport
import Testing

@Suite("vault migrate to another key source")
struct IdentityMoveTests {
    @Test("A file vault goes from a key file to a passphrase and back: each time only the new source is asked")
    func thereAndBack() async throws {
        try await VaultKind.keyFile.with(["ada"]) { scene, _ in
            let token = try await scene.require("token", "codex").text
            let passphrase = Array(VaultKind.firstPassphrase.utf8)
            let recipient = try scene.recipient()
            let moved = await scene.finish(
                try scene.start(
                    ["vault", "migrate", "--to", "file", "--identity", "passphrase", "--passphrase-fd", "3", "--json"],
                    descriptors: [3: passphrase]))
            #expect(moved.status == 0 && moved.json["identitySource"] == "passphrase" && moved.json["moved"] == true, "\(moved)")
            // The key file is the person's to remove.
            try scene.home.delete(scene.home.keyFile)
            #expect(try await scene.run("token", "codex", "--json").errorCode == "vault_locked")
            let again = await scene.finish(
                try scene.start(
                    ["vault", "migrate", "--to", "file", "--identity", "passphrase", "--passphrase-fd", "3", "--json"],
                    descriptors: [3: passphrase]))
            #expect(again.status == 0 && again.json["moved"] == false, "\(again)")

            let back = await scene.finish(
                try scene.start(
                    ["vault", "migrate", "--to", "file", "--identity", "key-file", "--passphrase-fd", "3"], descriptors: [3: passphrase]))
            #expect(back.status == 0, "\(back)")
            #expect(try scene.recipient() == recipient, "the key itself stays")
            #expect(try await scene.require("token", "codex").text == token)
            try await scene.require("auth", "refresh", "codex")
            try await scene.require("vault", "rekey")
        }
    }

    @Test("A passphrase that is too short moves nothing")
    func short() async throws {
        try await VaultKind.keyFile.with([]) { scene, _ in
            let stores = scene.home.stores()
            let outcome = await scene.finish(
                try scene.start(
                    ["vault", "migrate", "--to", "file", "--identity", "passphrase", "--passphrase-fd", "3", "--json"],
                    descriptors: [3: Array("short one".utf8)]))
            Refusal(64, "usage_error", "12").check(outcome)
            #expect(scene.home.stores() == stores && !scene.home.exists(scene.home.data + "/identity.age"))
        }
    }

    @Test("A key file's place that is somebody's is refused, and a file vault cannot have its key in the keyring")
    func refused() async throws {
        try await VaultKind.keyFile.with([]) { scene, _ in
            let stores = scene.home.stores()
            let other = scene.home.path + "/other.txt"
            try scene.home.write(Array("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX".utf8), to: other)
            let content = try scene.home.read(other)
            let occupied = try await scene.run("vault", "migrate", "--to", "file", "--key-file", other, "--json")
            #expect(occupied.status == 64 || occupied.status == 65, "\(occupied)")
            #expect(try scene.home.read(other) == content)
            Refusal(64, "usage_error", "file vault").check(
                try await scene.run("vault", "migrate", "--to", "file", "--identity", "keyring", "--json"))
            #expect(scene.home.stores() == stores)
        }
    }
}
