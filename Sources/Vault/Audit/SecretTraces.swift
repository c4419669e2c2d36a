import Platform

/// Where something stands in the clear that looks like a token or a key: by what it is called, or by what it is.
enum SecretTraces {
    private static let names: Set<String> = [
        "accesstoken", "refreshtoken", "idtoken", "clientsecret", "apikey", "sessionkey", "cookie", "codeverifier", "password",
        "passphrase",
    ]
    private static let beginnings = ["eyJ", "sk-", "sess-", "rt_", "AGE-SECRET-KEY-1", "Bearer ", "ghp_"]

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
