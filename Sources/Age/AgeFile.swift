package import Platform

/// Seals and opens files in the age v1 format (https://age-encryption.org/v1, C2SP `age.md`).
///
/// Recipient types: X25519 and scrypt. Files are whole in memory: nothing is released before all of it is verified.
package enum AgeFile {
    /// The largest binary file that is opened, in bytes; an armored one is held to it after the armor is taken off.
    package static let maximumSize = 64 << 20
    /// The largest plaintext that is sealed, in bytes: what fits a file of `maximumSize` with its header and tags.
    package static let maximumPlaintextSize = 63 << 20

    /// Seals to one or more X25519 recipients (at most 128, any of whom can open the file).
    ///
    /// The answer is the binary file. An empty list or a plaintext over `maximumPlaintextSize` is a programming error.
    package static func seal(_ plaintext: Span<UInt8>, to recipients: [AgeRecipient]) -> [UInt8] {
        precondition((1...AgeHeader.maximumStanzas).contains(recipients.count), "1 to 128 recipients")
        let fileKey = FileKey.random()
        let stanzas = recipients.map { X25519Stanza.wrap(fileKey, for: $0) }
        return seal(plaintext, stanzas: stanzas, fileKey: fileKey)
    }

    /// Seals under a passphrase: one scrypt stanza.
    ///
    /// `workFactor` is log2(N), 1 to 22: scrypt takes 2^workFactor KiB and blocks the calling thread. Throws `.memory`
    /// if it cannot run.
    package static func seal(
        _ plaintext: Span<UInt8>, passphrase: borrowing SecretBytes, workFactor: Int
    ) throws(AgeError) -> [UInt8] {
        precondition((1...22).contains(workFactor), "a work factor of 1 to 22")
        let fileKey = FileKey.random()
        let stanza = try ScryptStanza.wrap(fileKey, under: passphrase, workFactor: workFactor)
        return seal(plaintext, stanzas: [stanza], fileKey: fileKey)
    }

    /// Opens a file, binary or armored, that was sealed to the identity's recipient.
    ///
    /// - Throws: `.noMatch` for a file of somebody else; `.header`, `.hmac`, `.payload` or `.armor` for one that is cut, changed or
    ///   larger than `maximumSize`. Nothing of it is released then.
    package static func open(_ file: Span<UInt8>, identity: borrowing AgeIdentity) throws(AgeError) -> SecretBytes {
        try withBinary(file) { file throws(AgeError) in
            let header = try AgeHeader(parsing: file)
            // All of them first: a file with a malformed stanza is refused whichever stanza is ours.
            var stanzas: [X25519Stanza] = []
            for stanza in header.stanzas {
                if let stanza = try X25519Stanza(stanza) { stanzas.append(stanza) }
            }
            for stanza in stanzas {
                if let fileKey = try stanza.unwrap(with: identity) {
                    return try open(file, header: header, fileKey: fileKey)
                }
            }
            throw AgeError.noMatch("no stanza of the file is for this identity", in: header)
        }
    }

    /// Opens a file, binary or armored, that was sealed under a passphrase.
    ///
    /// A work factor outside of `workFactors` is a `.header` failure, before memory or time is spent on it. A wrong
    /// passphrase is `.noMatch`. Blocks the calling thread for scrypt.
    ///
    /// - Throws: these two, `.memory`, and as the opening with an identity.
    package static func open(
        _ file: Span<UInt8>, passphrase: borrowing SecretBytes, workFactors: ClosedRange<Int> = 1...22
    ) throws(AgeError) -> SecretBytes {
        try withBinary(file) { file throws(AgeError) in
            let header = try AgeHeader(parsing: file)
            guard let stanza = try ScryptStanza(header.stanzas[0]) else {
                throw AgeError.noMatch("the file was not sealed under a passphrase", in: header)
            }
            guard let fileKey = try stanza.unwrap(with: passphrase, workFactors: workFactors) else {
                throw AgeError.noMatch("the passphrase is not the one of the file", in: header)
            }
            return try open(file, header: header, fileKey: fileKey)
        }
    }

    /// The work factor that a passphrase file asks for, read without spending memory or time; nil if it is no
    /// passphrase file.
    ///
    /// - Throws: `.header` or `.armor` for what is no age file.
    package static func workFactor(of file: Span<UInt8>) throws(AgeError) -> Int? {
        try withBinary(file) { file throws(AgeError) in
            try ScryptStanza(AgeHeader(parsing: file).stanzas[0])?.workFactor
        }
    }

    /// A binary file as ASCII armor, which `open` reads as well.
    package static func armor(_ file: Span<UInt8>) -> [UInt8] { Armor.encode(file) }

    private static func withBinary<R: ~Copyable>(
        _ file: Span<UInt8>, _ body: (Span<UInt8>) throws(AgeError) -> R
    ) throws(AgeError) -> R {
        func checked(_ binary: Span<UInt8>) throws(AgeError) -> R {
            guard binary.count <= maximumSize else { throw AgeError(.payload, "the file is larger than 64 MiB") }
            return try body(binary)
        }
        guard Armor.isPresent(in: file) else { return try checked(file) }
        let binary = try Armor.decode(file)
        return try checked(binary.span)
    }

    private static func open(
        _ file: Span<UInt8>, header: AgeHeader, fileKey: borrowing FileKey
    ) throws(AgeError) -> SecretBytes {
        let mac = fileKey.headerMAC(of: file.extracting(first: header.authenticatedCount))
        guard constantTimeEqual(mac.span, header.mac.span) else { throw AgeError(.hmac, "the header was changed") }
        return try PayloadStream.open(file.extracting(droppingFirst: header.count), fileKey: fileKey)
    }

    private static func seal(
        _ plaintext: Span<UInt8>, stanzas: [Stanza], fileKey: borrowing FileKey
    ) -> [UInt8] {
        precondition(plaintext.count <= maximumPlaintextSize, "a plaintext of at most 63 MiB")
        var file = AgeHeader(stanzas: stanzas, fileKey: fileKey).encoded()
        PayloadStream.seal(plaintext, fileKey: fileKey, into: &file)
        return file
    }
}
