import COpenSSL

/// Randomness from OpenSSL's generator (seeded by the kernel).
package enum Random {
    /// `count` unpredictable bytes that are not secret in the long run (nonces, salts, identifiers).
    package static func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        unsafe bytes.withUnsafeMutableBufferPointer { unsafe fill($0.baseAddress, count) }
        return bytes
    }

    /// `count` unpredictable bytes in protected memory (keys, verifiers).
    package static func secret(_ count: Int) -> SecretBytes {
        SecretBytes(count: count) { span in
            unsafe span.withUnsafeMutableBufferPointer { unsafe fill($0.baseAddress, count) }
        }
    }

    /// A number from 0 up to the bound (not the bound itself), for spreading things in time. A bound of 0 gives 0.
    package static func number(below bound: UInt64) -> UInt64 {
        bound == 0 ? 0 : bytes(8).reduce(0) { $0 << 8 | UInt64($1) } % bound
    }

    /// A random version 4 UUID (RFC 9562), in lower case.
    package static func uuid() -> String {
        uuid(from: bytes(16))
    }

    /// The same from the first 16 of given bytes, of which there must be so many.
    package static func uuid(from source: [UInt8]) -> String {
        var bytes = Array(source.prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let hex = Hex.encode(bytes.span)
        var text = ""
        for (index, character) in hex.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(character)
        }
        return text
    }

    private static func fill(_ target: UnsafeMutablePointer<UInt8>?, _ count: Int) {
        guard count > 0, let target = unsafe target else { return }
        // Going on with predictable keys would be worse than stopping; RAND_bytes fails only if the kernel's source does.
        guard unsafe RAND_bytes(target, Int32(count)) == 1 else { fatalError("the random number generator failed") }
    }
}
