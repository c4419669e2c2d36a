import Platform

/// What people paste: the whole callback address, `code#state`, `code=…&state=…`, or a bare code.
package enum PastedCallback {
    /// Checks state and issuer as the listener does; a bare code (10 to 4096 characters) cannot be checked.
    ///
    /// - Parameter path: of the redirect URI, which a whole address must have.
    package static func judge(_ line: String, _ fields: CallbackFields, path: String) -> CallbackFields.Verdict {
        let text = line.trimmingBlanks
        guard !text.isEmpty else { return .rejected(reason: "nothing was pasted") }
        if text.lowercased().hasPrefix("http://") || text.lowercased().hasPrefix("https://") {
            guard let address = WebAddress(text), let query = address.query, address.path == path else {
                return .rejected(reason: "this is not the address the browser ended on (it has \(path)?code=… in it)")
            }
            guard let parsed = WebAddress.decodeForm(query) else { return .rejected(reason: "the address is malformed") }
            return fields.judge(parsed)
        }
        let isForm = text.contains("&") || ["code=", "state=", "error=", "?"].contains { text.hasPrefix($0) }
        if isForm {
            let query = text.hasPrefix("?") ? String(text.dropFirst()) : text
            guard let parsed = WebAddress.decodeForm(query), parsed["code"] != nil || parsed["error"] != nil else {
                return .rejected(reason: "there is no code= in it")
            }
            return fields.judge(parsed)
        }
        let parts = text.split(separator: "#", omittingEmptySubsequences: false)
        if parts.count == 2 { return fields.judge(["code": String(parts[0]), "state": String(parts[1])]) }
        guard parts.count == 1, text.utf8.count >= 10, text.utf8.count <= 4096, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return .rejected(reason: "this is neither a callback address nor a code")
        }
        return .accepted(.code(SecretBox(SecretBytes(text)), stateChecked: false))
    }
}

extension String {
    var trimmingBlanks: String {
        let blanks: Set<Character> = [" ", "\t", "\r", "\n", "\r\n"]
        return String(drop { blanks.contains($0) }.reversed().drop { blanks.contains($0) }.reversed())
    }
}
