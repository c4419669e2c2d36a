import Platform

/// The textual header of an age file: version line, stanzas, MAC line.
///
/// Grammar: age, section "ABNF definition of file header". The parser accepts nothing that `encoded()` would write
/// differently, so a header cannot be changed without changing its meaning.
struct AgeHeader {
    let stanzas: [Stanza]
    let mac: [UInt8]
    /// How many bytes the MAC covers: up to and including the `---` mark.
    let authenticatedCount: Int
    /// How many bytes the header takes; the payload begins there.
    let count: Int

    private static let version = "age-encryption.org/v1"
    /// Ours, not the specification's: each X25519 stanza costs a scalar multiplication before anything of the header
    /// can be authenticated, so their number must not be the file's choice.
    static let maximumStanzas = 128

    /// Seals the stanzas under the file key that they wrap.
    init(stanzas: [Stanza], fileKey: borrowing FileKey) {
        let text = AgeHeader.authenticated(stanzas)
        self.stanzas = stanzas
        mac = fileKey.headerMAC(of: text.span)
        authenticatedCount = text.count
        // " ", 43 characters of base64, LF
        count = text.count + 45
    }

    /// Parses the header at the start of a binary age file; does not check the MAC.
    init(parsing file: Span<UInt8>) throws(AgeError) {
        var lines = LineReader()
        guard let first = lines.next(in: file), file.extracting(first).equals(AgeHeader.version) else {
            throw AgeError(.header, "not an age v1 file")
        }
        var stanzas: [Stanza] = []
        while true {
            guard let line = lines.next(in: file) else { throw AgeError(.header, "the header is cut off") }
            if file.extracting(line).hasPrefix("---") {
                mac = try AgeHeader.mac(in: file.extracting(line))
                authenticatedCount = line.lowerBound + 3
                count = lines.position
                break
            }
            guard stanzas.count < AgeHeader.maximumStanzas else {
                throw AgeError(.header, "more than \(AgeHeader.maximumStanzas) stanzas")
            }
            stanzas.append(try Stanza(parsing: line, of: file, &lines))
        }
        guard !stanzas.isEmpty else { throw AgeError(.header, "the header has no stanza") }
        // Who sees a passphrase file must be able to rely on it that nobody else can open it.
        guard stanzas.count == 1 || !stanzas.contains(where: { $0.type == ScryptStanza.type }) else {
            throw AgeError(.header, "an scrypt stanza must stand alone")
        }
        self.stanzas = stanzas
    }

    func encoded() -> [UInt8] {
        var text = AgeHeader.authenticated(stanzas)
        text += Array(" \(Base64.encode(mac.span))\n".utf8)
        return text
    }

    private static func authenticated(_ stanzas: [Stanza]) -> [UInt8] {
        var text = Array("\(version)\n".utf8)
        for stanza in stanzas { stanza.encode(into: &text) }
        text += Array("---".utf8)
        return text
    }

    private static func mac(in line: Span<UInt8>) throws(AgeError) -> [UInt8] {
        guard line.hasPrefix("--- "), let mac = Base64.decode(line.extracting(droppingFirst: 4)),
            mac.count == SHA256.size
        else { throw AgeError(.header, "the MAC line is malformed") }
        return mac
    }
}
