import Age
import Glibc
import Platform
import TestSupport
import Testing

@testable import Vault

struct PassphraseVaultTests {
    /// Stretching takes its time and memory: one vault shows several things.
    @Test("A vault behind a passphrase opens with it, and with nothing else")
    func wholeLife() async throws {
        try await VaultHome.with { home in
            let reader = try home.passphrase()
            let record = try await home.initialise(.passphrase, reader)
            #expect(record.identitySource == .passphrase && record.keyFile == nil)
            #expect(home.folder.mode(of: VaultHome.identityFile) == 0o600)
            let file = try #require(home.folder.read(VaultHome.identityFile))
            #expect(try AgeFile.workFactor(of: file.span) == 17)
            #expect(home.folder.names().contains("config") == false)

            // What stands in the file is a standard identity file, for anybody's age.
            let opened = try AgeFile.open(file.span, passphrase: SecretBytes(VaultHome.passphrase))
            let identity = try opened.withBytes { (bytes) throws(AgeError) in try AgeIdentity(identityFile: bytes) }
            #expect(identity.recipient.text == record.recipient)

            let vault = try await home.vault(reader).open()
            #expect(vault.id == record.id)
            let before = home.folder.allFiles()
            let wrong = PassphraseReader(source: .command(["/bin/echo", "correct horse batterz"]), environment: [:])
            #expect(await vaultError { _ = try await home.vault(wrong).open() }?.code == .wrongPassphrase)
            #expect(await vaultError { _ = try await home.initialise(.passphrase, reader) }?.code == .usage)
            #expect(home.folder.allFiles() == before)
        }
    }

    @Test("A passphrase of fewer than twelve characters makes no vault", arguments: ["short", "elevenchars", "éééééééééé1", "x"])
    func short(_ text: String) async throws {
        try await VaultHome.with { home in
            let reader = try home.passphrase(text)
            let error = await vaultError { _ = try await home.initialise(.passphrase, reader) }
            #expect(error?.code == .usage)
            #expect(error?.message.contains("\(text.count) characters") == true)
            #expect(home.folder.read(VaultHome.identityFile) == nil)
            #expect(home.folder.read(VaultHome.metadataFile) == nil)
        }
    }

    @Test("A passphrase command that fails, is silent or is not there unlocks nothing")
    func failingCommand() async {
        for command in [["/bin/false"], ["/bin/true"], ["/nowhere/command"], ["/bin/echo"], []] {
            let reader = PassphraseReader(source: .command(command), environment: [:])
            #expect(await vaultError { _ = try await reader.read() }?.code == .unavailable, "\(command)")
        }
    }

    @Test(
        "One line end is dropped from a passphrase, and only one",
        arguments: [
            ("word", "word"), ("word\n", "word"), ("word\r\n", "word"), ("word\n\n", "word\n"), (" word \n", " word "), ("a\nb\n", "a\nb"),
            ("word\r", "word\r"),
        ])
    func lineEnd(_ given: String, _ expected: String) async throws {
        try await TemporaryFolder.with { folder in
            try folder.write(given, "passphrase")
            let command = PassphraseReader(source: .command(["/bin/cat", folder.file("passphrase")]), environment: [:])
            #expect(text(try await command.read()) == expected)
            let raw = open(folder.file("passphrase"), O_RDONLY | O_CLOEXEC)
            defer { close(raw) }
            let descriptor = PassphraseReader(source: .descriptor(raw), environment: [:])
            #expect(text(try await descriptor.read()) == expected)
        }
    }

    @Test("A descriptor that is not open gives no passphrase")
    func closedDescriptor() async {
        let reader = PassphraseReader(source: .descriptor(-1), environment: [:])
        #expect(await vaultError { _ = try await reader.read() }?.code == .unavailable)
    }

    @Test("A work factor outside of 14 to 20 is refused before a passphrase is asked for or memory is taken")
    func workFactors() async throws {
        try await VaultHome.with { home in
            let identity = AgeIdentity.generate()
            let keys = VaultKeys(identity.duplicate())
            var record = VaultRecord(
                id: Random.uuid(), backend: .file, identitySource: .passphrase, keyFile: nil, recipient: identity.recipient.text)
            record.mac = keys.metadataMAC(record)
            let pinned = record
            try await home.store.update { $0.vault = pinned }
            let content = identity.identityFile(created: "now")
            func sealed(_ workFactor: Int) throws -> [UInt8] {
                try content.withBytes { (bytes) throws(AgeError) in
                    try AgeFile.seal(bytes, passphrase: SecretBytes(VaultHome.passphrase), workFactor: workFactor)
                }
            }
            let weak = try sealed(10)
            // 2^40 KiB: an answer at all shows that nothing was allocated.
            let line = try #require(String(decoding: weak, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("-> scrypt") })
            let greedy = Array(weak[..<22]) + Array(String(line.dropLast(2) + "40").utf8) + weak[(22 + line.utf8.count)...]
            #expect(try AgeFile.workFactor(of: greedy.span) == 40)
            let counter = PassphraseReader(source: .command(["/usr/bin/touch", home.folder.file("asked")]), environment: [:])
            for file in [weak, greedy, try sealed(13)] {
                try home.folder.write(file, VaultHome.identityFile)
                #expect(await vaultError { _ = try await home.vault(counter).open() }?.code == .corrupt)
                #expect(home.folder.read("asked") == nil, "nobody is asked")
                #expect(home.folder.read(VaultHome.identityFile) == file)
            }
            try home.folder.write(try sealed(14), VaultHome.identityFile)
            let reader = try home.passphrase()
            #expect(try await home.vault(reader).open().id == record.id)
        }
    }

    @Test("An identity file that is cut, changed, missing or not behind a passphrase is not opened and not replaced")
    func damaged() async throws {
        try await VaultHome.with { home in
            let reader = try home.passphrase()
            _ = try await home.initialise(.passphrase, reader)
            let file = try #require(home.folder.read(VaultHome.identityFile))
            var changed = file
            changed[file.count - 1] ^= 1
            let sealedToKey = AgeFile.seal(Array("x".utf8).span, to: [AgeIdentity.generate().recipient])
            for bad in [changed, Array(file.dropLast(20)), Array(file.prefix(40)), [], sealedToKey, Array("text".utf8)] {
                try home.folder.write(bad, VaultHome.identityFile)
                #expect(await vaultError { _ = try await home.vault(reader).open() }?.code == .corrupt)
                #expect(home.folder.read(VaultHome.identityFile) == bad)
            }
            unlink(home.paths.passphraseIdentityFile)
            #expect(await vaultError { _ = try await home.vault(reader).open() }?.code == .unavailable)
            #expect(home.folder.read(VaultHome.identityFile) == nil)
        }
    }
}
