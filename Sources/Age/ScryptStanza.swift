import Platform

/// A file key wrapped under a passphrase (age, section "scrypt recipient stanza").
struct ScryptStanza {
    static let type = "scrypt"
    private static let label = "age-encryption.org/v1/scrypt"
    private static let saltSize = 16
    /// The largest work factor that is ever computed, whatever a caller allows: 2^24 KiB are 16 GiB.
    private static let implemented = 1...24

    /// log2(N); N KiB of memory are needed. Any positive number: whoever unwraps says what is too much.
    let workFactor: Int
    private let salt: [UInt8]
    private let body: [UInt8]

    /// Nil if the stanza is of another type.
    init?(_ stanza: Stanza) throws(AgeError) {
        guard stanza.type == ScryptStanza.type else { return nil }
        guard stanza.arguments.count == 2 else {
            throw AgeError(.header, "an scrypt stanza needs a salt and a work factor")
        }
        guard let salt = Base64.decode(stanza.arguments[0]), salt.count == ScryptStanza.saltSize else {
            throw AgeError(.header, "the salt of an scrypt stanza must be 16 bytes in canonical base64")
        }
        guard let workFactor = ScryptStanza.decimal(stanza.arguments[1]) else {
            throw AgeError(.header, "the work factor of an scrypt stanza is no canonical decimal number")
        }
        guard stanza.body.count == FileKey.wrappedSize else {
            throw AgeError(.header, "an scrypt stanza wraps something that is no file key")
        }
        self.workFactor = workFactor
        self.salt = salt
        body = stanza.body
    }

    /// The file key, or nil for a wrong passphrase; throws before any memory is taken if the work factor is refused.
    func unwrap(
        with passphrase: borrowing SecretBytes, workFactors: ClosedRange<Int>
    ) throws(AgeError) -> FileKey? {
        guard workFactors.contains(workFactor), ScryptStanza.implemented.contains(workFactor) else {
            let range = "\(workFactors.lowerBound) to \(workFactors.upperBound)"
            throw AgeError(.header, "the scrypt work factor \(workFactor) is outside of \(range)")
        }
        return FileKey(
            unwrapping: body, under: try ScryptStanza.wrapKey(passphrase, salt: salt, workFactor: workFactor))
    }

    static func wrap(
        _ fileKey: borrowing FileKey, under passphrase: borrowing SecretBytes, workFactor: Int
    ) throws(AgeError) -> Stanza {
        let salt = Random.bytes(saltSize)
        let wrapKey = try wrapKey(passphrase, salt: salt, workFactor: workFactor)
        return Stanza(
            type: type, arguments: [Base64.encode(salt.span), String(workFactor)],
            body: fileKey.wrapped(under: wrapKey))
    }

    private static func wrapKey(
        _ passphrase: borrowing SecretBytes, salt: [UInt8], workFactor: Int
    ) throws(AgeError) -> SecretBytes {
        let salt = Array(label.utf8) + salt
        guard let key = Scrypt.derive(passphrase: passphrase, salt: salt.span, workFactor: workFactor) else {
            throw AgeError(.memory, "scrypt needs \((1 << workFactor) >> 10) MiB for the work factor \(workFactor)")
        }
        return key
    }

    /// `[1-9][0-9]*`; nil also for a number that no Int holds.
    private static func decimal(_ text: String) -> Int? {
        guard let first = text.utf8.first, first != UInt8(ascii: "0") else { return nil }
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return Int(text)
    }
}
