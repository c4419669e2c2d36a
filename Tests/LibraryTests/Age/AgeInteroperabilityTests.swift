import Foundation
import Platform
import Testing

@testable import Age

/// Against the age of this machine: what one seals, the other opens.
@Suite(.enabled(if: Command.exists("age") && Command.exists("age-keygen"), "no age binary here"))
struct AgeInteroperabilityTests {
    private static let sizes = [0, 1, 65535, 65536, 65537, 200_000]
    private static let canType = Command.exists("python3")

    @Test("age opens what is sealed to a recipient, binary and armored", arguments: sizes)
    func ageOpensRecipientFile(_ count: Int) throws {
        let folder = try ScratchFolder()
        let plaintext = AgeTestFiles.plaintext(count)
        let identity = AgeIdentity.generate()
        let key = try folder.write(copy(identity.identityFile(created: "2026-11-21T09:25:55Z")), "key.txt")
        let binary = AgeFile.seal(plaintext.span, to: [AgeIdentity.generate().recipient, identity.recipient])
        for file in [binary, AgeFile.armor(binary.span)] {
            let sealed = try folder.write(file, "sealed.age")
            #expect(try Command.run(["age", "-d", "-i", key, sealed]) == plaintext)
        }
    }

    @Test("What age seals to a recipient opens, binary and armored", arguments: sizes)
    func ageSealsRecipientFile(_ count: Int) throws {
        let folder = try ScratchFolder()
        let plaintext = AgeTestFiles.plaintext(count)
        let plain = try folder.write(plaintext, "plain")
        let identity = AgeIdentity.generate()
        for armor in [[], ["-a"]] {
            let file = try Command.run(["age", "-r", identity.recipient.text] + armor + [plain])
            #expect(Opened(file, identity) == .plaintext(plaintext))
            if !armor.isEmpty {
                // Byte for byte the armor that we would have put around it.
                let binary = try Armor.decode(file.span)
                #expect(AgeFile.armor(binary.span) == file)
            }
        }
    }

    @Test(
        "age opens what is sealed under a passphrase, binary and armored",
        .enabled(if: canType, "no python3 here to type a passphrase"), arguments: sizes)
    func ageOpensPassphraseFile(_ count: Int) throws {
        let folder = try ScratchFolder()
        let plaintext = AgeTestFiles.plaintext(count)
        let binary = try AgeFile.seal(plaintext.span, passphrase: try AgeTestFiles.passphrase(), workFactor: 10)
        for file in [binary, AgeFile.armor(binary.span)] {
            let sealed = try folder.write(file, "sealed.age")
            try Command.runTyping(["age", "-d", "-o", folder.path("opened"), sealed])
            let opened = URL(filePath: folder.path("opened"))
            // age makes its output file with the first byte; that it ended well was checked.
            let isThere = FileManager.default.fileExists(atPath: opened.path)
            #expect((isThere ? try AgeTestFiles.bytes(opened) : []) == plaintext)
            try? FileManager.default.removeItem(at: opened)
        }
    }

    /// Two sizes: age's own work factor takes 256 MiB and a second each time.
    @Test(
        "What age seals under a passphrase opens, binary and armored",
        .enabled(if: canType, "no python3 here to type a passphrase"), arguments: [0, 65537], [[], ["-a"]])
    func ageSealsPassphraseFile(_ count: Int, _ armor: [String]) throws {
        let folder = try ScratchFolder()
        let plaintext = AgeTestFiles.plaintext(count)
        let plain = try folder.write(plaintext, "plain")
        try Command.runTyping(["age", "-p", "-o", folder.path("sealed.age")] + armor + [plain])
        let file = try AgeTestFiles.bytes(URL(filePath: folder.path("sealed.age")))
        #expect(Opened(file, passphrase: try AgeTestFiles.passphrase()) == .plaintext(plaintext))
    }
}
