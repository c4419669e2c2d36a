import Platform

@testable import Age

/// Identities and recipients: a text has one form, and one that is refused is refused everywhere.
extension FuzzTarget {
    static let ageKey = FuzzTarget(name: "age-key", longest: 512) { input in
        let text = String(decoding: input, as: UTF8.self)
        if let recipient = AgeRecipient(text) {
            hold(recipient.text == text, "a recipient is written as it was read")
        }
        do throws(AgeError) {
            let identity = try AgeIdentity(parsing: input.span)
            var line = input
            if line.last == UInt8(ascii: "\n") { line.removeLast() }
            if line.count < input.count, line.last == UInt8(ascii: "\r") { line.removeLast() }
            hold(identity.encoded().bytes() == line, "an identity is written as it was read")
            hold(AgeRecipient(identity.recipient.text) == identity.recipient, "the recipient of an identity is one")
        } catch { hold(error.failureClass == .identity, "an identity is refused as one") }
        do throws(AgeError) {
            let identity = try AgeIdentity(identityFile: input.span)
            let file = identity.identityFile(created: "2026-01-01T00:00:00Z", comment: "fuzz")
            let again = try file.withBytes { (file) throws(AgeError) in try AgeIdentity(identityFile: file) }
            hold(again.recipient == identity.recipient, "an identity file holds its identity")
        } catch { hold(error.failureClass == .identity, "an identity file is refused as one") }

        // The code itself, whatever the key would be.
        for prefix in ["age", "AGE-SECRET-KEY-", "age-plugin-"] {
            var written: [UInt8] = []
            Bech32.encode(input.span, prefix: prefix) { written.append($0) }
            var read: [UInt8] = []
            hold(Bech32.decode(written.span, prefix: prefix) { read.append($0) } && read == input, "bytes survive Bech32")
            var bytes: [UInt8] = []
            guard Bech32.decode(input.span, prefix: prefix, emit: { bytes.append($0) }) else { continue }
            var again: [UInt8] = []
            Bech32.encode(bytes.span, prefix: prefix) { again.append($0) }
            hold(again == input, "Bech32 has one text for the same bytes")
        }
    }
}
