/// Bech32 (BIP 173) without its limit of 90 characters, as age writes keys.
///
/// Both directions go byte by byte through a closure, so that a private key never stands in a String or an array.
/// The case is that of the prefix, as in the reference implementation: a text in the other case, though BIP 173 would
/// have it, is refused.
enum Bech32 {
    private static let checksumSize = 6
    private static let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    static func encode(_ data: Span<UInt8>, prefix: String, emit: (UInt8) -> Void) {
        let isUpper = isUpperCase(prefix)
        func write(_ value: UInt8) {
            let character = alphabet[Int(value)]
            emit(isUpper ? upper(character) : character)
        }
        var checksum = Checksum(prefix: prefix)
        for byte in prefix.utf8 { emit(byte) }
        emit(UInt8(ascii: "1"))

        var accumulator: UInt32 = 0
        var bits: UInt32 = 0
        func next(_ value: UInt32) {
            let value = UInt8(truncatingIfNeeded: value & 31)
            checksum.add(value)
            write(value)
        }
        for index in data.indices {
            accumulator = accumulator << 8 | UInt32(data[index])
            bits += 8
            while bits >= 5 {
                bits -= 5
                next(accumulator >> bits)
            }
        }
        if bits > 0 { next(accumulator << (5 - bits)) }
        for value in checksum.finish() { write(value) }
    }

    /// Hands the decoded bytes to `emit`; what was handed over counts only if the answer is true.
    static func decode(_ text: Span<UInt8>, prefix: String, emit: (UInt8) -> Void) -> Bool {
        let start = prefix.utf8.count + 1
        guard text.hasPrefix(prefix + "1"), text.count >= start + checksumSize else { return false }
        let isUpper = isUpperCase(prefix)
        var checksum = Checksum(prefix: prefix)
        var accumulator: UInt32 = 0
        var bits: UInt32 = 0
        for index in start..<text.count {
            let character = text[index]
            let folded = isUpper ? lower(character) : character
            // A letter of the other case: mixed.
            guard !isUpper || upper(character) == character else { return false }
            let value = values[Int(folded)]
            guard value < 32 else { return false }
            checksum.add(value)
            guard index < text.count - checksumSize else { continue }
            accumulator = accumulator << 5 | UInt32(value)
            bits += 5
            if bits >= 8 {
                bits -= 8
                emit(UInt8(truncatingIfNeeded: accumulator >> bits))
            }
        }
        // What is left over are the zero bits that filled the last character.
        return checksum.isValid && bits < 5 && accumulator & ((1 << bits) - 1) == 0
    }

    private static func isUpperCase(_ text: String) -> Bool { text.utf8.allSatisfy { upper($0) == $0 } }

    private static func lower(_ character: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(character) ? character | 0x20 : character
    }

    private static func upper(_ character: UInt8) -> UInt8 {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(character) ? character & ~0x20 : character
    }

    /// The BCH code of BIP 173, always over the lower-case text.
    private struct Checksum {
        private var state: UInt32 = 1
        private static let generator: [UInt32] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3]

        init(prefix: String) {
            for byte in prefix.utf8 { add(lower(byte) >> 5) }
            add(0)
            for byte in prefix.utf8 { add(lower(byte) & 31) }
        }

        mutating func add(_ value: UInt8) {
            let top = state >> 25
            state = (state & 0x1FF_FFFF) << 5 ^ UInt32(value)
            for (bit, term) in Checksum.generator.enumerated() where top >> UInt32(bit) & 1 == 1 { state ^= term }
        }

        var isValid: Bool { state == 1 }

        mutating func finish() -> [UInt8] {
            for _ in 0..<checksumSize { add(0) }
            state ^= 1
            return (0..<checksumSize).map { UInt8(truncatingIfNeeded: state >> (5 * UInt32(5 - $0)) & 31) }
        }
    }
}
