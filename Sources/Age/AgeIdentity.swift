package import Platform

/// An X25519 private key, which opens what was sealed to its recipient: `AGE-SECRET-KEY-1…`.
///
/// Source: age, section "The X25519 recipient type". The key stands in protected memory and nowhere else.
package struct AgeIdentity: ~Copyable, Sendable {
    private let key: SecretBytes
    /// The public half.
    package let recipient: AgeRecipient

    private static let prefix = "AGE-SECRET-KEY-"

    private init(_ key: consuming SecretBytes) {
        recipient = AgeRecipient(of: key)
        self.key = key
    }

    /// A new random identity.
    package static func generate() -> AgeIdentity { AgeIdentity(Random.secret(X25519.size)) }

    /// The identity in one line, which LF or CRLF may end; throws `.identity` for anything else.
    package init(parsing line: Span<UInt8>) throws(AgeError) {
        var lines = LineReader()
        guard let range = lines.nextLenient(in: line), lines.position == line.count else {
            throw AgeError(.identity, "an identity is one line")
        }
        var buffer = SecretBuffer(capacity: X25519.size)
        let isValid = Bech32.decode(line.extracting(range), prefix: AgeIdentity.prefix) { buffer.append($0) }
        guard isValid, buffer.count == X25519.size else {
            throw AgeError(.identity, "not an X25519 identity (AGE-SECRET-KEY-1 and 58 upper-case characters)")
        }
        self.init(buffer.finish())
    }

    /// The one identity of an identity file: comment lines (`#`), empty lines, and exactly one key line.
    ///
    /// - Throws: `.identity` for none, several, or a line that is no X25519 identity.
    package init(identityFile: Span<UInt8>) throws(AgeError) {
        var lines = LineReader()
        var found: Range<Int>?
        while let range = lines.nextLenient(in: identityFile) {
            if range.isEmpty || identityFile[range.lowerBound] == UInt8(ascii: "#") { continue }
            guard found == nil else { throw AgeError(.identity, "the identity file has more than one key line") }
            found = range
        }
        guard let found else { throw AgeError(.identity, "the identity file has no key line") }
        try self.init(parsing: identityFile.extracting(found))
    }

    /// The text `AGE-SECRET-KEY-1…`, 74 characters, without a line end.
    package borrowing func encoded() -> SecretBytes {
        var buffer = SecretBuffer(capacity: 128)
        key.withBytes { key in Bech32.encode(key, prefix: AgeIdentity.prefix) { buffer.append($0) } }
        return buffer.finish()
    }

    /// An identity file as age-keygen writes it, with a further comment behind the key; `created` is an RFC 3339 time. Both must
    /// be one line.
    package borrowing func identityFile(created: String, comment: String? = nil) -> SecretBytes {
        precondition(!(created + (comment ?? "")).utf8.contains(UInt8(ascii: "\n")), "a comment must be one line")
        var buffer = SecretBuffer(capacity: 256)
        buffer.append("# created: \(created)\n# public key: \(recipient.text)\n")
        buffer.append(encoded())
        buffer.append("\n")
        if let comment { buffer.append("# \(comment)\n") }
        return buffer.finish()
    }

    /// 32 bytes of key material for another purpose, named by `info`: HKDF-SHA256 of the private key, empty salt.
    ///
    /// age itself never uses the private key as HKDF input, so no `info` can meet a key of the file format.
    package borrowing func deriveKey(info: String) -> SecretBytes {
        let none: [UInt8] = []
        return HKDFSHA256.derive(secret: key, salt: none.span, info: info)
    }

    /// A second owner of the same key: deliberate, and easy to find in a review.
    package borrowing func duplicate() -> AgeIdentity { AgeIdentity(key.duplicate()) }

    /// The X25519 shared secret with a sender's share; nil for a low-order point.
    borrowing func agree(with share: [UInt8]) -> SecretBytes? {
        key.withBytes { X25519.agree(privateKey: $0, publicKey: share.span) }
    }
}
