import Foundation
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
}
