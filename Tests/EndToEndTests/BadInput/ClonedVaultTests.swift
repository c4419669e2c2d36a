import Foundation
import Platform
import TestSupport
import Testing

/// A vault whose files were copied to another machine, with all of its memories: the id of the machine is another one.
@Suite(
    "A vault on another machine",
    .enabled(if: OtherMachine.isPossible, "needs root that may mount, unshare, and a machine with an id"))
struct ClonedVaultTests {
    @Test("serves a live token with a warning, spends and writes nothing, and refreshes after adopt")
    func cloned() async throws {
        try await Scene.with { scene in
            let token = try await scene.require("token", "codex").text
            let elsewhere = try OtherMachine(scene.home, "0123456789abcdef0123456789abcdef").command
            let stores = scene.home.stores()
            let served = try await scene.run("token", "codex", through: elsewhere)
            #expect(served.status == 0 && served.text == token, "\(served)")
            #expect(served.errorText.contains("vault adopt"), "\(served)")
            for line in [["auth", "refresh", "codex", "--json"], ["auth", "logout", "codex", "--json"], ["vault", "rekey", "--json"]] {
                let outcome = await scene.finish(try scene.start(line, through: elsewhere))
                #expect(outcome.status == 65 && outcome.errorCode == "cloned_vault", "\(outcome)")
            }
            let another = try scene.start(
                ["vault", "migrate", "--to", "file", "--identity", "passphrase", "--passphrase-fd", "3", "--json"],
                descriptors: [3: Array("another horse and battery".utf8)], through: elsewhere)
            let migrated = await scene.finish(another)
            #expect(migrated.status == 65 && migrated.errorCode == "cloned_vault", "\(migrated)")
            #expect(!scene.home.exists(scene.home.data + "/identity.age"))
            let export = try await scene.run(
                "vault", "export", "--recipient", try #require(try scene.recipient()), "--output", scene.home.path + "/e.age", "--json",
                through: elsewhere)
            #expect(export.status == 0 && export.json["warning"].string?.contains("another machine") == true, "\(export)")
            let status = try await scene.run("vault", "status", "--json", through: elsewhere)
            #expect(status.json["findings"].array?.first?.string?.contains("another machine") == true, "\(status)")
            #expect(try await scene.require("vault", "status", "--json").json["findings"].array == [])
            #expect(scene.home.stores() == stores)
            #expect(try await scene.provider.statistics()["refreshRequests"] == 0)

            // Where it came from nothing has changed; and the copy works once somebody says that it is the one.
            let adopted = try await scene.run("vault", "adopt", through: elsewhere)
            #expect(adopted.status == 0, "\(adopted)")
            let refreshed = try await scene.run("auth", "refresh", "codex", through: elsewhere)
            #expect(refreshed.status == 0, "\(refreshed)")
            let back = try await scene.run("auth", "refresh", "codex", "--json")
            #expect(back.status == 65 && back.errorCode == "cloned_vault", "\(back)")
        }
    }
}
