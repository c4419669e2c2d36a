import KeyringProtocol
import Platform

/// A line of the keyring helper, which hands on what other programs stored.
extension FuzzTarget {
    static let keyringLine = FuzzTarget(name: "keyring-line", longest: 2048) { input in
        if let reply = KeyringReply(SecretBytes(input)) {
            guard let value = try? JSONValue(parsing: input.span) else { violated("a line is JSON") }
            hold(value["result"].string == reply.result.rawValue, "a line has its result")
            hold(reply.why == value["why"].string, "a line has its reason")
            hold(reply.references == (value["references"].array ?? []).compactMap(\.string), "a line has its references")
            hold(reply.secretCount == (value["secrets"].array ?? []).count, "a line has its secrets")
            for index in 0..<min(reply.secretCount, 8) {
                hold(reply.secret(at: index)?.bytes() == value["secrets"].array?[index].string.map { Array($0.utf8) }, "a secret is read")
            }
            hold(reply.secret(at: reply.secretCount) == nil, "behind the last secret there is none")
        }
        // The input as an item that somebody else stored.
        var writer = KeyringReplyWriter(.found, why: String(decoding: input, as: UTF8.self))
        writer.beginSecrets()
        writer.secret(input.span)
        writer.endSecrets()
        guard let written = KeyringReply(writer.finish()) else { violated("a line that is written is read") }
        hold(written.secretCount == (UTF8Text.isValid(input.span) ? 1 : 0), "an item that is no text is left out")
        if written.secretCount == 1 { hold(written.secret(at: 0)?.bytes() == input, "an item is read as it was stored") }
        hold(written.why == String(decoding: input, as: UTF8.self), "a reason is read as it was written")
    }
}
