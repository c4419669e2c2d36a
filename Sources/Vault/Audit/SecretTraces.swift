import Platform

/// Where something stands in the clear that looks like a token or a key: by what it is called, or by what it is.
package enum SecretTraces {
    private static let names: Set<String> = [
        "accesstoken", "refreshtoken", "idtoken", "clientsecret", "apikey", "sessionkey", "cookie", "codeverifier", "password",
        "passphrase",
    ]
    private static let beginnings = ["eyJ", "sk-", "sess-", "rt_", "AGE-SECRET-KEY-1", "Bearer ", "ghp_"]

    /// A text without what looks like a token or key in it, and without the name and password of an address.
    package static func redact(_ text: String) -> String {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map { word -> String in
            var word = String(word)
            if let scheme = word.firstRange(of: "://"), let at = word[scheme.upperBound...].firstIndex(of: "@"),
                !word[scheme.upperBound..<at].contains("/")
            {
                word.replaceSubrange(scheme.upperBound..<at, with: "…")
            }
            for beginning in beginnings {
                // Not in the middle of a name or path.
                guard let found = word.firstRange(of: beginning), word[found.lowerBound...].utf8.count >= 16,
                    word[..<found.lowerBound].last.map({ "\"'=:(,;".contains($0) }) ?? true
                else { continue }
                return word[..<found.lowerBound] + "(looks like a secret)"
            }
            return word
        }
        return words.joined(separator: " ")
    }

    /// JSON pointers (RFC 6901), never a value.
    static func places(in value: JSONValue, at place: String = "") -> [String] {
        switch value {
        case .object(let object):
            return object.members.flatMap { member -> [String] in
                let here = place + "/" + TerminalText.escape(member.name, limit: 60)
                let name = member.name.lowercased().filter { $0 != "_" && $0 != "-" }
                if names.contains(name), member.value.string?.isEmpty == false { return [here] }
                return places(in: member.value, at: here)
            }
        case .array(let elements):
            return elements.enumerated().flatMap { places(in: $1, at: "\(place)/\($0)") }
        case .string(let text):
            return text.utf8.count >= 16 && beginnings.contains { text.hasPrefix($0) } ? [place] : []
        default: return []
        }
    }
}
