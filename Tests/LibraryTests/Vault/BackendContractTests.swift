import Platform
import TestSupport
import Testing

@testable import Vault

/// What every `SecretsBackend` promises; each test runs against the sealed file, a real gnome-keyring and a second,
/// scripted Secret Service.
@Suite("Every place for secrets", .serialized)
struct BackendContractTests {
    @Test(
        "gives back what was put, replaces it, keeps one of each account, and has nothing of an account it was not given",
        arguments: BackendUnderTest.possible)
    func putAndGet(kind: BackendUnderTest) async throws {
        try await kind.with { scene in
            #expect(try await scene.contents(1) == nil)
            #expect(try await scene.backend.list().isEmpty)
            #expect(try await scene.count() == 0)
            try await scene.put(demoBundle(1, access: "first"))
            #expect(try await scene.contents(1) == BundleContents(demoBundle(1, access: "first")))
            let second = demoBundle(1, access: "second", refresh: nil, id: "id", generation: 2)
            let contents = BundleContents(second)
            try await scene.put(second)
            #expect(try await scene.contents(1) == contents)
            #expect(try await scene.count() == 1)
            #expect(try await scene.contents(2) == nil)
        }
    }

    @Test("removes what it is told to and nothing else, and removing what is not there is no error", arguments: BackendUnderTest.possible)
    func delete(kind: BackendUnderTest) async throws {
        try await kind.with { scene in
            _ = try await scene.backend.delete(accountId(1))
            for number in 1...3 { try await scene.put(demoBundle(number, access: "access-\(number)")) }
            _ = try await scene.backend.delete(accountId(2))
            _ = try await scene.backend.delete(accountId(2))
            _ = try await scene.backend.delete(accountId(9))
            #expect(try await scene.contents(2) == nil)
            #expect(try await scene.contents(1)?.access == "access-1")
            #expect(try await scene.contents(3)?.access == "access-3")
            #expect(try await Set(scene.backend.list().map(\.accountId)) == [accountId(1), accountId(3)])
            #expect(try await scene.count() == 2)
            try await scene.put(demoBundle(2, access: "again"))
            #expect(try await scene.contents(2)?.access == "again")
        }
    }

    @Test("takes many at once, lists all of them, and tells their generations", arguments: BackendUnderTest.possible)
    func many(kind: BackendUnderTest) async throws {
        try await kind.with { scene in
            try await scene.put(demoBundle(2, access: "old"))
            var boxes: [BundleBox] = []
            for number in 1...5 { boxes.append(BundleBox(demoBundle(number, access: "access-\(number)", generation: number * 10))) }
            _ = try await scene.backend.putAll(boxes)
            #expect(try await scene.count() == 5)
            let all = try await scene.backend.getAll().map { BundleContents($0.bundle) }
            #expect(all.sorted { $0.access < $1.access } == boxes.map { BundleContents($0.bundle) })
            let facts = try await scene.backend.list()
            #expect(facts.map(\.generation).sorted() == [10, 20, 30, 40, 50])
            #expect(facts.sorted { $0.generation < $1.generation } == boxes.map { $0.bundle.facts })
            _ = try await scene.backend.putAll([])
            #expect(try await scene.count() == 5)
        }
    }

    @Test("keeps a bundle of 100 KB and every character", arguments: BackendUnderTest.possible)
    func sizeAndCharacters(kind: BackendUnderTest) async throws {
        try await kind.with { scene in
            var strange = demoBundle(1, access: "a\"\\/\u{1}\n\t é😀", refresh: String(repeating: "ü", count: 50_000), id: "")
            strange.facts.label = "Büro 😀 \u{1B}[31m\u{202E}\"\\"
            strange.facts.email = "mé@example.com"
            strange.facts.scopes = ["openid", "a b", "ü"]
            strange.facts.origins = ["token": "https://t.example", "q\"": "x"]
            strange.facts.expiresAt = Timestamp(milliseconds: 1_795_251_959_123)
            let contents = BundleContents(strange)
            try await scene.put(strange)
            #expect(try await scene.contents(1) == contents)
            #expect(try await scene.backend.getAll().map { BundleContents($0.bundle) } == [contents])
        }
    }

    /// Everything that can be asked of a backend.
    private static func failures(_ scene: BackendScene) async -> [VaultError.Code?] {
        [
            await vaultError { _ = try await scene.contents(1) }, await vaultError { _ = try await scene.contents(2) },
            await vaultError { _ = try await scene.backend.list() }, await vaultError { _ = try await scene.backend.getAll() },
            await vaultError { try await scene.put(demoBundle(1, access: "new")) }, await vaultError { try await scene.put(demoBundle(2)) },
            await vaultError { _ = try await scene.backend.putAll([BundleBox(demoBundle(3))]) },
            await vaultError { _ = try await scene.backend.delete(accountId(1)) },
            await vaultError { _ = try await scene.backend.delete(accountId(2)) },
        ].map(\.?.code)
    }

    @Test("that is locked says so to every question, and never that something is absent", arguments: BackendUnderTest.keyrings)
    func locked(kind: BackendUnderTest) async throws {
        try await kind.with { scene in
            try await scene.put(demoBundle(1))
            try await scene.lock()
            let codes = await Self.failures(scene)
            #expect(codes.allSatisfy { $0 == .locked }, "\(codes)")
        }
    }

    @Test("that cannot be reached says so to every question, and never that something is absent", arguments: BackendUnderTest.keyrings)
    func unreachable(kind: BackendUnderTest) async throws {
        try await kind.with { scene in
            try await scene.put(demoBundle(1))
            await scene.stop()
            let codes = await Self.failures(scene)
            #expect(codes.allSatisfy { $0 == .unavailable }, "\(codes)")
        }
    }

    // Cases that this machine lacks programs for are not run; these two say so.

    @Test(
        "is a real gnome-keyring, too",
        .enabled(if: BackendUnderTest.gnomeKeyring.isPossible, "needs dbus-daemon, gnome-keyring and ai-usage-keyring beside AUA_PROGRAM"))
    func gnomeKeyring() { #expect(BackendUnderTest.keyrings.contains(.gnomeKeyring)) }

    @Test(
        "is a second Secret Service, too",
        .enabled(
            if: BackendUnderTest.scriptedKeyring.isPossible, "needs dbus-daemon, AUA_PYTHON and ai-usage-keyring beside AUA_PROGRAM"))
    func scriptedKeyring() { #expect(BackendUnderTest.keyrings.contains(.scriptedKeyring)) }
}
