import Platform

/// What texts from outside go through before they are shown, and the small codes that everything above relies on.
extension FuzzTarget {
    static let plainText = FuzzTarget(name: "plain-text", longest: 1024) { input in
        let text = String(decoding: input, as: UTF8.self)
        for limit in [10, 80, 300] {
            let shown = TerminalText.escape(text, limit: limit)
            holdShowable(shown, limit: limit + 1, "escaped text")
            hold(TerminalText.escape(shown, limit: limit) == shown, "escaping twice changes nothing: \(shown)")
        }
        hold(
            !TerminalText.escapeLines(text).unicodeScalars.contains { $0 != "\n" && TerminalText.isHazardous($0) },
            "escaped lines hold nothing but line ends")
        hold(UTF8Text.isValid(input.span) == (Array(text.utf8) == input), "UTF-8 is what decodes to itself")

        if let time = Timestamp(text) {
            hold(Timestamp(time.description) == time, "a moment is read as it was written: \(time)")
            _ = (time.local, time.utc, time + 1, time - Timestamp(seconds: 0))
        }
        if let time = Timestamp.ofHTTP(text) { hold(Timestamp(time.description) == time, "a date of HTTP is a moment: \(time)") }
        for alphabet in [Base64.Alphabet.standard, .urlSafe] {
            let encoded = Array(Base64.encode(input.span, alphabet).utf8)
            hold(Base64.decode(encoded.span, alphabet) == input, "bytes survive base64")
            if let bytes = Base64.decode(input.span, alphabet) {
                hold(Array(Base64.encode(bytes.span, alphabet).utf8) == input, "base64 has one text for the same bytes")
            }
        }
        hold(Hex.decode(Hex.encode(input.span)) == input, "bytes survive hexadecimal digits")
        if let bytes = Hex.decode(text) { hold(Hex.encode(bytes.span) == text.lowercased(), "hexadecimal digits have one text") }
    }
}
