import Age
import Glibc
import Platform
import TestSupport
import Testing

@testable import Vault

struct KeyFileVaultTests {
    @Test("A new vault has a standard age identity file, 0600 and apart from what it opens")
    func newVault() async throws {
        try await VaultHome.with { home in
            let record = try await home.initialise(.keyFile(path: home.paths.defaultKeyFile))
            #expect(home.folder.mode(of: VaultHome.keyFile) == 0o600)
            #expect(home.folder.mode(of: "config/ai-usage-agent") == 0o700)
            #expect(home.folder.mode(of: VaultHome.metadataFile) == 0o600)
            #expect(home.folder.mode(of: VaultHome.data) == 0o700)
            let lines = String(decoding: try #require(home.folder.read(VaultHome.keyFile)), as: UTF8.self).split(separator: "\n")
            #expect(lines.count == 4 && lines[3].hasPrefix("#"), "age-keygen's three lines, and whose key it is")
            #expect(lines[0].wholeMatch(of: /# created: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil)
            #expect(lines[1] == "# public key: \(record.recipient)")
            #expect(lines[2].wholeMatch(of: /AGE-SECRET-KEY-1[0-9A-Z]{58}/) != nil)
            #expect(try home.keys().recipient.text == record.recipient)

            #expect(record.backend == .file && record.identitySource == .keyFile && record.generation == 0)
            #expect(record.keyFile == home.paths.defaultKeyFile)
            #expect(try home.store.read().vault == record)
            let open = try await home.open()
            #expect(open.id == record.id)
            #expect(try await open.contents(1) == nil)
            let secretLine = String(lines[2])
            for (name, bytes) in home.folder.allFiles() where name != VaultHome.keyFile {
                #expect(!String(decoding: bytes, as: UTF8.self).contains(secretLine), "\(name)")
            }
        }
    }

    @Test("A key file that is there already is used and not changed")
    func existingKey() async throws {
        try await VaultHome.with { home in
            let identity = AgeIdentity.generate()
            let content = "# my own key\r\n\n" + text(identity.encoded()) + "\n"
            try home.folder.makeFolder("keys")
            try home.folder.write(content, "keys/mine.txt")
            let record = try await home.initialise(.keyFile(path: home.folder.file("keys/mine.txt")))
            #expect(record.recipient == identity.recipient.text)
            #expect(home.folder.read("keys/mine.txt") == Array(content.utf8))
            _ = try await home.open()
        }
    }

    @Test(
        "An existing file that is no private age identity file is refused and not changed", arguments: ["notes", "", "AGE-SECRET-KEY-1X"])
    func existingOther(_ content: String) async throws {
        try await VaultHome.with { home in
            try home.folder.write(content, "key.txt")
            let error = await vaultError { _ = try await home.initialise(.keyFile(path: home.folder.file("key.txt"))) }
            #expect(error?.code == .corrupt)
            #expect(home.folder.read("key.txt") == Array(content.utf8))
            #expect(home.folder.read(VaultHome.metadataFile) == nil)

            try home.folder.write(copy(AgeIdentity.generate().identityFile(created: "now")), "open.txt", mode: 0o644)
            let open = await vaultError { _ = try await home.initialise(.keyFile(path: home.folder.file("open.txt"))) }
            #expect(open?.code == .corrupt)
            #expect(open?.message.contains("chmod 600") == true)
        }
    }

    @Test(
        "The key file must not stand beside what it opens, however its path is written",
        arguments: [
            "data/ai-usage-agent/identity.txt", "data/ai-usage-agent/deep/identity.txt", "data/../data/ai-usage-agent/identity.txt",
            "data//ai-usage-agent/identity.txt", "data/./ai-usage-agent/identity.txt",
        ])
    func besideTheData(_ name: String) async throws {
        try await VaultHome.with { home in
            let error = await vaultError { _ = try await home.initialise(.keyFile(path: home.folder.file(name))) }
            #expect(error?.code == .usage)
            #expect(home.folder.allFiles().keys.contains { $0.hasSuffix("identity.txt") } == false)
            #expect(home.folder.read(VaultHome.metadataFile) == nil)
        }
    }

    @Test("A key file needs an absolute path with a name", arguments: ["identity.txt", "~/identity.txt", "", "./x"])
    func relativePath(_ path: String) async throws {
        try await VaultHome.with { home in
            #expect(await vaultError { _ = try await home.initialise(.keyFile(path: path)) }?.code == .usage)
            #expect(await vaultError { _ = try await home.initialise(.keyFile(path: home.folder.file("keys/"))) }?.code == .usage)
        }
    }

    @Test("A second vault is refused and the first one stays as it was")
    func second() async throws {
        try await VaultHome.withVault { home in
            let before = home.folder.allFiles()
            for choice in [
                VaultInitialization.Identity.keyFile(path: home.paths.defaultKeyFile), .keyFile(path: home.folder.file("other.txt")),
                .passphrase,
            ] {
                #expect(await vaultError { _ = try await home.initialise(choice) }?.code == .usage)
            }
            #expect(home.folder.allFiles() == before)
        }
    }

    @Test("Secrets without their metadata are not taken for a new vault")
    func orphanedSecrets() async throws {
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            unlink(home.paths.metadataFile)
            let before = home.folder.allFiles()
            #expect(await vaultError { _ = try await home.initialise(.keyFile(path: home.paths.defaultKeyFile)) }?.code == .corrupt)
            #expect(home.folder.allFiles() == before)
        }
    }

    @Test("A missing key file is an error and no new key is made")
    func missingKey() async throws {
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            rename(home.paths.defaultKeyFile, home.folder.file("away"))
            let before = home.folder.allFiles()
            #expect(await vaultError { _ = try await home.open() }?.code == .unavailable)
            #expect(home.folder.allFiles() == before)
            rename(home.folder.file("away"), home.paths.defaultKeyFile)
            #expect(try await home.open().contents(1)?.access == "access")
        }
    }

    @Test("A key file of another vault is foreign, one that others may read is not used")
    func foreignKey() async throws {
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            let own = try #require(home.folder.read(VaultHome.keyFile))
            let sealed = home.folder.read(VaultHome.sealedFile)
            try home.folder.write(copy(AgeIdentity.generate().identityFile(created: "now")), VaultHome.keyFile)
            #expect(await vaultError { _ = try await home.open() }?.code == .foreign)
            try home.folder.write("no key", VaultHome.keyFile)
            #expect(await vaultError { _ = try await home.open() }?.code == .corrupt)
            try home.folder.write(own, VaultHome.keyFile, mode: 0o640)
            #expect(await vaultError { _ = try await home.open() }?.code == .corrupt)
            try home.folder.write(own, VaultHome.keyFile)
            #expect(try await home.open().contents(1)?.access == "access")
            #expect(home.folder.read(VaultHome.sealedFile) == sealed)
        }
    }

    @Test("Before there is a vault, opening says so and makes nothing")
    func none() async throws {
        try await VaultHome.with { home in
            #expect(await vaultError { _ = try await home.open() }?.code == .missing)
            let metadata = try home.store.read()
            #expect(metadata == Metadata())
            #expect(home.folder.names().isEmpty)
        }
    }
}
