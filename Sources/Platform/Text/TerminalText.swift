/// Text from a server or a file made safe to show: nothing in it can move the cursor, change colours, hide or reorder.
package enum TerminalText {
    /// Control characters (C0, DEL, C1), line and paragraph separators, bidirectional controls, zero-width characters.
    package static func isHazardous(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0xAD, 0x61C, 0x180E, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF,
            0xFFF9...0xFFFB, 0xE0000...0xE007F:
            true
        default: false
        }
    }

    /// At most `limit` characters as they are written, hazardous ones as \u{…}, and "…" where there were more. What was escaped
    /// already stays as it is.
    package static func escape(_ text: String, limit: Int = 300) -> String {
        var safe = ""
        var count = 0
        for scalar in text.unicodeScalars {
            let name = isHazardous(scalar) ? "\\u{" + String(scalar.value, radix: 16) + "}" : nil
            count += name?.utf8.count ?? 1
            if count > limit { return safe + "…" }
            if let name { safe += name } else { safe.unicodeScalars.append(scalar) }
        }
        return safe
    }

    /// The same for a text of several lines, whose line ends stay.
    package static func escapeLines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { escape(String($0), limit: 2000) }.joined(separator: "\n")
    }
}

/// UTF-8 validity of bytes that are not (yet) text.
package enum UTF8Text {
    /// RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF.
    package static func isValid(_ bytes: Span<UInt8>) -> Bool {
        (try? UTF8Span(validating: bytes)) != nil
    }
}
