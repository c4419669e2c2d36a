import Platform
import TestSupport
import Testing

@Suite("A passphrase that nobody thought of", .enabled(if: TerminalSession.isPossible, "\(TerminalSession.missing)"))
struct GeneratedPassphraseShownTests {
    @Test("Six words are shown on the terminal and nowhere else, and they open the vault")
    func shown() async throws {
        try await Scene.with(start: .empty) { scene in
            let (output, error) = (scene.home.path + "/stdout", scene.home.path + "/stderr")
            let session = try TerminalSession(
                "\(Program.path) vault init --backend file --identity passphrase >\(output) 2>\(error)", environment: scene.home.environment
            )
            try #require(await session.answer("empty: six random words", with: ""))
            let outcome = await session.finish()
            let found = outcome.text.firstMatch(of: /(?:[bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz]-?){6}/)
            let words = try #require(found.map { String($0.output) }, "\(outcome)")
            #expect(words.split(separator: "-").count == 6)
            #expect(outcome.status == 0 && outcome.text.contains("Write it down"), "\(outcome)")
            #expect(try scene.home.text(output).contains("The vault is ready"))
            #expect(try scene.home.search(for: [Needle(words)]) == [], "neither in the redirected streams nor in a file of ours")

            let login = try await HeadlessLogin(
                try scene.start(["auth", "login", "codex", "--no-open", "--passphrase-fd", "3"], descriptors: [3: Array(words.utf8)]))
            let opened = try await login.complete()
            #expect(opened.status == 0, "\(opened)")
        }
    }
}
