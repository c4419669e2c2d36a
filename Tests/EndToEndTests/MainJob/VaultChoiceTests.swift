import Platform
import TestSupport
import Testing

@Suite("The question at a first login", .enabled(if: TerminalSession.isPossible, "\(TerminalSession.missing)"))
struct VaultChoiceTests {
    private func session(_ scene: Scene) throws -> TerminalSession {
        try TerminalSession("\(Program.path) vault init --backend file", environment: scene.home.environment)
    }

    @Test("is asked again after a wrong choice")
    func again() async throws {
        try await Scene.with(start: .empty) { scene in
            let session = try session(scene)
            try #require(await session.answer("Choose [1]:", with: "3"))
            try #require(await session.answer("Choose [1]:", 2, with: "key"))
            try #require(await session.answer("Choose [1]:", 3, with: "2"))
            let outcome = await session.finish()
            #expect(outcome.status == 0 && outcome.text.contains("Type 1 or 2."), "\(outcome)")
            #expect(scene.home.exists(scene.home.keyFile) && scene.home.exists(scene.home.metadataFile))
        }
    }

    @Test("is asked three times in all: then exit 64 with the command that needs no question, and nothing is made")
    func enough() async throws {
        try await Scene.with(start: .empty) { scene in
            let session = try session(scene)
            for number in 1...3 { try #require(await session.answer("Choose [1]:", number, with: "x")) }
            let outcome = await session.finish()
            #expect(outcome.status == 64, "\(outcome)")
            #expect(outcome.text.contains("ai-usage-agent vault init --backend file --identity key-file"), "\(outcome)")
            #expect(!scene.home.exists(scene.home.keyFile) && !scene.home.exists(scene.home.metadataFile))
        }
    }
}
