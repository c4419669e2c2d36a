import Testing

@testable import Age

@Suite("Bech32 is read strictly, whatever its checksum says")
struct Bech32Tests {
    private func decoded(_ text: String, prefix: String = "age") -> [UInt8]? {
        let text = Array(text.utf8)
        var bytes: [UInt8] = []
        return Bech32.decode(text.span, prefix: prefix) { bytes.append($0) } ? bytes : nil
    }

    private func encoded(_ bytes: [UInt8], prefix: String = "age") -> String {
        var text: [UInt8] = []
        Bech32.encode(bytes.span, prefix: prefix) { text.append($0) }
        return String(decoding: text, as: UTF8.self)
    }

    @Test("Any number of bytes comes back, in both cases", arguments: 0..<40)
    func roundTrip(_ count: Int) {
        let bytes = AgeTestFiles.plaintext(count)
        for prefix in ["age", "AGE-SECRET-KEY-"] { #expect(decoded(encoded(bytes, prefix: prefix), prefix: prefix) == bytes) }
    }

    /// The values of the alphabet end at 31; an unknown character has 255, and the code is linear: the character before it can be chosen
    /// so that the checksum holds all the same.
    @Test(
        "A foreign character is refused where the checksum would let it pass",
        arguments: ["age1qbqqqqqqkrjphj", "age1qqbqqqqq5hwlsw", "age1qqqbqqqqdrem0l", "age1qqqqqqbqx4ze07"])
    func foreignCharacter(_ text: String) { #expect(decoded(text) == nil) }

    @Test("A whole character that fills no byte is refused, although its checksum is right")
    func spareCharacter() {
        // 5 and 45 bits: one character, and five bytes with one character more than they need.
        #expect(decoded("age1qdd35qf") == nil)
        #expect(decoded("age1qqqqqqqqqjhjdkw") == nil)
    }

    @Test("Every single character counts, those of the checksum too")
    func everyCharacter() {
        let text = Array(encoded(AgeTestFiles.plaintext(32)).utf8)
        for place in 4..<text.count {
            for character in "qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8 where character != text[place] {
                var changed = text
                changed[place] = character
                #expect(decoded(String(decoding: changed, as: UTF8.self)) == nil, "place \(place)")
            }
        }
    }

    @Test("Without a whole checksum there is no text", arguments: 0..<6)
    func noChecksum(_ count: Int) { #expect(decoded("age1" + String(repeating: "q", count: count)) == nil) }

    @Test("Mixed case is refused, with either prefix")
    func mixedCase() {
        let bytes = AgeTestFiles.plaintext(32)
        for prefix in ["age", "AGE-SECRET-KEY-"] {
            let text = encoded(bytes, prefix: prefix)
            for index in text.indices.dropFirst(prefix.count + 1) where text[index].isLetter {
                let letter = text[index].isUppercase ? text[index].lowercased() : text[index].uppercased()
                #expect(decoded(text.replacingCharacters(in: index...index, with: letter), prefix: prefix) == nil)
            }
        }
    }
}

extension String {
    fileprivate func replacingCharacters(in range: ClosedRange<Index>, with other: String) -> String {
        var text = self
        text.replaceSubrange(range, with: other)
        return text
    }
}
