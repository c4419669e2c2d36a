import Platform
import TestSupport
import Testing

@Suite(
    "A command during which the vault is rekeyed or moved",
    .enabled(if: SystemCalls.isPossible, "\(SystemCalls.missing)"))
struct MeanwhileTests {
    /// What happens to the vault while a command halts.
    enum Change: String, CaseIterable, CustomTestStringConvertible {
        case rekey, migrate, changeSource
        var testDescription: String { rawValue }
    }

    /// Where a command looks at the vault's files, before it holds a lock: nothing keeps a rekeying away.
    private func looks(_ scene: Scene, _ command: [String]) async throws -> [SystemCalls.Point] {
        let calls = SystemCalls(scene.home, "plain")
        let outcome = await scene.finish(try scene.start(command, through: calls.watching(SystemCalls.looks)))
        try #require(outcome.status == 0, "\(outcome)")
        let all = calls.calls()
        let first = try #require(all.firstIndex { $0.text.contains("auth.json") })
        let last = all.firstIndex(where: Self.isFlight) ?? all.endIndex
        return all[first..<last].map { .init($0.name, $0.number) }
    }

    /// From here on nobody changes the vault as a whole.
    private static func isFlight(_ call: SystemCalls.Call) -> Bool { call.text.contains("\"flight\"") }

    private static let cases: [([String], Change)] = [
        (["token", "codex"], .rekey), (["auth", "refresh", "codex"], .rekey), (["token", "codex"], .migrate),
        (["auth", "refresh", "codex"], .changeSource),
    ]

    @Test("halted at any look at the files, it goes on afterwards as if nothing had been", arguments: cases)
    func anywhere(_ command: [String], _ change: Change) async throws {
        let kind: VaultKind = change == .migrate && KeyringSession.isPossible ? .keyringWithKeyFile : .keyFile
        try await kind.with(["ada"]) { scene, _ in
            var met = 0
            var target = "file"
            for (index, point) in try await looks(scene, command).enumerated() {
                let calls = SystemCalls(scene.home, "trace-\(index)")
                let child = try scene.start(command, through: calls.halting(after: point))
                // Which thread makes a call is not the same in each run.
                guard await calls.halts(child), !calls.calls().contains(where: Self.isFlight) else {
                    await calls.go(child)
                    continue
                }
                met += 1
                switch change {
                case .rekey: try await scene.require("vault", "rekey")
                case .migrate:
                    let identity = target == "file" ? ["--identity", "key-file"] : []
                    let moved = try await scene.run(["vault", "migrate", "--to", target] + identity)
                    #expect(moved.status == 0, "\(moved)")
                    target = target == "file" ? "keyring" : "file"
                case .changeSource:
                    let path = scene.home.path + "/keys/\(met).txt"
                    try await scene.require("vault", "migrate", "--to", "file", "--identity", "key-file", "--key-file", path)
                    // A source that was moved away is as good as none.
                    try scene.home.delete(met == 1 ? scene.home.keyFile : scene.home.path + "/keys/\(met - 1).txt")
                }
                await calls.go(child)
                let outcome = await scene.finish(child)
                #expect(outcome.status == 0, "after \(point): \(outcome)")
            }
            #expect(met >= 5, "met at \(met) places")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refused"] == 0 && statistics["bodiesSeenTwice"] == 0, "\(statistics)")
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test("finds its key also where the rekeying was halted between auth.json and the end, and goes on in between")
    func inBetween() async throws {
        try await VaultKind.keyFile.with(["ada"]) { scene, _ in
            let token = try await scene.require("token", "codex").text
            let points = try await looks(scene, ["token", "codex"])
            for rename in Soak.isOn ? ["auth.json", "secrets.age"] : ["auth.json"] {
                for (index, point) in points.enumerated() {
                    let rekeying = SystemCalls(scene.home, "rekey-\(rename)-\(index)")
                    let reading = SystemCalls(scene.home, "token-\(rename)-\(index)")
                    let rekey = try scene.start(["vault", "rekey"], through: rekeying.halting(after: .rename(to: rename)))
                    try #require(await rekeying.halts(rekey))
                    let child = try scene.start(["token", "codex"], through: reading.halting(after: point))
                    // It halts, or it waits for the lock that the rekeying holds, to tidy up.
                    var isWaiting = false
                    while !isWaiting, !child.hasEnded {
                        isWaiting = reading.isHalted || reading.calls().contains { $0.text.contains("\"vault\"") }
                        if !isWaiting { await TimeSource.system.sleep(.milliseconds(2)) }
                    }
                    await rekeying.go(rekey)
                    let rekeyed = await scene.finish(rekey)
                    #expect(rekeyed.status == 0, "\(rekeyed)")
                    await reading.go(child)
                    let outcome = await scene.finish(child)
                    #expect(outcome.status == 0 && outcome.text == token, "\(rename), \(point): \(outcome)")
                }
            }
            #expect(try scene.leftovers() == [])
        }
    }

    @Test("A login whose browser is still open is stored after the rekeying", arguments: [VaultKind.keyFile, .passphrase])
    func login(_ kind: VaultKind) async throws {
        try await kind.with([]) { scene, _ in
            // From a descriptor, which gives its passphrase only once.
            let passphrase = kind == .passphrase ? ["--passphrase-fd", "3"] : []
            let login = try await HeadlessLogin(
                try scene.start(
                    ["auth", "login", "codex", "--no-open"] + passphrase, descriptors: [3: Array(VaultKind.firstPassphrase.utf8)]))
            try await scene.require("vault", "rekey")
            let outcome = try await login.complete()
            #expect(outcome.status == 0, "\(outcome)")
            try await scene.require("auth", "refresh", "codex")
        }
    }
}
