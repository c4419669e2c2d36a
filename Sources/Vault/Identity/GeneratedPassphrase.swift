package import Platform

/// A passphrase for people who do not want to think of one: six words that can be read aloud, 96 bits.
///
/// The words are proquints, five letters for 16 bits each, alternating consonants and vowels (D. Wilkerson, "A Proposal for
/// Proquints", arXiv:0901.4016): no word list is needed.
package enum GeneratedPassphrase {
    /// 16 bits each.
    package static let words = 6
    private static let consonants = Array("bdfghjklmnprstvz".utf8)
    private static let vowels = Array("aiou".utf8)

    /// `lusab-babad-…`: 35 characters.
    package static func make() -> SecretBytes {
        var text = SecretBuffer(capacity: 64)
        let random = Random.secret(words * 2)
        random.withBytes { bytes in
            for word in 0..<words {
                if word > 0 { text.append(UInt8(ascii: "-")) }
                let bits = Int(bytes[word * 2]) << 8 | Int(bytes[word * 2 + 1])
                text.append(consonants[bits >> 12])
                text.append(vowels[bits >> 10 & 3])
                text.append(consonants[bits >> 6 & 15])
                text.append(vowels[bits >> 4 & 3])
                text.append(consonants[bits & 15])
            }
        }
        return text.finish()
    }
}
