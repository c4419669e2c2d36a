/// A path or name as one word of a command line that a person may copy (POSIX 2.2.2).
package enum ShellWord {
    /// As it is where no shell would take it apart, else in single quotes.
    package static func quote(_ text: String) -> String {
        if !text.isEmpty, text.utf8.allSatisfy(isPlain) { return text }
        // Dollar-quotes (POSIX.1-2024, 2.2.4) where a terminal could not show it.
        if text.unicodeScalars.contains(where: TerminalText.isHazardous) {
            let bytes = text.utf8.map { byte in isPlain(byte) ? String(UnicodeScalar(byte)) : "\\x" + Hex.encode([byte].span) }
            return "$'" + bytes.joined() + "'"
        }
        return "'" + text.replacing("'", with: #"'\''"#) + "'"
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: Array("/._-+:=@%,".utf8).contains(byte)
        }
    }
}
