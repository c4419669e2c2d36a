import Platform

/// A file key wrapped for one X25519 recipient (age, section "X25519 recipient stanza").
struct X25519Stanza {
    static let type = "X25519"
    private static let info = "age-encryption.org/v1/X25519"

    /// The sender's ephemeral public key.
    private let share: [UInt8]
    private let body: [UInt8]

    /// Nil if the stanza is of another type.
    init?(_ stanza: Stanza) throws(AgeError) {
        guard stanza.type == X25519Stanza.type else { return nil }
        guard stanza.arguments.count == 1, let share = Base64.decode(stanza.arguments[0]), share.count == X25519.size
        else { throw AgeError(.header, "an X25519 stanza needs one share of 32 bytes in canonical base64") }
        guard stanza.body.count == FileKey.wrappedSize else {
            throw AgeError(.header, "an X25519 stanza wraps something that is no file key")
        }
        self.share = share
        body = stanza.body
    }

    /// The file key, or nil if the stanza is for somebody else; throws if the share is a low-order point.
    func unwrap(with identity: borrowing AgeIdentity) throws(AgeError) -> FileKey? {
        guard let shared = identity.agree(with: share) else {
            throw AgeError(.header, "the share of an X25519 stanza is a low-order point")
        }
        let wrapKey = X25519Stanza.wrapKey(shared, share: share, recipient: identity.recipient)
        return FileKey(unwrapping: body, under: wrapKey)
    }

    static func wrap(_ fileKey: borrowing FileKey, for recipient: AgeRecipient) -> Stanza {
        let ephemeral = Random.secret(X25519.size)
        let share = ephemeral.withBytes { X25519.publicKey(of: $0) }
        guard let shared = ephemeral.withBytes({ X25519.agree(privateKey: $0, publicKey: recipient.bytes.span) }) else {
            // AgeRecipient does not let such a point in.
            preconditionFailure("a recipient is a low-order point")
        }
        let wrapKey = wrapKey(shared, share: share, recipient: recipient)
        return Stanza(
            type: type, arguments: [Base64.encode(share.span)], body: fileKey.wrapped(under: wrapKey))
    }

    private static func wrapKey(
        _ shared: borrowing SecretBytes, share: [UInt8], recipient: AgeRecipient
    ) -> SecretBytes {
        let salt = share + recipient.bytes
        return HKDFSHA256.derive(secret: shared, salt: salt.span, info: info)
    }
}
