import Platform
import Testing

struct BinaryTextTests {
    @Test(
        "Base64 follows RFC 4648, section 10",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
        ])
    func vectors(_ plain: String, _ encoded: String) {
        let bytes = Array(plain.utf8)
        #expect(Base64.encode(bytes.span) == encoded)
        let padding = String(repeating: "=", count: (4 - encoded.count % 4) % 4)
        #expect(Base64.encode(bytes.span, padded: true) == encoded + padding)
        #expect(Base64.decode(encoded) == bytes)
        #expect(text(Base64.encode(secret: bytes.span, .urlSafe)) == encoded)
    }

    @Test("The two alphabets differ in two characters and refuse each other's")
    func alphabets() {
        let bytes: [UInt8] = [0xFB, 0xFF, 0xBF]
        #expect(Base64.encode(bytes.span) == "+/+/")
        #expect(Base64.encode(bytes.span, .urlSafe) == "-_-_")
        #expect(Base64.decode("-_-_", .urlSafe) == bytes)
        #expect(Base64.decode("-_-_") == nil)
        #expect(Base64.decode("+/+/", .urlSafe) == nil)
    }

    @Test(
        "Base64 that is not canonical is refused",
        arguments: [
            "Zg==", "Zm8=", "=", "Z", "Zm9vY", "Zh", "Zm9", "Zm 9v", "Zm9v\n", "\nZm9v", "Zm9v ", "Zm9\u{0}", "Zm9v!", "Zmé", "Zg=",
        ])
    func notCanonical(_ text: String) {
        #expect(Base64.decode(text) == nil)
        #expect(Base64.decode(text, .urlSafe) == nil)
    }

    @Test("Every text of two or three characters decodes to nothing, or encodes back to itself")
    func malleability() {
        let alphabet = Array("AEIQgwz9+/-_=".utf8)
        var decoded = 0
        for a in alphabet {
            for b in alphabet {
                for tail in [[]] + alphabet.map({ [$0] }) {
                    let text = [a, b] + tail
                    for kind in [Base64.Alphabet.standard, .urlSafe] {
                        guard let bytes = Base64.decode(text.span, kind) else { continue }
                        decoded += 1
                        #expect(Base64.encode(bytes.span, kind) == String(decoding: text, as: UTF8.self))
                    }
                }
            }
        }
        #expect(decoded > 100)
    }

    @Test("Bytes of every length survive Base64 and hexadecimal", arguments: 0..<70)
    func roundTrip(_ count: Int) {
        let bytes = Random.bytes(count)
        for alphabet in [Base64.Alphabet.standard, .urlSafe] {
            #expect(Base64.decode(Base64.encode(bytes.span, alphabet), alphabet) == bytes)
        }
        #expect(Hex.decode(Hex.encode(bytes.span)) == bytes)
    }

    @Test("Hexadecimal is written in lower case and read in both")
    func hex() {
        let bytes: [UInt8] = [0x00, 0x0F, 0xA5, 0xFF]
        #expect(Hex.encode(bytes.span) == "000fa5ff")
        #expect(Hex.decode("000FA5ff") == bytes)
        #expect(Hex.decode("") == [])
    }

    @Test(
        "Hexadecimal with an odd digit or anything that is no digit is refused",
        arguments: ["0", "abc", "0x", "0g", " 00", "00\n", "-1", "é", "００"])
    func notHex(_ text: String) { #expect(Hex.decode(text) == nil) }

    @Test("A random UUID has version 4 and the variant of RFC 9562, and comes once")
    func uuid() throws {
        let uuids = (0..<200).map { _ in Random.uuid() }
        #expect(Set(uuids).count == uuids.count)
        for uuid in uuids {
            #expect(uuid.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil, "\(uuid)")
        }
    }
}
