import COpenSSL

/// A growing secret: bytes are appended, then `finish()` hands them over as `SecretBytes`.
///
/// Growth allocates new locked pages and wipes the old ones, so no half-built secret stays behind.
package struct SecretBuffer: ~Copyable {
    private var storage: SecretBytes
    /// Bytes so far.
    package private(set) var count = 0

    /// - Parameter capacity: bytes to begin with.
    package init(capacity: Int = 4096) { storage = SecretBytes(zeroes: max(capacity, 64)) }

    package mutating func append(_ byte: UInt8) {
        reserve(1)
        let at = count
        storage.withMutableBytes { $0[at] = byte }
        count += 1
    }

    package mutating func append(_ bytes: Span<UInt8>) {
        guard !bytes.isEmpty else { return }
        reserve(bytes.count)
        let at = count
        storage.withMutableBytes { target in
            unsafe target.withUnsafeMutableBytes { target in
                unsafe bytes.withUnsafeBytes { source in
                    unsafe (target.baseAddress! + at).copyMemory(from: source.baseAddress!, byteCount: source.count)
                }
            }
        }
        count += bytes.count
    }

    package mutating func append(_ secret: borrowing SecretBytes) { secret.withBytes { append($0) } }

    /// UTF-8; only for text that is no secret.
    package mutating func append(_ text: String) {
        let bytes = Array(text.utf8)
        append(bytes.span)
    }

    /// Appends a byte until `count` is a multiple of `block`.
    package mutating func pad(to block: Int, with byte: UInt8) {
        let missing = (block - count % block) % block
        append([UInt8](repeating: byte, count: missing).span)
    }

    /// Lends the bytes so far for the time of the call.
    package borrowing func withBytes<R: ~Copyable, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        let used = count
        return try storage.withBytes { bytes throws(E) in try body(bytes.extracting(first: used)) }
    }

    /// The bytes written so far as a secret of exactly that length.
    package consuming func finish() -> SecretBytes {
        storage.truncated(to: count)
    }

    private mutating func reserve(_ more: Int) {
        guard count + more > storage.count else { return }
        var larger = SecretBytes(zeroes: max(storage.count * 2, count + more))
        let used = count
        storage.withBytes { old in
            larger.withMutableBytes { new in
                unsafe new.withUnsafeMutableBytes { new in
                    unsafe old.withUnsafeBytes { old in
                        unsafe new.baseAddress!.copyMemory(from: old.baseAddress!, byteCount: used)
                    }
                }
            }
        }
        storage = larger
    }
}
