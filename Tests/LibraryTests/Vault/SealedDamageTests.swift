import Platform
import TestSupport
import Testing

@testable import Age
@testable import Vault

@Suite("A secrets.age that is damaged or not ours is refused, for reading and for writing, and stays as it is")
struct SealedDamageTests {
    @Test("Every single bit of the age header")
    func headerBits() async throws { try await OwnProcess.headerBits.run(showing: "sweep: ") }

    @Test("A thousand bits of the body, chosen at random")
    func bodyBits() async throws { try await OwnProcess.bodyBits.run(showing: "sweep: ") }

    @Test("Every length of its first 4 KiB, and the cuts behind them")
    func truncations() async throws { try await OwnProcess.truncations.run(showing: "sweep: ") }

    @Test("A file that goes on behind its end")
    func longer() async throws {
        try await DamagedVault.with { damaged in
            for more in [[0], [UInt8](repeating: 0x20, count: 4096), damaged.whole] {
                let code = try await damaged.thoroughRefusal(damaged.whole + more, "\(more.count) bytes more")
                #expect(code == .corrupt, "\(more.count) bytes more")
            }
        }
    }

    @Test("What somebody else sealed to our public recipient is foreign")
    func strangers() async throws {
        try await DamagedVault.with { damaged in
            let ours = try damaged.home.keys()
            let stranger = VaultKeys(.generate())
            let plain = SealedForgery.body(damaged.vault.id)
            let seal = SealedForgery.mac(plain, by: ours)
            let texts: [(String, String)] = [
                ("nothing", ""), ("a word", "hello"), ("a body alone", plain), ("no seal", #"{"body":\#(plain)}"#),
                ("an empty seal", #"{"mac":"","body":\#(plain)}"#), ("a null seal", #"{"mac":null,"body":\#(plain)}"#),
                ("a seal that is a number", #"{"mac":0,"body":\#(plain)}"#),
                ("a seal of zeros", #"{"mac":"\#(String(repeating: "0", count: 64))","body":\#(plain)}"#),
                ("a stranger's seal", #"{"mac":"\#(SealedForgery.mac(plain, by: stranger))","body":\#(plain)}"#),
                ("our seal, cut", #"{"mac":"\#(seal.dropLast())","body":\#(plain)}"#),
                ("our seal in capitals", #"{"mac":"\#(seal.uppercased())","body":\#(plain)}"#),
                ("our seal for the journal", #"{"mac":"\#(SealedForgery.mac(plain, by: ours, for: "journal-1"))","body":\#(plain)}"#),
                ("our seal and no body", #"{"mac":"\#(seal)"}"#),
                ("our seal and a list", #"{"mac":"\#(seal)","body":[\#(plain)]}"#),
                ("our seal twice", #"{"mac":"\#(seal)","body":\#(plain),"mac":"\#(seal)"}"#),
            ]
            var files = texts.map { ($0.0, SealedForgery.seal($0.1, to: ours.recipient)) }
            files.append(("random bytes", AgeFile.seal(Random.bytes(5000).span, to: [ours.recipient])))
            // Ours, but sealed to another, or under a passphrase.
            files.append(("sealed to another", SealedForgery.seal(plain, by: ours, to: stranger.recipient)))
            let complete = Array(#"{"mac":"\#(seal)","body":\#(plain)}"#.utf8)
            files.append(("under a passphrase", try AgeFile.seal(complete.span, passphrase: SecretBytes("a passphrase"), workFactor: 1)))
            for (name, file) in files { #expect(try await damaged.thoroughRefusal(file, name) == .foreign, "\(name)") }
            print("files sealed by strangers: \(files.count), all refused")
        }
    }

    @Test("A copy of our own plaintext with a single thing changed is foreign: the seal binds it byte for byte")
    func boundBody() async throws {
        try await DamagedVault.with { damaged in
            let keys = try damaged.home.keys()
            let plain = text(try AgeFile.open(damaged.whole.span, identity: keys.identity))
            let changes = [
                (#""generation":3,"machine""#, #""generation":4,"machine""#), (#""generation":3,"machine""#, #""generation": 3,"machine""#),
                (#""generation":3,"machine""#, #""generation":3.0,"machine""#), ("access-1", "access-2"),
                (#""version":1"#, #""version":0"#),
                ("https://auth.example", "https://evil.example"), (#""accountKey":"key-1""#, #""accountKey":"key-2""#),
            ]
            for (old, new) in changes {
                try #require(plain.contains(old))
                let file = SealedForgery.seal(plain.replacing(old, with: new), to: keys.recipient)
                #expect(try await damaged.thoroughRefusal(file, "\(old) to \(new)") == .foreign)
            }
            // Nothing but the sealing itself is new: that is the store, whoever sealed it.
            try damaged.home.folder.write(SealedForgery.seal(plain, to: keys.recipient), VaultHome.sealedFile)
            #expect(try await damaged.vault.contents(1)?.access == "access-1")
            // But not the file that was written: no write on top of it.
            #expect(await vaultError { try await damaged.vault.add(1) }?.code == .rollbackSuspected)
        }
    }

    @Test("What is no age file at all is corrupt")
    func noAge() async throws {
        try await DamagedVault.with { damaged in
            let files: [(String, [UInt8])] = [
                ("zeros", [UInt8](repeating: 0, count: damaged.whole.count)), ("random bytes", Random.bytes(5000)),
                ("text", Array("hello\n".utf8)), ("another version", Array("age-encryption.org/v2\n".utf8) + damaged.whole.dropFirst(22)),
                ("its own plaintext", Array(#"{"mac":"","body":{}}"#.utf8)),
                ("armor of nothing", Array("-----BEGIN AGE ENCRYPTED FILE-----\n-----END AGE ENCRYPTED FILE-----\n".utf8)),
            ]
            for (name, file) in files {
                let code = try await damaged.thoroughRefusal(file, name)
                #expect(code == .corrupt, "\(name)")
            }
        }
    }

    @Test("A file of another vault with the same identity is foreign")
    func otherVault() async throws {
        try await DamagedVault.with { damaged in
            try await VaultHome.with { second in
                try second.folder.write(try #require(damaged.home.folder.read(VaultHome.keyFile)), "key.txt")
                _ = try await second.initialise(.keyFile(path: second.folder.file("key.txt")))
                let other = try await second.open()
                try await other.add(1)
                #expect(other.id != damaged.vault.id && other.keys.recipient == damaged.vault.keys.recipient)
                let file = try #require(second.folder.read(VaultHome.sealedFile))
                #expect(try await damaged.thoroughRefusal(file, "another vault's") == .foreign)
            }
        }
    }
}
