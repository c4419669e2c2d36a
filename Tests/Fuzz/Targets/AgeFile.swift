import Platform

@testable import Age

/// Files that somebody else may have written: as they are, and behind a header whose MAC is right.
extension FuzzTarget {
    static let ageFile = FuzzTarget(name: "age-file", longest: 2048) { input in
        open(input)
        armor(input)
        header(input)
        behindHeader(input)
        payload(input)
    }

    private static let identity: AgeIdentity = {
        let key = SecretBytes(fixedKey(X25519.size, 1))
        var text = SecretBuffer(capacity: 128)
        key.withBytes { key in Bech32.encode(key, prefix: "AGE-SECRET-KEY-") { text.append($0) } }
        let line = text.finish()
        guard let identity = try? line.withBytes({ (line) throws(AgeError) in try AgeIdentity(parsing: line) }) else {
            violated("a key is an identity")
        }
        return identity
    }()

    /// One file key for all files, so that an input means the same in every run.
    private static func fileKey() -> FileKey {
        let wrapKey = SecretBytes(fixedKey(32, 2))
        var body: [UInt8] = []
        ChaCha20Poly1305.seal(fixedKey(FileKey.size, 3).span, key: wrapKey, nonce: [UInt8](repeating: 0, count: 12), into: &body)
        guard let key = FileKey(unwrapping: body, under: wrapKey) else { violated("a wrapped file key is unwrapped") }
        return key
    }

    private static let ourStanza = X25519Stanza.wrap(fileKey(), for: identity.recipient)
    private static let plaintext = fixedKey(300, 4)

    private static func check(_ error: AgeError) {
        hold(error.detail.utf8.count <= 300, "a detail is one clause")
        hold(error.unsupportedStanzas.count <= 16, "at most 16 foreign stanzas are named")
        for name in error.unsupportedStanzas { holdShowable(name, limit: 64, "the name of a foreign stanza") }
        hold(error.unsupportedStanzas.isEmpty || error.failureClass == .noMatch, "foreign stanzas belong to no match")
    }

    private static func open(_ file: [UInt8]) {
        do throws(AgeError) {
            let opened = try AgeFile.open(file.span, identity: identity)
            hold(opened.count < file.count, "a plaintext is shorter than its file")
        } catch { check(error) }
        do throws(AgeError) {
            _ = try AgeFile.open(file.span, passphrase: SecretBytes("fuzz"), workFactors: 1...2)
        } catch { check(error) }
        do throws(AgeError) { _ = try AgeFile.workFactor(of: file.span) } catch { check(error) }
    }

    /// Strict PEM: what is decoded is encoded to the same lines.
    private static func armor(_ text: [UInt8]) {
        do throws(AgeError) {
            let binary = try Armor.decode(text.span)
            let again = Armor.encode(binary.span)
            let lines = String(decoding: text, as: UTF8.self).split { $0.isNewline || $0 == " " || $0 == "\t" }.map(String.init)
            let expected = String(decoding: again, as: UTF8.self).split(separator: "\n").map(String.init)
            // "BEGIN AGE ENCRYPTED FILE" has blanks in it.
            hold(lines.joined() == expected.joined().filter { $0 != " " }, "armor is what its bytes are encoded to")
        } catch { check(error) }
        let encoded = Armor.encode(text.span)
        hold((try? Armor.decode(encoded.span)) == text, "what is armored can be taken out again")
    }

    /// The parser accepts nothing that would be written differently.
    private static func header(_ file: [UInt8]) {
        do throws(AgeError) {
            let header = try AgeHeader(parsing: file.span)
            hold(header.count <= file.count && header.authenticatedCount < header.count, "a header lies within its file")
            hold(header.encoded() == Array(file.prefix(header.count)), "a header is written as it was read")
            hold((1...AgeHeader.maximumStanzas).contains(header.stanzas.count), "a header has 1 to 128 stanzas")
        } catch { check(error) }
    }

    /// The input as stanzas before ours, under a MAC that is right: what only who has the file key can write.
    private static func behindHeader(_ stanzas: [UInt8]) {
        let key = fileKey()
        var ours: [UInt8] = []
        ourStanza.encode(into: &ours)
        let authenticated = Array("age-encryption.org/v1\n".utf8) + stanzas + ours + Array("---".utf8)
        var file = authenticated + Array(" \(Base64.encode(key.headerMAC(of: authenticated.span).span))\n".utf8)
        PayloadStream.seal(plaintext.span, fileKey: key, into: &file)
        do throws(AgeError) {
            let opened = try AgeFile.open(file.span, identity: identity)
            hold(opened.bytes() == plaintext, "a file that opens gives what was sealed")
        } catch {
            // An input with a MAC line of its own ends the header early.
            hold(error.failureClass != .noMatch || stanzas.contains(UInt8(ascii: "-")), "our stanza is found among others")
            check(error)
        }
    }

    /// The input laid over a sealed payload: anything but the payload itself is refused as a whole.
    private static func payload(_ change: [UInt8]) {
        guard let cut = change.first else { return }
        let key = fileKey()
        var sealed: [UInt8] = []
        PayloadStream.seal(plaintext.span, fileKey: key, into: &sealed)
        var changed = sealed
        for (index, byte) in change.dropFirst().enumerated() {
            if index < changed.count { changed[index] ^= byte } else { changed.append(byte) }
        }
        changed.removeLast(min(changed.count, Int(cut & 15)))
        do throws(AgeError) {
            let opened = try PayloadStream.open(changed.span, fileKey: key)
            hold(changed == sealed && opened.bytes() == plaintext, "a payload that was changed does not open")
        } catch {
            hold(changed != sealed, "a payload that was not changed opens")
            check(error)
        }
    }
}
