import Platform
import Testing

@testable import Vault

@Suite("A generated passphrase")
struct GeneratedPassphraseTests {
    private static let consonants = Array("bdfghjklmnprstvz")
    private static let vowels = Array("aiou")

    /// The 16 bits of a word, read as the proposal for proquints says.
    private func bits(_ word: Substring) -> Int? {
        let letters = Array(word)
        guard letters.count == 5 else { return nil }
        var value = 0
        for (index, letter) in letters.enumerated() {
            let alphabet = index % 2 == 0 ? Self.consonants : Self.vowels
            guard let digit = alphabet.firstIndex(of: letter) else { return nil }
            value = value * alphabet.count + digit
        }
        return value
    }

    @Test("is six words of five letters for 16 bits each, long enough for a vault, and never the same")
    func shape() {
        #expect(Self.consonants.count == 16 && Set(Self.consonants).count == 16 && Self.vowels.count == 4)
        var seen: Set<String> = []
        for _ in 0..<500 {
            let passphrase = text(GeneratedPassphrase.make())
            let words = passphrase.split(separator: "-", omittingEmptySubsequences: false)
            #expect(words.count == GeneratedPassphrase.words && GeneratedPassphrase.words == 6)
            #expect(words.allSatisfy { bits($0) != nil }, "\(passphrase)")
            #expect(passphrase.count == 35 && passphrase.count >= PassphraseReader.minimumLength)
            seen.insert(passphrase)
        }
        #expect(seen.count == 500)
    }

    /// 3,000 words: that a bit is the same in all of them, or one of 16 letters missing, would take longer than there is time.
    @Test("uses every letter at every place: no bit of the 96 is fixed")
    func entropy() {
        var ones = [Int](repeating: 0, count: 96)
        for _ in 0..<500 {
            for (place, word) in text(GeneratedPassphrase.make()).split(separator: "-").enumerated() {
                let value = bits(word) ?? 0
                for bit in 0..<16 where value >> bit & 1 == 1 { ones[place * 16 + bit] += 1 }
            }
        }
        // 250 expected, standard deviation 11: nine of them away would be a fault, not chance.
        #expect(ones.allSatisfy { (150...350).contains($0) }, "\(ones)")
    }
}
