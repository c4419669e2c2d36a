import Platform
import TestSupport
import Testing

@Suite("vault change-passphrase")
struct PassphraseChangeTests {
    private static let second = "another horse and battery"

    @Test("The new passphrase opens the vault and the old one does not; a short one changes nothing")
    func change() async throws {
        try await VaultKind.passphrase.with(["ada"]) { scene, _ in
            let identity = scene.home.data + "/identity.age"
            let (stores, sealed) = (scene.home.stores(), try scene.home.read(identity))
            let short = await scene.finish(
                try scene.start(
                    ["vault", "change-passphrase", "--new-passphrase-fd", "3", "--json"], descriptors: [3: Array("short one".utf8)]))
            Refusal(64, "usage_error", "9 characters", "12").check(short)
            #expect(try scene.home.read(identity) == sealed)

            let outcome = await scene.finish(
                try scene.start(
                    ["vault", "change-passphrase", "--new-passphrase-fd", "3", "--json"], descriptors: [3: Array(Self.second.utf8)]))
            #expect(outcome.status == 0 && outcome.json["changed"] == true, "\(outcome)")
            #expect(scene.home.stores() == stores, "the same key under another passphrase")
            #expect(try scene.leftovers() == [])
            Refusal(4, "wrong_passphrase", "identity.age").check(try await scene.run("token", "codex", "--json"))
            try VaultKind.setPassphrase(Self.second, scene)
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test("Where no passphrase opens the vault it is refused with the way to one")
    func keyFile() async throws {
        try await Scene.with(start: .vault) { scene in
            let outcome = try await scene.run("vault", "change-passphrase", "--json")
            Refusal(64, "usage_error", "key-file", "vault migrate --to file --identity passphrase").check(outcome)
        }
    }

    @Test("A wrong old passphrase changes nothing")
    func wrong() async throws {
        try await VaultKind.passphrase.with([]) { scene, _ in
            let before = try scene.home.read(scene.home.data + "/identity.age")
            let outcome = await scene.finish(
                try scene.start(
                    ["vault", "change-passphrase", "--passphrase-fd", "4", "--new-passphrase-fd", "3", "--json"],
                    descriptors: [3: Array(Self.second.utf8), 4: Array("wrong horse battery staple".utf8)]))
            Refusal(4, "wrong_passphrase").check(outcome)
            #expect(try scene.home.read(scene.home.data + "/identity.age") == before)
        }
    }
}
