import Platform
import TestSupport
import Testing

@testable import Vault

struct MetadataFileTests {
    private static let account = """
        {"id": "00000000-0000-4000-8000-000000000001", "provider": "demo", "accountKey": "key-1", "authType": "oauth", "source": "agent-store", \
        "status": "active", "createdAt": "2026-11-21T09:05:59Z", "generation": 3
        """

    private static let file =
        "{\"schemaVersion\": 1, \"vault\": null, \"accounts\": [\(account)}], \"defaults\": {\"demo\": \"00000000-0000-4000-8000-000000000001\"}}"

    /// A home whose auth.json is the text.
    private func with(_ text: String, _ body: (VaultHome) async throws -> Void) async throws {
        try await VaultHome.with { home in
            try home.folder.makeFolder("data")
            try home.folder.makeFolder(VaultHome.data)
            try home.folder.write(text, VaultHome.metadataFile)
            try await body(home)
        }
    }

    @Test("Every field of an account survives the file")
    func roundTrip() async throws {
        try await VaultHome.withVault { home in
            var full = demoRecord(1, provider: "dé\"mo\u{202E}")
            full.providerAccountId = "org"
            full.email = "me@example.com"
            full.label = "wörk\n😀"
            full.plan = "plus"
            full.scopes = ["a", "b c", ""]
            full.expiresAt = Timestamp(milliseconds: 1_795_251_959_123)
            full.loginExpiresAt = Timestamp(seconds: 1)
            full.refreshable = true
            full.insecure = true
            full.status = .needsLogin
            full.statusReason = "because"
            full.refusedFingerprint = "0123456789abcdef"
            full.lastUsedAt = Timestamp(seconds: 2)
            full.lastRefreshAt = Timestamp(seconds: 3)
            full.generation = 42
            let account = full
            try await home.store.update { metadata in
                metadata.accounts = [account, demoRecord(2)]
                metadata.pins = ["demo": accountId(2), "x": accountId(1)]
            }
            let read = try home.store.read()
            #expect(read.accounts == [account, demoRecord(2)])
            #expect(read.pins == ["demo": accountId(2), "x": accountId(1)])
            #expect(read.vault != nil)
        }
    }

    @Test("Members that a newer version wrote survive a rewrite, in the file and in each account")
    func unknownMembers() async throws {
        let text = Self.file.replacing("\"generation\": 3", with: "\"generation\": 3, \"novel\": {\"a\": [1.50, null, \"\\u00e9\"]}")
            .replacing("{\"schemaVersion\"", with: "{\"future\": [true, 1e2, {\"x\": \"y\"}], \"schemaVersion\"")
        try await with(text) { home in
            try await home.store.update { $0.updateAccount(id: accountId(1)) { $0.generation += 1 } }
            let value = try JSONValue(parsing: String(decoding: try #require(home.folder.read(VaultHome.metadataFile)), as: UTF8.self))
            #expect(value["future"].compact == #"[true,1e2,{"x":"y"}]"#)
            let account = try #require(value["accounts"].array?.first)
            #expect(account["novel"].compact == #"{"a":[1.50,null,"é"]}"#)
            #expect(account["generation"] == 4)
        }
    }

    @Test("A file of a newer layout is refused, and neither a reader nor a writer touches it", arguments: [2, 1000])
    func newerSchema(_ version: Int) async throws {
        let text = Self.file.replacing("\"schemaVersion\": 1", with: "\"schemaVersion\": \(version)")
        try await with(text) { home in
            let error = await vaultError { _ = try home.store.read() }
            #expect(error?.code == .corrupt)
            #expect(error?.message.contains("\"schemaVersion\" is \(version)") == true)
            #expect(await vaultError { try await home.store.update { $0.accounts = [] } }?.code == .corrupt)
            #expect(await vaultError { _ = try await home.open() }?.code == .corrupt)
            #expect(await vaultError { _ = try await home.initialise(.keyFile(path: home.paths.defaultKeyFile)) }?.code == .corrupt)
            #expect(home.folder.read(VaultHome.metadataFile) == Array(text.utf8))
        }
    }

    /// What is replaced in the file, by what, and what the refusal must name.
    private static let malformed: [(String, String, String)] = [
        ("{\"schemaVersion\"", "{{\"schemaVersion\"", "line 1, column 2"),
        ("\"vault\": null", "\"vault\": null, \"vault\": null", "\"vault\" appears twice"),
        ("\"id\":", "\"id\": \"x\", \"\\u0069d\":", "\"id\" appears twice"),
        ("\"schemaVersion\": 1", "\"schemaVersion\": \"1\"", "\"schemaVersion\" is no whole number"),
        ("\"schemaVersion\": 1", "\"schemaVersion\": -1", "\"schemaVersion\" is no whole number"),
        ("\"schemaVersion\": 1, ", "", "\"schemaVersion\" is no whole number"),
        ("\"vault\": null", "\"vault\": []", "vault is no object"), ("\"vault\": null", "\"vault\": {}", "vault: \"id\" is missing"),
        ("\"accounts\": [", "\"accounts\": {}, \"x\": [", "\"accounts\" is no list"),
        ("\"accounts\": [", "\"accounts\": [1, ", "account is no object"),
        ("\"accounts\": [", "\"accounts\": [\(account)}, ", "holds an id twice"),
        ("\"defaults\": {", "\"defaults\": {\"x\": 1, ", "\"defaults\" holds something"),
        ("\"defaults\": {", "\"defaults\": [], \"x\": {", "\"defaults\" is no object"),
        ("\"provider\": \"demo\"", "\"provider\": 1", "\"provider\" is no string"),
        ("\"provider\": \"demo\"", "\"provider\": \"\"", "\"provider\" is missing or empty"),
        ("\"accountKey\": \"key-1\", ", "", "\"accountKey\" is missing"),
        ("\"authType\": \"oauth\"", "\"authType\": \"magic\"", "\"authType\" has the unknown value \"magic\""),
        ("\"status\": \"active\"", "\"status\": \"dead\"", "\"status\" has the unknown value"),
        ("\"status\": \"active\"", "\"status\": null", "\"status\" is missing"),
        ("\"generation\": 3", "\"generation\": 3.5", "\"generation\" is no whole number"),
        ("\"generation\": 3", "\"generation\": -3", "\"generation\" is no whole number"),
        ("2026-11-21T09:05:59Z", "yesterday", "\"createdAt\" is no ISO 8601 time"),
        ("\"createdAt\": \"2026-11-21T09:05:59Z\", ", "", "\"createdAt\" is missing"),
        ("\"generation\": 3", "\"generation\": 3, \"scopes\": \"a\"", "\"scopes\" is no list"),
        ("\"generation\": 3", "\"generation\": 3, \"scopes\": [1]", "\"scopes\" holds"),
        ("\"generation\": 3", "\"generation\": 3, \"refreshable\": 1", "\"refreshable\" is neither"),
        ("\"generation\": 3", "\"generation\": 3, \"email\": {}", "\"email\" is no string"),
        // The id becomes the name of a file.
        ("00000000-0000-4000-8000-000000000001\", \"provider", "../secrets.age\", \"provider", "\"id\""),
        ("00000000-0000-4000-8000-000000000001\", \"provider", "a/b\", \"provider", "\"id\""),
    ]

    @Test("What is wrong in the file is named, and the file stays as it is", arguments: malformed)
    func malformedMember(_ from: String, _ to: String, _ reason: String) async throws {
        let text = Self.file.replacing(from, with: to, maxReplacements: 1)
        try #require(text != Self.file)
        try await with(text) { home in
            let error = try #require(await vaultError { _ = try home.store.read() }, "it was read")
            #expect(error.code == .corrupt)
            #expect(error.message.hasPrefix(home.paths.metadataFile))
            #expect(error.message.contains(reason), "\(error.message)")
            #expect(await vaultError { try await home.store.update { $0.accounts = [] } }?.code == .corrupt)
            #expect(home.folder.read(VaultHome.metadataFile) == Array(text.utf8))
        }
    }

    @Test("The file itself is good, so that the refusals above are for their own reason")
    func good() async throws {
        try await with(Self.file) { home in
            let metadata = try home.store.read()
            #expect(metadata.account(id: accountId(1))?.generation == 3)
            #expect(metadata.pins == ["demo": accountId(1)])
        }
    }

    @Test("A file that others may read is not trusted, and an absent one is an empty store")
    func permissions() async throws {
        try await with(Self.file) { home in
            try home.folder.write(Self.file, VaultHome.metadataFile, mode: 0o644)
            #expect(await vaultError { _ = try home.store.read() }?.code == .corrupt)
        }
        try await VaultHome.with { home in
            let metadata = try home.store.read()
            #expect(metadata == Metadata())
        }
    }

    @Test("An update that changes nothing writes nothing, and one that throws neither")
    func noWrite() async throws {
        try await with(Self.file) { home in
            let inode = home.folder.inode(of: VaultHome.metadataFile)
            try await home.store.update { _ in }
            try await home.store.update { $0.updateAccount(id: "nobody") { $0.generation = 9 } }
            let error = await vaultError {
                try await home.store.update { (metadata) throws(VaultError) in
                    metadata.accounts = []
                    throw VaultError(.usage, "no", remedy: nil)
                }
            }
            #expect(error?.code == .usage)
            #expect(home.folder.inode(of: VaultHome.metadataFile) == inode)
            #expect(home.folder.read(VaultHome.metadataFile) == Array(Self.file.utf8))
        }
    }

    @Test("A store that has read the file before sees every change of it, also one in place that changes no length")
    func readAgain() async throws {
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            let store = home.store
            let before = try store.read()
            #expect(try store.read() == before)
            let text = String(decoding: try #require(home.folder.read(VaultHome.metadataFile)), as: UTF8.self)
            try #require(text.contains("key-1"))
            try home.folder.write(text.replacing("key-1", with: "key-2"), VaultHome.metadataFile)
            #expect(try store.read().accounts.map(\.accountKey) == ["key-2"])
            try home.folder.write(text.dropLast(2) + "  ", VaultHome.metadataFile)
            #expect(await vaultError { _ = try store.read() }?.code == .corrupt)
            try home.folder.write(text, VaultHome.metadataFile, mode: 0o644)
            #expect(await vaultError { _ = try store.read() }?.code == .corrupt, "others may write it")
            try home.folder.write(text, VaultHome.metadataFile)
            #expect(try store.read() == before)
            try await store.update { $0.pins["demo"] = accountId(1) }
            #expect(try store.read().pins == ["demo": accountId(1)])
        }
    }

    @Test("Removing an account removes what points at it")
    func removal() {
        var metadata = Metadata()
        metadata.accounts = [demoRecord(1), demoRecord(2)]
        metadata.pins = ["demo": accountId(1), "other": accountId(2)]
        metadata.removeAccount(id: accountId(1))
        #expect(metadata.accounts.map(\.id) == [accountId(2)])
        #expect(metadata.pins == ["other": accountId(2)])
    }
}
