import Glibc
import Platform
import TestSupport
import Testing

@Suite(
    "vault migrate, killed",
    .enabled(
        if: KeyringSession.isPossible && AgeKey.isPossible, "needs the keyring's programs, secret-tool and age (make test installs them)"))
struct MigrationKillTests {
    private static let toFile = ["vault", "migrate", "--to", "file", "--identity", "key-file"]
    private static let toKeyring = ["vault", "migrate", "--to", "keyring"]

    /// A keyring vault, its key in the keyring, with accounts that somebody exported elsewhere.
    private func withAccounts(_ count: Int, _ body: (Scene, KeyringSession) async throws -> Void) async throws {
        try await VaultKind.keyring.with([]) { scene, session in
            let key = try await AgeKey(at: scene.home.path + "/seal.txt")
            let file = scene.home.path + "/accounts.age"
            try await key.seal(SyntheticExport((0..<count).map { "p\($0)" }).text, to: file)
            // A file takes a thousand accounts in one write, a keyring one by one.
            try await scene.require("vault", "migrate", "--to", "file", "--identity", "key-file")
            try await scene.require("vault", "import", file, "--identity-file", key.path)
            try await body(scene, try #require(session))
        }
    }

    /// A keyring rewrites all of its items with each: a thousand take minutes on a busy machine.
    private static let patience = Duration.seconds(900)

    private func run(_ scene: Scene, _ line: [String]) async throws -> Outcome {
        await scene.finish(try scene.start(line, patience: Self.patience))
    }

    /// How long a whole migration takes: the shorter of two for each way.
    private func duration(_ scene: Scene) async throws -> [Int] {
        var shortest = [Int.max, Int.max]
        for _ in 0..<2 {
            for (way, line) in [Self.toKeyring, Self.toFile].enumerated() {
                let begin = TimeSource.system.elapsed()
                let outcome = try await run(scene, line)
                try #require(outcome.status == 0, "\(outcome)")
                let (seconds, attoseconds) = (TimeSource.system.elapsed() - begin).components
                shortest[way] = min(shortest[way], Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000))
            }
        }
        return shortest
    }

    private func kill(_ count: Int, accounts: Int, seed: UInt64) async throws {
        try await withAccounts(accounts) { scene, session in
            let before = try await scene.contents()
            #expect(before.bundles.count == accounts)
            let microseconds = try await duration(scene)
            var random = SeededNumbers(seed)
            var met = 0
            var switched = 0
            for index in 0..<count {
                let way = index % 2
                let line = way == 0 ? Self.toKeyring : Self.toFile
                let delay = random.next(below: microseconds[way])
                let child = try scene.start(line, patience: Self.patience)
                _ = await child.end(within: .microseconds(delay))
                child.signal(SIGKILL)
                if await child.finish().ending == .signalled(SIGKILL) { met += 1 }

                let status = try await scene.run("vault", "status", "--json")
                #expect(status.status == 0 && status.json["locked"] == false, "\(status)")
                let backend = status.json["backend"].string ?? "none"
                if backend == (way == 0 ? "keyring" : "file") { switched += 1 }
                #expect(try await scene.contents() == before, "kill \(index) after \(delay) us, \(backend)")

                let finished = try await run(scene, line + ["--json"])
                #expect(finished.status == 0 && finished.json["warning"].isNull, "kill \(index) after \(delay) us: \(finished)")
                // A test item whose writer was killed stays; it holds nothing and is never read.
                let items = try await session.itemCount()
                #expect(items == (way == 0 ? accounts + 1 : 0), "kill \(index) after \(delay) us")
                #expect(scene.home.exists(scene.home.sealedFile) == (way == 1))
                #expect(try scene.leftovers() == [])
            }
            #expect(met * 2 > count, "\(met) of \(count) met a running migration")
            Soak.report(
                "kills in vault migrate, \(accounts) accounts: \(met) of \(count) met it running, \(switched) found it switched; a run took \(microseconds) us"
            )
            #expect(try await scene.contents() == before)
        }
    }

    @Test("at any moment, it leaves one complete store that auth.json names, and the next one finishes and leaves nothing behind")
    func twenty() async throws { try await kill(Soak.isOn ? 200 : 20, accounts: 20, seed: 2026) }

    @Test("with a thousand accounts, too", .enabled(if: Soak.isOn, "make soak runs it"))
    func thousand() async throws { try await kill(6, accounts: 1000, seed: 7) }
}
