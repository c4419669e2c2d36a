import Platform

/// An X25519 public key, to which files are sealed: `age1…`.
///
/// Source: age, section "The X25519 recipient type".
package struct AgeRecipient: Sendable, Hashable, CustomStringConvertible {
    /// The point, 32 bytes.
    let bytes: [UInt8]

    private static let prefix = "age"

    /// The recipient that the text names; nil if it is no lower-case Bech32 text of 32 bytes, or a low-order point.
    package init?(_ text: String) {
        let text = Array(text.utf8)
        var bytes: [UInt8] = []
        guard Bech32.decode(text.span, prefix: AgeRecipient.prefix, emit: { bytes.append($0) }),
            bytes.count == X25519.size
        else { return nil }
        // Refused here, once, so that sealing cannot fail: any scalar tells a low-order point.
        let probe = [UInt8](repeating: 1, count: X25519.size)
        guard X25519.agree(privateKey: probe.span, publicKey: bytes.span) != nil else { return nil }
        self.bytes = bytes
    }

    init(of privateKey: borrowing SecretBytes) { bytes = privateKey.withBytes { X25519.publicKey(of: $0) } }

    /// The text `age1…`, 62 characters.
    package var text: String {
        var text: [UInt8] = []
        Bech32.encode(bytes.span, prefix: AgeRecipient.prefix) { text.append($0) }
        return String(decoding: text, as: UTF8.self)
    }

    package var description: String { text }
}
