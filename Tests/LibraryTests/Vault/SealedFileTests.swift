import Age
import Glibc
import Platform
import TestSupport
import Testing

@testable import Vault

struct SealedFileTests {
    /// What becomes of reading the account when `secrets.age` has those bytes; the file must stay as it is.
    private func outcome(_ home: VaultHome, _ vault: OpenVault, _ bytes: [UInt8]) async throws -> VaultError.Code? {
        try home.folder.write(bytes, VaultHome.sealedFile)
        let error = await vaultError { _ = try await vault.contents(1) }
        // Adding an account must not write over what could not be read.
        let write = await vaultError { try await vault.add(2) }
        #expect(error?.code == write?.code)
        #expect(home.folder.read(VaultHome.sealedFile) == bytes)
        return error?.code
    }

    /// Seals a body as the vault does, with the seal of those keys.
    private func sealed(_ body: String, by keys: VaultKeys, to recipient: AgeRecipient) -> [UInt8] {
        let mac = Hex.encode(keys.writerMAC("secrets-1", Array(body.utf8).span).span)
        return AgeFile.seal(Array(#"{"mac":"\#(mac)","body":\#(body)}"#.utf8).span, to: [recipient])
    }

    private func body(_ vaultId: String, version: Int = 1, bundles: String = "[]") -> String {
        #"{"format":"ai-usage-agent/secrets","version":\#(version),"vaultId":"\#(vaultId)","generation":5,"machine":"none","bundles":\#(bundles)}"#
    }

    @Test("A file that is cut anywhere is refused and left alone")
    func truncation() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            try await vault.add(1)
            let file = try #require(home.folder.read(VaultHome.sealedFile))
            let lengths = Set(0..<200).union(stride(from: 0, to: file.count, by: 64)).union([
                file.count - 1, file.count - 16, file.count - 17,
            ])
            for length in lengths.sorted() {
                let code = try await outcome(home, vault, Array(file.prefix(length)))
                #expect(code == .corrupt || code == .foreign, "\(length) of \(file.count) bytes")
            }
            try home.folder.write(file + [0], VaultHome.sealedFile)
            #expect(await vaultError { _ = try await vault.contents(1) }?.code == .corrupt)
            try home.folder.write(file, VaultHome.sealedFile)
            #expect(try await vault.contents(1)?.access == "access")
        }
    }

    @Test("A file with any bit changed is refused and left alone")
    func bitFlips() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            try await vault.add(1)
            let file = try #require(home.folder.read(VaultHome.sealedFile))
            let places = Array(0..<260) + Array(stride(from: 260, to: file.count, by: 61)) + [file.count - 1]
            for place in places {
                var changed = file
                changed[place] ^= 1 << UInt8(place % 8)
                let code = try await outcome(home, vault, changed)
                #expect(code == .corrupt || code == .foreign, "byte \(place)")
            }
        }
    }

    @Test("What somebody else sealed to our public recipient is foreign")
    func strangers() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            try await vault.add(1)
            let ours = try home.keys()
            let stranger = VaultKeys(.generate())
            let plain = body(vault.id)
            let files = [
                sealed(plain, by: stranger, to: ours.recipient),
                AgeFile.seal(Array(#"{"body":\#(plain)}"#.utf8).span, to: [ours.recipient]),
                AgeFile.seal(Array(#"{"mac":"","body":\#(plain)}"#.utf8).span, to: [ours.recipient]),
                AgeFile.seal(Array(#"{"mac":null,"body":\#(plain)}"#.utf8).span, to: [ours.recipient]),
                AgeFile.seal(Array(plain.utf8).span, to: [ours.recipient]), AgeFile.seal(Array("hello".utf8).span, to: [ours.recipient]),
                AgeFile.seal([UInt8]().span, to: [ours.recipient]),
                // Ours, but sealed to another.
                sealed(plain, by: ours, to: stranger.recipient),
            ]
            for (index, file) in files.enumerated() {
                #expect(try await outcome(home, vault, file) == .foreign, "file \(index)")
            }
        }
    }

    @Test("The seal binds the body byte for byte")
    func boundBody() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            let keys = try home.keys()
            let plain = body(vault.id)
            let mac = Hex.encode(keys.writerMAC("secrets-1", Array(plain.utf8).span).span)
            func file(_ body: String) -> [UInt8] {
                AgeFile.seal(Array(#"{"mac":"\#(mac)","body":\#(body)}"#.utf8).span, to: [keys.recipient])
            }
            #expect(try await outcome(home, vault, file(plain.replacing("5", with: "6"))) == .foreign)
            #expect(try await outcome(home, vault, file(plain.replacing(":5", with: ": 5"))) == .foreign)
            try home.folder.write(file(plain), VaultHome.sealedFile)
            #expect(try await vault.contents(1) == nil)
        }
    }

    @Test("A file of another vault with the same identity is foreign")
    func otherVault() async throws {
        try await VaultHome.withVault { first in
            try await first.open().add(1, access: "first")
            try await VaultHome.with { second in
                try second.folder.write(try #require(first.folder.read(VaultHome.keyFile)), "key.txt")
                _ = try await second.initialise(.keyFile(path: second.folder.file("key.txt")))
                let vault = try await second.open()
                let firstId = try first.store.read().vault?.id
                #expect(vault.id != firstId)
                let file = try #require(first.folder.read(VaultHome.sealedFile))
                #expect(try await outcome(second, vault, file) == .foreign)
            }
        }
    }

    @Test("Our own seal on something that is no store, or a newer one, is corrupt and left alone")
    func ownButWrong() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            let keys = try home.keys()
            let bodies = [
                body(vault.id, version: 2), body(vault.id, bundles: "{}"),
                body(vault.id).replacing("ai-usage-agent/secrets", with: "other"), "{}",
                body(vault.id).replacing("\"generation\":5", with: "\"generation\":\"5\""),
                body(vault.id).replacing("\"machine\":\"none\"", with: "\"m\":1"),
                body(vault.id, bundles: #"[{"accountId":"\#(accountId(1))"}]"#),
            ]
            for body in bodies {
                try home.folder.write(sealed(body, by: keys, to: keys.recipient), VaultHome.sealedFile)
                #expect(await vaultError { _ = try await vault.contents(1) }?.code == .corrupt, "\(body)")
            }
        }
    }

    @Test("What a newer version wrote into other bundles survives a write, byte for byte")
    func unknownMembers() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            let keys = try home.keys()
            let strange = #"{ "accountId":"\#(accountId(7))", "novel" : [1.50, {"\u0041":"\u00e9\/"}],"accessToken":"t" }"#
            try home.folder.write(sealed(body(vault.id, bundles: "[\(strange)]"), by: keys, to: keys.recipient), VaultHome.sealedFile)
            try await vault.add(1)
            try await vault.remove(accountId(2))
            let file = try #require(home.folder.read(VaultHome.sealedFile))
            let plaintext = text(try AgeFile.open(file.span, identity: keys.identity))
            #expect(plaintext.contains(strange))
            #expect(plaintext.contains(#""generation":7"#), "5 and two writes")
            #expect(try home.store.read().vault?.generation == 7)
        }
    }

    @Test("The size of the file tells neither the number of accounts nor the length of their tokens")
    func padding() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            var sizes: Set<Int> = []
            for number in 1...3 {
                try await vault.add(number, access: String(repeating: "a", count: number * 10), refresh: "r")
                sizes.insert(try #require(home.folder.read(VaultHome.sealedFile)).count)
            }
            #expect(sizes.count == 1)
            try await vault.add(4, access: String(repeating: "x", count: 5000), refresh: "r")
            let larger = try #require(home.folder.read(VaultHome.sealedFile)).count
            #expect((larger - sizes.first!) % 4096 == 0 && larger > sizes.first!)
        }
    }

    @Test("A store that was written and is gone is not an empty one, and no new one is begun in its place")
    func gone() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            try await vault.add(1)
            unlink(home.paths.sealedFile)
            #expect(await vaultError { _ = try await vault.contents(1) }?.code == .unavailable)
            #expect(await vaultError { try await vault.add(2) }?.code == .unavailable)
            #expect(home.folder.read(VaultHome.sealedFile) == nil)
        }
    }

    @Test("A file that others may read is not opened until they no longer may")
    func permissions() async throws {
        try await VaultHome.withVault { home in
            let vault = try await home.open()
            try await vault.add(1)
            let file = try #require(home.folder.read(VaultHome.sealedFile))
            try home.folder.write(file, VaultHome.sealedFile, mode: 0o644)
            #expect(await vaultError { _ = try await vault.contents(1) }?.code == .corrupt)
            try home.folder.write(file, VaultHome.sealedFile, mode: 0o600)
            #expect(try await vault.contents(1)?.refresh == "refresh")
        }
    }
}
