import COpenSSL
import Glibc

/// Bytes that must not leak: the only owner of its memory, wiped when it goes.
///
/// The bytes stand in pages of their own: locked (never swapped), left out of core files, wiped in a forked child,
/// overwritten before they are given back. The type cannot be copied, printed, encoded, hashed or compared by accident;
/// `SecretBytes.equal` compares in constant time. If the kernel refuses to lock the pages (RLIMIT_MEMLOCK) the bytes
/// are still kept and still wiped.
@safe package struct SecretBytes: ~Copyable, @unchecked Sendable {
    private let pages: UnsafeMutableRawBufferPointer
    /// The number of bytes of the secret (not of the pages).
    package private(set) var count: Int

    /// Zeroed memory for `count` bytes, filled by `body`.
    package init<E: Error>(count: Int, filledBy body: (inout MutableSpan<UInt8>) throws(E) -> Void) throws(E) {
        self.init(zeroes: count)
        try withMutableBytes(body)
    }

    /// A secret of `count` zero bytes.
    package init(zeroes count: Int) {
        self.count = count
        unsafe pages = LockedPages.allocate(atLeast: count)
    }

    /// A copy of bytes that already stand in memory; the caller still owns (and should wipe) the original.
    package init(copying bytes: Span<UInt8>) {
        self.init(zeroes: bytes.count)
        unsafe bytes.withUnsafeBytes { source in
            if source.count > 0 { unsafe pages.baseAddress!.copyMemory(from: source.baseAddress!, byteCount: source.count) }
        }
    }

    /// A secret from text, for constants and tests; text that is itself secret should never have become a String.
    package init(_ text: String) {
        let bytes = Array(text.utf8)
        self.init(copying: bytes.span)
    }

    deinit { unsafe LockedPages.release(pages) }

    package var isEmpty: Bool { count == 0 }

    /// Lends the bytes for the time of the call.
    package borrowing func withBytes<R: ~Copyable, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        let buffer = unsafe UnsafeBufferPointer(
            start: pages.baseAddress!.assumingMemoryBound(to: UInt8.self), count: count)
        return try body(unsafe buffer.span)
    }

    /// Lends the bytes for writing for the time of the call.
    package mutating func withMutableBytes<R: ~Copyable, E: Error>(
        _ body: (inout MutableSpan<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        let buffer = unsafe UnsafeMutableBufferPointer(
            start: pages.baseAddress!.assumingMemoryBound(to: UInt8.self), count: count)
        var span = unsafe buffer.mutableSpan
        return try body(&span)
    }

    /// Overwrites the first bytes with zeroes.
    package mutating func wipe(first wiped: Int) {
        precondition(wiped <= count)
        unsafe OPENSSL_cleanse(pages.baseAddress!, wiped)
    }

    /// Overwrites a part that one owner alone has ever lent: for blocks of which several own parts.
    borrowing func wipe(unshared range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        unsafe OPENSSL_cleanse(pages.baseAddress! + range.lowerBound, range.count)
    }

    /// The first bytes of it, in the same memory.
    package consuming func truncated(to count: Int) -> SecretBytes {
        precondition(count <= self.count)
        self.count = count
        return self
    }

    /// A second owner of the same bytes: deliberate, and easy to find in a review.
    package borrowing func duplicate() -> SecretBytes {
        withBytes { SecretBytes(copying: $0) }
    }

    /// Constant-time comparison; only the lengths may show.
    package static func equal(_ a: borrowing SecretBytes, _ b: borrowing SecretBytes) -> Bool {
        a.withBytes { a in b.withBytes { b in constantTimeEqual(a, b) } }
    }

    /// What `body` makes of a secret that may be missing, without owning it; nil where it is. (`Optional.map` copies or consumes.)
    package static func lend<R>(_ secret: borrowing SecretBytes?, to body: (borrowing SecretBytes) -> R) -> R? {
        switch secret {
        case .some(let secret): return body(secret)
        case .none: return nil
        }
    }
}

/// Compares two byte strings in a time that depends on their lengths alone.
package func constantTimeEqual(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    if a.isEmpty { return true }
    return unsafe a.withUnsafeBytes { a in
        unsafe b.withUnsafeBytes { b in unsafe CRYPTO_memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0 }
    }
}

/// Overwrites bytes of an ordinary array that held a secret for a moment.
package func wipe(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { buffer in
        if buffer.count > 0 { unsafe OPENSSL_cleanse(buffer.baseAddress!, buffer.count) }
    }
    bytes.removeAll()
}
