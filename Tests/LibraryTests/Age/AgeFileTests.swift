import Foundation
import Platform
import Testing

@testable import Age

struct AgeFileTests {
    /// Plaintext hashes by file name, from SHA256SUMS.
    private static let hashes: [String: String] = {
        let lines = (try? String(contentsOf: AgeTestFiles.folder.appending(path: "SHA256SUMS"), encoding: .utf8)) ?? ""
        let pairs = lines.split(separator: "\n").map { $0.split(separator: " ") }
        return Dictionary(uniqueKeysWithValues: pairs.map { (String($0[1]), String($0[0])) })
    }()

    private func hash(_ opened: Opened) -> String? {
        guard case .plaintext(let bytes) = opened else { return nil }
        return Hex.encode(SHA256.hash(bytes.span).span)
    }

    @Test(
        "A file that age sealed to a recipient opens to its plaintext",
        arguments: ["small.age", "empty.age", "chunk.age", "chunk-and-one.age", "two-recipients.age", "armored.age"])
    func recipientFile(_ name: String) throws {
        let file = try AgeTestFiles.bytes(name)
        let opened = Opened(file, try AgeTestFiles.identity())
        #expect(hash(opened) == Self.hashes[name], "\(opened)")
        #expect(try AgeFile.workFactor(of: file.span) == nil)
        #expect(Opened(file, .generate()).failureClass == .noMatch)
        #expect(Opened(file, passphrase: try AgeTestFiles.passphrase()).failureClass == .noMatch)
    }

    @Test("Either identity opens a file for two recipients")
    func twoRecipients() throws {
        let file = try AgeTestFiles.bytes("two-recipients.age")
        let opened = Opened(file, try AgeTestFiles.identity("second-identity.txt"))
        #expect(hash(opened) == Self.hashes["two-recipients.age"], "\(opened)")
    }

    @Test(
        "A file that age sealed under a passphrase opens to its plaintext",
        arguments: ["passphrase.age", "passphrase-armored.age"])
    func passphraseFile(_ name: String) throws {
        let file = try AgeTestFiles.bytes(name)
        let opened = Opened(file, passphrase: try AgeTestFiles.passphrase())
        #expect(hash(opened) == Self.hashes[name], "\(opened)")
        #expect(try AgeFile.workFactor(of: file.span) == 18)
        #expect(Opened(file, try AgeTestFiles.identity()).failureClass == .noMatch)
    }

    @Test("What is sealed opens again, binary and armored", arguments: [0, 1, 65535, 65536, 65537, 131_072, 200_000])
    func roundTrip(_ count: Int) throws {
        let plaintext = AgeTestFiles.plaintext(count)
        let identity = AgeIdentity.generate()
        let file = AgeFile.seal(plaintext.span, to: [AgeIdentity.generate().recipient, identity.recipient])
        #expect(Opened(file, identity) == .plaintext(plaintext))
        #expect(Opened(AgeFile.armor(file.span), identity) == .plaintext(plaintext))
        #expect(AgeFile.seal(plaintext.span, to: [identity.recipient]) != file, "no two files are alike")

        let passphrase = SecretBytes("correct horse")
        let locked = try AgeFile.seal(plaintext.span, passphrase: passphrase, workFactor: 4)
        #expect(Opened(locked, passphrase: passphrase) == .plaintext(plaintext))
        let armored = AgeFile.armor(locked.span)
        #expect(Opened(armored, passphrase: passphrase) == .plaintext(plaintext))
        #expect(Opened(locked, passphrase: SecretBytes("correct hors")).failureClass == .noMatch)
        #expect(try AgeFile.workFactor(of: locked.span) == 4)
        #expect(try AgeFile.workFactor(of: armored.span) == 4)
    }

    @Test("A work factor outside of the caller's range is refused before scrypt runs")
    func workFactors() throws {
        let passphrase = SecretBytes("x")
        let file = try AgeFile.seal([1, 2, 3].span, passphrase: passphrase, workFactor: 10)
        #expect(Opened(file, passphrase: passphrase, workFactors: 10...10) == .plaintext([1, 2, 3]))
        #expect(Opened(file, passphrase: passphrase, workFactors: 11...20).failureClass == .header)
        #expect(Opened(file, passphrase: passphrase, workFactors: 1...9).failureClass == .header)

        // 2^62 KiB: an answer at all shows that nothing was allocated. Whatever range the caller gives.
        let header = String(decoding: file, as: UTF8.self)
        let line = try #require(header.split(separator: "\n").first { $0.hasPrefix("-> scrypt") })
        let hostile = Array(header.replacing(line, with: line.dropLast(2) + "62").utf8)
        #expect(try AgeFile.workFactor(of: hostile.span) == 62)
        #expect(Opened(hostile, passphrase: passphrase).failureClass == .header)
        #expect(Opened(hostile, passphrase: passphrase, workFactors: 1...99).failureClass == .header)
    }

    @Test("A file without a stanza for us names the stanza types that are not implemented")
    func unsupportedStanzas() throws {
        let fileKey = FileKey.random()
        let foreign = ["ssh-ed25519", "a.example/b", "ssh-ed25519", "x25519", String(repeating: "z", count: 200)]
        let stanzas = foreign.map { Stanza(type: $0, arguments: [], body: []) }
        let file = AgeHeader(
            stanzas: stanzas + [X25519Stanza.wrap(fileKey, for: AgeIdentity.generate().recipient)], fileKey: fileKey
        ).encoded()
        let error = try #require(Opened(file, .generate()).failure)
        #expect(error.failureClass == .noMatch)
        let names = ["a.example/b", "ssh-ed25519", "x25519", String(repeating: "z", count: 64)]
        #expect(error.unsupportedStanzas == names)
        #expect(
            error.description == "no match: no stanza of the file is for this identity (unsupported stanzas: "
                + names.joined(separator: ", ") + ")")
    }

    @Test("A header of 128 stanzas opens, one of 129 is refused before any of them is tried")
    func stanzaCap() throws {
        let identity = AgeIdentity.generate()
        let fileKey = FileKey.random()
        func file(_ count: Int) -> [UInt8] {
            let stanzas = (0..<count).map { _ in X25519Stanza.wrap(fileKey, for: identity.recipient) }
            var file = AgeHeader(stanzas: stanzas, fileKey: fileKey).encoded()
            PayloadStream.seal([7].span, fileKey: fileKey, into: &file)
            return file
        }
        #expect(Opened(file(128), identity) == .plaintext([7]))
        #expect(Opened(file(129), identity).failureClass == .header)
        let all = AgeFile.seal([8].span, to: Array(repeating: identity.recipient, count: 128))
        #expect(Opened(all, identity) == .plaintext([8]))
    }

    @Test("A file of more than 64 MiB is refused, and the largest plaintext that may be sealed opens")
    func sizes() {
        let identity = AgeIdentity.generate()
        let largest = [UInt8](repeating: 7, count: AgeFile.maximumPlaintextSize)
        var file = AgeFile.seal(largest.span, to: Array(repeating: identity.recipient, count: 128))
        #expect(file.count <= AgeFile.maximumSize)
        #expect(Opened(file, identity) == .plaintext(largest))
        file += [UInt8](repeating: 0, count: AgeFile.maximumSize + 1 - file.count)
        let error = Opened(file, identity).failure
        #expect(error?.failureClass == .payload)
        // Not because of what stands behind the last chunk.
        #expect(error?.detail == "the file is larger than 64 MiB")
    }
}
