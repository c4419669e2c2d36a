import Platform
import Testing

@testable import Age

@Suite("Each rule of the age format, broken alone in a file that is sealed right")
struct AgeGrammarTests {
    private static let plaintext: [UInt8] = Array("alone".utf8)

    /// A file with these stanzas beside one for the identity, whose MAC holds.
    private func file(_ identity: borrowing AgeIdentity, _ change: ([Stanza]) -> [Stanza]) -> [UInt8] {
        let fileKey = FileKey.random()
        let stanzas = change([X25519Stanza.wrap(fileKey, for: identity.recipient)])
        var file = AgeHeader(stanzas: stanzas, fileKey: fileKey).encoded()
        PayloadStream.seal(Self.plaintext.span, fileKey: fileKey, into: &file)
        return file
    }

    private func stanza(_ stanza: Stanza, arguments: [String]? = nil, body: [UInt8]? = nil) -> Stanza {
        Stanza(type: stanza.type, arguments: arguments ?? stanza.arguments, body: body ?? stanza.body)
    }

    private static let salt = Base64.encode([UInt8](repeating: 7, count: 16).span)
    private static let wrapped = [UInt8](repeating: 9, count: 32)

    @Test("The file from which the others are made opens")
    func control() {
        let identity = AgeIdentity.generate()
        #expect(Opened(file(identity) { $0 }, identity) == .plaintext(Self.plaintext))
        // A stanza of another kind with bodies of every length around a line's.
        for count in [0, 1, 47, 48, 49, 95, 96, 97] {
            let sealed = file(identity) { [Stanza(type: "other", arguments: ["a", "b"], body: [UInt8](repeating: 1, count: count))] + $0 }
            #expect(Opened(sealed, identity) == .plaintext(Self.plaintext), "a body of \(count) bytes")
        }
    }

    @Test("An X25519 stanza has one share of 32 bytes and wraps 32 bytes")
    func x25519() {
        let identity = AgeIdentity.generate()
        let share = Base64.encode([UInt8](repeating: 9, count: 32).span)
        let changes: [([Stanza]) -> [Stanza]] = [
            { $0.map { stanza($0, arguments: $0.arguments + [share]) } },
            { $0.map { stanza($0, arguments: []) } },
            { $0.map { stanza($0, arguments: [Base64.encode([UInt8](repeating: 9, count: 31).span)]) } },
            { $0.map { stanza($0, arguments: [Base64.encode([UInt8](repeating: 9, count: 33).span)]) } },
            { $0.map { stanza($0, body: Array($0.body.dropLast())) } },
            { $0.map { stanza($0, body: $0.body + [0]) } },
            // Whichever stanza is ours.
            { $0 + [Stanza(type: "X25519", arguments: [], body: Self.wrapped)] },
        ]
        for (number, change) in changes.enumerated() {
            #expect(Opened(file(identity, change), identity).failureClass == .header, "\(number)")
        }
    }

    @Test(
        "An scrypt stanza has a salt of 16 bytes, a canonical work factor and nothing more",
        arguments: [
            [], [salt], [salt, "10", "11"], ["", "10"], [Base64.encode([UInt8](repeating: 7, count: 15).span), "10"],
            [Base64.encode([UInt8](repeating: 7, count: 17).span), "10"], [salt, "010"], [salt, "0"], [salt, "+10"], [salt, "-10"],
            [salt, "1a"], [salt, "99999999999999999999"],
        ])
    func scrypt(_ arguments: [String]) {
        let fileKey = FileKey.random()
        func opened(_ stanza: Stanza) -> Opened {
            var file = AgeHeader(stanzas: [stanza], fileKey: fileKey).encoded()
            PayloadStream.seal(Self.plaintext.span, fileKey: fileKey, into: &file)
            return Opened(file, passphrase: SecretBytes("x"), workFactors: 1...12)
        }
        #expect(opened(Stanza(type: "scrypt", arguments: [Self.salt, "10"], body: Self.wrapped)).failureClass == .noMatch)
        #expect(opened(Stanza(type: "scrypt", arguments: arguments, body: Self.wrapped)).failureClass == .header)
        for count in [31, 33] {
            let stanza = Stanza(type: "scrypt", arguments: [Self.salt, "10"], body: [UInt8](repeating: 9, count: count))
            #expect(opened(stanza).failureClass == .header)
        }
    }

    @Test("No work factor above 24 is computed, whatever range the caller gives")
    func workFactorCeiling() {
        let fileKey = FileKey.random()
        for factor in ["25", "40", "62"] {
            var file = AgeHeader(
                stanzas: [Stanza(type: "scrypt", arguments: [Self.salt, factor], body: Self.wrapped)], fileKey: fileKey
            ).encoded()
            PayloadStream.seal(Self.plaintext.span, fileKey: fileKey, into: &file)
            #expect(Opened(file, passphrase: SecretBytes("x"), workFactors: 1...99).failureClass == .header)
        }
    }

    @Test("A passphrase stanza stands alone")
    func scryptAlone() {
        let identity = AgeIdentity.generate()
        let scrypt = Stanza(type: "scrypt", arguments: [Self.salt, "10"], body: Self.wrapped)
        #expect(Opened(file(identity) { $0 + [scrypt] }, identity).failureClass == .header)
        #expect(Opened(file(identity) { [scrypt] + $0 }, identity).failureClass == .header)
    }

    /// Text of a header in the file, replaced before anything is checked.
    private func replaced(_ file: [UInt8], _ old: String, _ new: [UInt8]) throws -> [UInt8] {
        let range = try #require(file.firstRange(of: Array(old.utf8)))
        var file = file
        file.replaceSubrange(range, with: new)
        return file
    }

    @Test(
        "An argument is printable ASCII and not empty; a stanza's first line begins with an arrow and a space",
        arguments: [" \u{7F}\n", " \u{1F}\n", " \t\n", " é\n", "  a\n", " a \n", " \n", "\u{0}\n"])
    func arguments(_ end: String) throws {
        let identity = AgeIdentity.generate()
        let good = file(identity) { [Stanza(type: "other", arguments: [], body: [])] + $0 }
        #expect(Opened(good, identity) == .plaintext(Self.plaintext))
        #expect(Opened(try replaced(good, "-> other\n", Array(("-> other" + end).utf8)), identity).failureClass == .header)
        for start in ["->other\n", "->\n", "-> \n", "=> other\n", "->\tother\n"] {
            #expect(Opened(try replaced(good, "-> other\n", Array(start.utf8)), identity).failureClass == .header, "\(start)")
        }
    }

    @Test("A stanza's body has lines of exactly 64 columns and a shorter last one")
    func columns() throws {
        let identity = AgeIdentity.generate()
        let good = file(identity) { [Stanza(type: "other", arguments: [], body: [UInt8](repeating: 0, count: 51))] + $0 }
        let line = String(repeating: "A", count: 64)
        #expect(Opened(good, identity) == .plaintext(Self.plaintext))
        for body in [line + "AAAA\n", line + "AAAA\n\n", line + "AAAAAAAA\nAAAA\n", line + "\n" + line + "\n"] {
            #expect(Opened(try replaced(good, line + "\nAAAA\n", Array(body.utf8)), identity).failureClass == .header, "\(body)")
        }
    }

    @Test("The version line is the whole line, and the MAC is 32 bytes")
    func versionAndMAC() throws {
        let identity = AgeIdentity.generate()
        let good = file(identity) { $0 }
        for version in ["age-encryption.org/v1 ", "age-encryption.org/v10", "age-encryption.org/v", "age-encryption.org/v1\r"] {
            #expect(Opened(try replaced(good, "age-encryption.org/v1", Array(version.utf8)), identity).failureClass == .header)
        }
        let dashes = try #require(good.firstRange(of: Array("--- ".utf8)))
        let end = try #require(good[dashes.upperBound...].firstIndex(of: UInt8(ascii: "\n")))
        for count in [0, 1, 31, 33, 64] {
            let mac = Base64.encode([UInt8](repeating: 3, count: count).span)
            let changed = good[..<dashes.upperBound] + Array(mac.utf8) + good[end...]
            #expect(Opened(Array(changed), identity).failureClass == .header, "a MAC of \(count) bytes")
        }
        let spaceless = Array(good[..<dashes.upperBound].dropLast() + good[dashes.upperBound...])
        #expect(Opened(spaceless, identity).failureClass == .header)
    }

    @Test("A header without a stanza is refused")
    func noStanza() { #expect(Opened(file(.generate()) { _ in [] }, .generate()).failureClass == .header) }

    @Test("A wrapped file key of another length opens to nothing")
    func wrappedKey() {
        let fileKey = FileKey.random()
        let wrapKey = SecretBytes(zeroes: 32)
        let body = fileKey.wrapped(under: wrapKey)
        func opens(_ body: [UInt8]) -> Bool {
            switch FileKey(unwrapping: body, under: wrapKey) {
            case .some: true
            case .none: false
            }
        }
        #expect(opens(body))
        for other in [[], Array(body.dropLast()), body + [0], body + body] { #expect(!opens(other), "\(other.count) bytes") }
    }

    // MARK: armor

    @Test("A binary file is no armor, whatever its first stanza is called")
    func dashesInBinary() {
        let identity = AgeIdentity.generate()
        let sealed = file(identity) { [Stanza(type: "-----BEGIN", arguments: ["-----"], body: [])] + $0 }
        #expect(Opened(sealed, identity) == .plaintext(Self.plaintext))
    }

    @Test("White space may stand before armor as long as its first dashes begin within 1,024 bytes")
    func leadIn() {
        let identity = AgeIdentity.generate()
        let armored = AgeFile.armor(file(identity) { $0 }.span)
        func opened(_ count: Int) -> Opened { Opened([UInt8](repeating: 0x20, count: count - 1) + [0x0A] + armored, identity) }
        #expect(opened(1) == .plaintext(Self.plaintext))
        #expect(opened(1024 - 5) == .plaintext(Self.plaintext))
        // Too far away to be looked for: an unknown file.
        #expect(opened(1024 - 4).failureClass == .header)
        #expect(Opened([UInt8](repeating: 0x0A, count: 100) + Array("x\n".utf8) + armored, identity).failureClass == .armor)
    }

    @Test("Armor has lines of 64 columns, whole groups of four, and only a last one that is shorter")
    func armorLines() throws {
        let identity = AgeIdentity.generate()
        let sealed = file(identity) { $0 }
        let lines = String(decoding: AgeFile.armor(sealed.span), as: UTF8.self).split(separator: "\n").map(String.init)
        try #require(lines.count > 4)
        func opened(_ lines: [String]) -> Opened { Opened(Array(lines.map { $0 + "\n" }.joined().utf8), identity) }
        #expect(opened(lines) == .plaintext(Self.plaintext))
        let body = lines[1..<lines.count - 1]
        let text = body.joined()
        func rewrapped(_ widths: [Int]) -> [String] {
            var rest = text[...]
            var wrapped: [String] = []
            for width in widths {
                wrapped.append(String(rest.prefix(width)))
                rest = rest.dropFirst(width)
            }
            while !rest.isEmpty {
                wrapped.append(String(rest.prefix(64)))
                rest = rest.dropFirst(64)
            }
            return [lines[0]] + wrapped + [lines[lines.count - 1]]
        }
        #expect(opened(rewrapped([])) == .plaintext(Self.plaintext))
        for widths in [[68], [128], [60], [64, 60], [66, 62], [1]] {
            #expect(opened(rewrapped(widths)).failureClass == .armor, "\(widths)")
        }
        #expect(opened([lines[0], ""] + lines[1...]).failureClass == .armor)
        #expect(opened(lines + ["x"]).failureClass == .armor)
        #expect(opened(lines + [lines[lines.count - 1]]).failureClass == .armor)
        #expect(opened(lines + ["", "\t \r"]) == .plaintext(Self.plaintext))
        #expect(opened(lines.dropLast()).failureClass == .armor)
        // Without its padding, or with one character of padding too few.
        for count in 1...2 {
            for tail in ["", "="].prefix(count) {
                let short = [UInt8](repeating: 1, count: 48 + 3 - count)
                let armored = String(decoding: AgeFile.armor(short.span), as: UTF8.self)
                let padding = String(repeating: "=", count: count)
                try #require(armored.contains(padding + "\n"))
                #expect(Opened(Array(armored.replacing(padding + "\n", with: tail + "\n").utf8), identity).failureClass == .armor)
            }
        }
    }

    // MARK: payload

    @Test("A whole payload does not end with an empty chunk, although that chunk is genuine")
    func emptyLastChunk() {
        let identity = AgeIdentity.generate()
        let fileKey = FileKey.random()
        let header = AgeHeader(stanzas: [X25519Stanza.wrap(fileKey, for: identity.recipient)], fileKey: fileKey).encoded()
        let nonce = [UInt8](repeating: 5, count: PayloadStream.nonceSize)
        let key = fileKey.payloadKey(nonce: nonce.span)
        func chunk(_ bytes: [UInt8], _ index: UInt8, isLast: Bool, into file: inout [UInt8]) {
            let nonce = [UInt8](repeating: 0, count: 10) + [index, isLast ? 1 : 0]
            ChaCha20Poly1305.seal(bytes.span, key: key, nonce: nonce, into: &file)
        }
        let full = AgeTestFiles.plaintext(PayloadStream.chunkSize)
        var good = header + nonce
        chunk(full, 0, isLast: false, into: &good)
        var bad = good
        chunk([1], 1, isLast: true, into: &good)
        chunk([], 1, isLast: true, into: &bad)
        #expect(Opened(good, identity) == .plaintext(full + [1]))
        #expect(Opened(bad, identity).failureClass == .payload)
        #expect(Opened(bad, identity).failure?.detail == "the payload ends with an empty chunk")
        #expect(Opened(header + nonce, identity).failure?.detail == "the payload is cut off")
        #expect(Opened(header + nonce.dropLast(), identity).failure?.detail == "the payload's nonce is missing")
    }

    @Test("The chunks' counter has more than one byte: chunk 0 and chunk 256 cannot change places")
    func counter() {
        let identity = AgeIdentity.generate()
        let size = PayloadStream.chunkSize + ChaCha20Poly1305.tagSize
        var plaintext = [UInt8](repeating: 1, count: 256 * PayloadStream.chunkSize)
        plaintext += [UInt8](repeating: 2, count: PayloadStream.chunkSize) + [3]
        var file = AgeFile.seal(plaintext.span, to: [identity.recipient])
        #expect(Opened(file, identity) == .plaintext(plaintext))
        let start = file.count - (257 * size + 1 + ChaCha20Poly1305.tagSize)
        let first = Array(file[start..<start + size])
        let other = Array(file[start + 256 * size..<start + 257 * size])
        file.replaceSubrange(start..<start + size, with: other)
        file.replaceSubrange(start + 256 * size..<start + 257 * size, with: first)
        #expect(Opened(file, identity).failureClass == .payload)
    }
}
