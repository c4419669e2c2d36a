/// Why an age file or an identity was refused.
///
/// The classes are those of the public test vectors (C2SP CCTV, age), so that a refusal can be compared word for word.
/// Neither the class nor the detail ever carries a key, a passphrase or plaintext.
package struct AgeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of refusal it is.
    package enum Class: String, Sendable {
        /// The header, or a stanza in it, breaks the grammar or a rule of its recipient type.
        case header = "header failure"
        /// A stanza was opened, yet the header is not the one that was sealed.
        case hmac = "HMAC failure"
        /// No stanza is for this identity or passphrase.
        case noMatch = "no match"
        /// The payload was cut, extended or changed.
        case payload = "payload failure"
        /// The ASCII armor is not strict PEM.
        case armor = "armor failure"
        /// The text is no X25519 identity, or the file does not hold exactly one.
        case identity = "malformed identity"
        /// scrypt could not have the memory that the work factor asks for.
        case memory = "out of memory"
    }

    package let failureClass: Class
    /// One clause for people, without a full stop.
    package let detail: String
    /// The stanza types of the file that this module does not implement: sorted, each once, at most 16, each cut to
    /// 64 characters, because the file chooses them. Empty unless `failureClass` is `.noMatch`.
    package let unsupportedStanzas: [String]

    init(_ failureClass: Class, _ detail: String, unsupportedStanzas: [String] = []) {
        self.failureClass = failureClass
        self.detail = detail
        self.unsupportedStanzas = unsupportedStanzas
    }

    /// No stanza fits: names the types that were met and could not be tried.
    static func noMatch(_ detail: String, in header: AgeHeader) -> AgeError {
        let foreign = Set(header.stanzas.map(\.type)).subtracting([X25519Stanza.type, ScryptStanza.type])
        let names = Set(foreign.map { String($0.prefix(64)) }).sorted().prefix(16)
        return AgeError(.noMatch, detail, unsupportedStanzas: Array(names))
    }

    package var description: String {
        let text = "\(failureClass.rawValue): \(detail)"
        if unsupportedStanzas.isEmpty { return text }
        return "\(text) (unsupported stanzas: \(unsupportedStanzas.joined(separator: ", ")))"
    }
}
