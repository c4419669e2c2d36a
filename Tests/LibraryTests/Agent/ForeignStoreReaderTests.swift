import Platform
import Providers
import TestSupport
import Testing
import Vault

@testable import Agent

@Suite("A store that its program writes in place")
struct ForeignStoreReaderTests {
    /// A reader whose pauses are given to the test.
    private func reader(_ pause: @escaping @Sendable () -> Void) -> ForeignStoreReader {
        let time = TimeSource(
            now: TimeSource.system.now, elapsed: TimeSource.system.elapsed, sleep: { _ in pause() })
        return ForeignStoreReader(keyring: KeyringHelper(program: nil, environment: ProcessEnvironment([:]), time: time), time: time)
    }

    @Test("Half a file is read again, and the whole one that follows is taken", arguments: 1...3)
    func completed(_ pauses: Int) async throws {
        try await TemporaryFolder.with { folder in
            let whole = ForeignGrant.synthetic("ada").codex
            try folder.write(String(whole.dropLast(50)), "auth.json")
            let seen = Guarded(0)
            let reader = reader {
                seen.withLock { $0 += 1 }
                if seen.withLock({ $0 }) == pauses { try? folder.write(whole, "auth.json") }
            }
            let content = try await reader.read(.codex, ForeignPlace(.file, folder.file("auth.json")))
            #expect(content.reading.logins.count == 1 && seen.withLock { $0 } == pauses)
        }
    }

    @Test("A file that stays half is given up after three pauses, by name")
    func torn() async throws {
        try await TemporaryFolder.with { folder in
            try folder.write("{\"tokens\":", "auth.json")
            let seen = Guarded(0)
            let reader = reader { seen.withLock { $0 += 1 } }
            let problem = await #expect(throws: ForeignProblem.self) {
                _ = try await reader.read(.codex, ForeignPlace(.file, folder.file("auth.json")))
            }
            #expect(problem?.isAbsent == false && problem?.reason.contains(folder.file("auth.json")) == true)
            #expect(problem?.reason.contains("torn") == true && seen.withLock { $0 } == 3)
        }
    }

    @Test("Codex's item is named by the directory's real path, as Codex does it")
    func codexUser() {
        #expect(ForeignPlaces.codexUser("~/.codex") == "cli|940db7b1d0e4eb40")
    }
}
