import Foundation
import Platform
import Testing

@testable import Age

/// A file opens only as it was sealed, and no input whatever brings the parser down.
struct AgeMalleabilityTests {
    private static let plaintext: [UInt8] = Array("a token that is worth stealing".utf8)

    @Test("No bit of a file for a recipient can be flipped")
    func recipientBits() {
        let identity = AgeIdentity.generate()
        let file = AgeFile.seal(Self.plaintext.span, to: [AgeIdentity.generate().recipient, identity.recipient])
        #expect(Opened(file, identity) == .plaintext(Self.plaintext))
        forEachFlippedBit(of: file) { changed, place in
            #expect(Opened(changed, identity).failure != nil, "bit \(place)")
        }
    }

    @Test("No bit of a passphrase file can be flipped")
    func passphraseBits() throws {
        let passphrase = SecretBytes("x")
        let file = try AgeFile.seal(Self.plaintext.span, passphrase: passphrase, workFactor: 1)
        #expect(Opened(file, passphrase: passphrase) == .plaintext(Self.plaintext))
        forEachFlippedBit(of: file) { changed, place in
            #expect(Opened(changed, passphrase: passphrase).failure != nil, "bit \(place)")
        }
    }

    @Test("No part of a file opens, nor a file with something behind it")
    func truncations() throws {
        let identity = AgeIdentity.generate()
        let passphrase = SecretBytes("x")
        let sealed = AgeFile.seal(Self.plaintext.span, to: [identity.recipient])
        let locked = try AgeFile.seal(Self.plaintext.span, passphrase: passphrase, workFactor: 1)
        let armored = AgeFile.armor(sealed.span)
        for count in 0..<sealed.count { #expect(Opened(Array(sealed[..<count]), identity).failure != nil) }
        for count in 0..<locked.count {
            #expect(Opened(Array(locked[..<count]), passphrase: passphrase).failure != nil)
        }
        // The armor's last line end may be missing.
        for count in 0..<armored.count - 1 { #expect(Opened(Array(armored[..<count]), identity).failure != nil) }
        for tail in [[0], Array("\n".utf8), sealed] { #expect(Opened(sealed + tail, identity).failure != nil) }
        for tail in [[0], Array("x".utf8), armored] { #expect(Opened(armored + tail, identity).failure != nil) }
    }

    @Test("Chunks cannot be dropped, repeated or swapped")
    func chunks() {
        let identity = AgeIdentity.generate()
        let plaintext = AgeTestFiles.plaintext(3 * PayloadStream.chunkSize)
        let file = AgeFile.seal(plaintext.span, to: [identity.recipient])
        let size = PayloadStream.chunkSize + ChaCha20Poly1305.tagSize
        let start = file.count - 3 * size
        func chunk(_ index: Int) -> [UInt8] { Array(file[start + index * size..<start + (index + 1) * size]) }
        func opened(_ order: [Int]) -> Opened {
            Opened(order.reduce(Array(file[..<start])) { $0 + chunk($1) }, identity)
        }
        #expect(opened([0, 1, 2]) == .plaintext(plaintext))
        for order in [[], [0], [0, 1], [2], [0, 2], [1, 2], [1, 0, 2], [0, 1, 1, 2], [0, 1, 2, 2], [2, 1, 0]] {
            #expect(opened(order).failureClass == .payload, "\(order)")
        }
    }

    @Test("A header sealed under another file key is an HMAC failure")
    func foreignMAC() throws {
        let identity = AgeIdentity.generate()
        let stanza = X25519Stanza.wrap(FileKey.random(), for: identity.recipient)
        var file = AgeHeader(stanzas: [stanza], fileKey: FileKey.random()).encoded()
        PayloadStream.seal(Self.plaintext.span, fileKey: FileKey.random(), into: &file)
        #expect(Opened(file, identity).failureClass == .hmac)
    }

    @Test("A damaged file never opens to anything but its plaintext, and never crashes", arguments: 0..<8)
    func mutations(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let identity = try AgeTestFiles.identity()
        let passphrase = SecretBytes("x")
        let sealed = AgeFile.seal(Self.plaintext.span, to: [AgeIdentity.generate().recipient, identity.recipient])
        let locked = try AgeFile.seal(Self.plaintext.span, passphrase: passphrase, workFactor: 1)
        let corpus = [sealed, locked, AgeFile.armor(sealed.span), AgeFile.armor(locked.span)]
        for _ in 0..<500 {
            let original = corpus.randomElement(using: &random) ?? []
            let changed = mutated(original, &random)
            for opened in [
                Opened(changed, identity), Opened(changed, passphrase: passphrase, workFactors: 1...8),
            ] where opened.failure == nil {
                #expect(opened == .plaintext(Self.plaintext))
                // Binary files are not malleable; of armor the white space around it and its line ends are.
                #expect(changed == original || Armor.isPresent(in: changed.span))
            }
            _ = try? AgeFile.workFactor(of: changed.span)
        }
    }

    @Test("Headers put together at random are refused, or written back byte for byte", arguments: 0..<4)
    func grammar(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        var accepted = 0
        for _ in 0..<2000 {
            let file = randomHeader(&random)
            guard let header = try? AgeHeader(parsing: file.span) else { continue }
            accepted += 1
            #expect(header.encoded() == Array(file[..<header.count]))
        }
        #expect(accepted > 20, "a generator that hits nothing tests nothing")
    }

    @Test("Random bytes are neither a file nor an identity", arguments: 0..<4)
    func garbage(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        let identity = AgeIdentity.generate()
        let key = copy(identity.encoded())
        for _ in 0..<1000 {
            let bytes = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            #expect(Opened(bytes, identity).failure != nil)
            #expect(Opened(bytes, passphrase: SecretBytes("x")).failure != nil)
            let changed = mutated(key, &random)
            if let parsed = try? AgeIdentity(parsing: changed.span) {
                // The checksum of Bech32 finds every change that a mutation here makes, but for line ends.
                #expect(parsed.recipient == identity.recipient)
            }
            _ = try? AgeIdentity(identityFile: changed.span)
            _ = AgeRecipient(String(decoding: changed, as: UTF8.self))
        }
    }

    private func forEachFlippedBit(of file: [UInt8], _ body: ([UInt8], Int) -> Void) {
        for place in 0..<file.count * 8 {
            var changed = file
            changed[place / 8] ^= 1 << UInt8(place % 8)
            body(changed, place)
        }
    }

    /// One to four changes: a byte set, removed, inserted, a run doubled, removed, or cut off.
    private func mutated(_ original: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        let interesting = Array("\n\r -=>1A\0\u{7F}".utf8) + [255]
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            let end = min(bytes.count, place + Int.random(in: 1...80, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(interesting.randomElement(using: &random) ?? 0, at: place)
            case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 4: bytes.removeSubrange(place..<end)
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }

    private func randomHeader(_ random: inout SplitMix) -> [UInt8] {
        let line = String(repeating: "QUJD", count: 16)
        let mac = "--- " + String(repeating: "QUJD", count: 10) + "QUI"
        let pieces = [
            "-> X25519 QUJD\n", "-> scrypt QUJD 10\n", "-> a b c\n", "\n", "QUJD\n", "QUI\n", line + "\n", line + "Q\n",
            "-> \n", "->\n", "-> a  b\n", "QUJ\n", "=\n", mac + "\n", "---\n", "--- \n", "\r\n", " ",
        ]
        // Most of the time as the grammar has it, so that the deeper rules are reached.
        var text = "age-encryption.org/v1\n"
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let isWild = Int.random(in: 0..<6, using: &random) == 0
            text += isWild ? pieces.randomElement(using: &random) ?? "" : pieces[Int.random(in: 0..<3, using: &random)]
            for _ in 0..<Int.random(in: 0...2, using: &random) { text += line + "\n" }
            text += pieces[Int.random(in: 3..<6, using: &random)]
        }
        return Array((text + mac + "\n").utf8)
    }
}
