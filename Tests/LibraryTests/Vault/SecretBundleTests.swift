import Platform
import TestSupport
import Testing

@testable import Vault

struct SecretBundleTests {
    private func full() -> SecretBundle {
        var bundle = demoBundle(1, access: "a\"\\/\u{1}\n\t é😀", refresh: String(repeating: "r", count: 9000), id: "eyJ.x.y")
        bundle.facts.providerAccountId = "org-1"
        bundle.facts.email = "mé@example.com"
        bundle.facts.label = "\u{1B}[31m\u{202E}\"\\"
        bundle.facts.scopes = ["openid", "a b", "ü"]
        bundle.facts.tokenType = "bearer"
        bundle.facts.issuer = "https://issuer.example"
        bundle.facts.origins = ["token": "https://t.example", "usage": "https://u.example:8443", "q\"": "x"]
        bundle.facts.expiresAt = Timestamp(milliseconds: 1_795_251_959_123)
        bundle.facts.generation = 7
        bundle.facts.awaitsBlanking = "codex"
        return bundle
    }

    @Test("Every field of a bundle survives the file, whatever characters it is made of")
    func roundTrip() async throws {
        try await VaultHome.withVault { home in
            let written = BundleContents(full())
            try await home.open().commit(full()) { $0.accounts.append(demoRecord(1)) }
            #expect(try await home.open().contents(1) == written)
            let facts = try await home.open().backend.list()
            #expect(facts == [written.facts])
        }
    }

    @Test("A bundle without refresh and id token stays one without")
    func onlyAccess() async throws {
        try await VaultHome.withVault { home in
            try await home.open().add(1, access: "only", refresh: nil)
            let contents = try #require(try await home.open().contents(1))
            #expect(contents.access == "only")
            #expect(contents.refresh == nil && contents.id == nil)
        }
    }

    @Test("Accounts do not touch each other when they come, change and go")
    func independence() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            for number in 1...3 { try await vault.add(number, access: "access-\(number)", refresh: "refresh-\(number)") }
            try await vault.add(2, access: "changed", refresh: nil)
            try await vault.remove(accountId(1))
            try await vault.remove(accountId(9))
            let again = try await home.open()
            #expect(try await again.contents(1) == nil)
            #expect(try await again.contents(2)?.access == "changed")
            #expect(try await again.contents(3)?.refresh == "refresh-3")
            #expect(try await again.contents(4) == nil)
            #expect(try home.store.read().accounts.map(\.id).sorted() == [accountId(2), accountId(3)])
            #expect(try home.store.read().vault?.generation == 6, "one more with every write")
        }
    }

    @Test("A commit tells auth.json the generation and the hash of what it wrote")
    func record() async throws {
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            let file = try #require(home.folder.read(VaultHome.sealedFile))
            let record = try #require(try home.store.read().vault)
            #expect(record.generation == 1)
            #expect(record.sealedSha256 == Hex.encode(SHA256.hash(file.span).span))
            #expect(home.folder.mode(of: VaultHome.sealedFile) == 0o600)
            _ = try await home.open()
        }
    }

    @Test("Two bundles are equal when facts and every secret are")
    func equality() {
        func same(_ other: consuming SecretBundle) -> Bool { SecretBundle.equal(demoBundle(1, id: "id"), other) }
        #expect(same(demoBundle(1, id: "id")) == true)
        #expect(same(demoBundle(1, id: "id").duplicate()) == true)
        #expect(same(demoBundle(1)) == false)
        #expect(same(demoBundle(1, id: "ie")) == false)
        #expect(same(demoBundle(1, access: "b", id: "id")) == false)
        #expect(same(demoBundle(1, refresh: nil, id: "id")) == false)
        #expect(same(demoBundle(1, refresh: "x", id: "id")) == false)
        #expect(same(demoBundle(1, id: "id", generation: 2)) == false)
        #expect(same(demoBundle(2, id: "id")) == false)
    }

    @Test("No token stands in any file in the clear, nor in base64 or hexadecimal")
    func neverInTheClear() async throws {
        try await VaultHome.withVault { home in
            let tokens = ["access-token-canary-1234", "refresh-token-canary-5678"]
            let vault = try await home.open()
            try await vault.add(1, access: tokens[0], refresh: tokens[1])
            let intent = demoIntent("f")
            try vault.journal.begin(intent, accountId(1), tokenSizes: 100)
            try vault.journal.write(
                demoBundle(1, access: tokens[0], refresh: tokens[1], generation: 2), for: intent)
            let files = home.folder.allFiles()
            #expect(files.count >= 6)
            for (name, bytes) in files {
                let content = String(decoding: bytes, as: UTF8.self)
                for token in tokens {
                    let plain = Array(token.utf8)
                    for form in [token, Base64.encode(plain.span), Hex.encode(plain.span)] { #expect(!content.contains(form), "\(name)") }
                }
            }
        }
    }
}
