/// Base64 (RFC 4648) in its two alphabets, without padding unless asked; decoding accepts canonical input only.
package enum Base64 {
    /// RFC 4648 section 4 and section 5.
    package enum Alphabet: Sendable {
        case standard, urlSafe
    }

    /// Text in ordinary memory: only for what is no secret.
    package static func encode(_ bytes: Span<UInt8>, _ alphabet: Alphabet = .standard, padded: Bool = false) -> String {
        var text: [UInt8] = []
        encode(bytes, alphabet, padded: padded) { text.append($0) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Encodes without leaving a copy outside protected memory.
    package static func encode(secret bytes: Span<UInt8>, _ alphabet: Alphabet) -> SecretBytes {
        var buffer = SecretBuffer(capacity: bytes.count * 4 / 3 + 4)
        encode(bytes, alphabet, padded: false) { buffer.append($0) }
        return buffer.finish()
    }

    private static func encode(_ bytes: Span<UInt8>, _ alphabet: Alphabet, padded: Bool, emit: (UInt8) -> Void) {
        let table = alphabet == .standard ? standard : urlSafe
        var accumulator: UInt32 = 0
        var bits = 0
        var emitted = 0
        for index in bytes.indices {
            accumulator = accumulator << 8 | UInt32(bytes[index])
            bits += 8
            while bits >= 6 {
                bits -= 6
                emit(table[Int(accumulator >> UInt32(bits)) & 63])
                emitted += 1
            }
        }
        if bits > 0 {
            emit(table[Int(accumulator << UInt32(6 - bits)) & 63])
            emitted += 1
        }
        while padded && emitted % 4 != 0 {
            emit(UInt8(ascii: "="))
            emitted += 1
        }
    }

    /// Nil for padding, a foreign character, an impossible length, or bits set behind the last byte.
    package static func decode(_ text: Span<UInt8>, _ alphabet: Alphabet = .standard) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        let table = alphabet == .standard ? standardValues : urlSafeValues
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4)
        var accumulator: UInt32 = 0
        var bits = 0
        for index in text.indices {
            let value = table[Int(text[index])]
            guard value < 64 else { return nil }
            accumulator = accumulator << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: accumulator >> UInt32(bits)))
            }
        }
        guard accumulator & ((1 << UInt32(bits)) - 1) == 0 else { return nil }
        return bytes
    }

    /// The same of a text.
    package static func decode(_ text: String, _ alphabet: Alphabet = .standard) -> [UInt8]? {
        let bytes = Array(text.utf8)
        return decode(bytes.span, alphabet)
    }

    private static let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    private static let standard = Array((letters + "+/").utf8)
    private static let urlSafe = Array((letters + "-_").utf8)
    private static let standardValues = values(of: standard)
    private static let urlSafeValues = values(of: urlSafe)

    private static func values(of alphabet: [UInt8]) -> [UInt8] {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }
}
