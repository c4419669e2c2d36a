import Platform

/// The 128-bit key of one file, from which the header MAC and the payload key are derived.
///
/// Source: age, sections "File key", "Header MAC" and "Payload".
struct FileKey: ~Copyable {
    private let key: SecretBytes

    static let size = 16
    /// A wrapped file key: the key and a Poly1305 tag.
    static let wrappedSize = size + ChaCha20Poly1305.tagSize
    /// A wrap key is used once, so its nonce may be fixed.
    private static let nonce = [UInt8](repeating: 0, count: ChaCha20Poly1305.nonceSize)

    private init(_ key: consuming SecretBytes) { self.key = key }

    static func random() -> FileKey { FileKey(Random.secret(size)) }

    /// Unwraps the body of a stanza; nil if the wrap key is not the one it was made with.
    ///
    /// The length is checked first: without that a body can be made that opens under many passphrases (partitioning
    /// oracle), so a stanza's parser must have refused any other length already.
    init?(unwrapping body: [UInt8], under wrapKey: borrowing SecretBytes) {
        guard body.count == FileKey.wrappedSize else { return nil }
        var key = SecretBytes(zeroes: FileKey.size)
        let opened = key.withMutableBytes { target in
            ChaCha20Poly1305.open(body.span, key: wrapKey, nonce: FileKey.nonce, into: &target)
        }
        guard opened else { return nil }
        self.key = key
    }

    borrowing func wrapped(under wrapKey: borrowing SecretBytes) -> [UInt8] {
        var body: [UInt8] = []
        key.withBytes { ChaCha20Poly1305.seal($0, key: wrapKey, nonce: FileKey.nonce, into: &body) }
        return body
    }

    borrowing func headerMAC(of header: Span<UInt8>) -> [UInt8] {
        let none: [UInt8] = []
        let macKey = HKDFSHA256.derive(secret: key, salt: none.span, info: "header")
        return HMACSHA256.authenticate(header, key: macKey)
    }

    borrowing func payloadKey(nonce: Span<UInt8>) -> SecretBytes {
        HKDFSHA256.derive(secret: key, salt: nonce, info: "payload")
    }
}
