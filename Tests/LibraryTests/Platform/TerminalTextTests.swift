import Platform
import Testing

struct TerminalTextTests {
    private static let hazards: [(String, ClosedRange<UInt32>)] = [
        ("C0", 0x00...0x1F), ("DEL and C1", 0x7F...0x9F), ("soft hyphen", 0xAD...0xAD), ("Arabic letter mark", 0x61C...0x61C),
        ("zero width", 0x200B...0x200D), ("direction marks", 0x200E...0x200F), ("line and paragraph separator", 0x2028...0x2029),
        ("bidirectional embedding", 0x202A...0x202E), ("word joiner and invisible operators", 0x2060...0x2064),
        ("bidirectional isolates", 0x2066...0x2069), ("byte order mark", 0xFEFF...0xFEFF), ("interlinear", 0xFFF9...0xFFFB),
        ("tags", 0xE0000...0xE007F),
    ]

    @Test("What moves the cursor, hides or reorders is written as its number", arguments: hazards)
    func escapes(_ name: String, _ range: ClosedRange<UInt32>) throws {
        for value in range {
            let scalar = try #require(Unicode.Scalar(value))
            #expect(TerminalText.isHazardous(scalar))
            let shown = TerminalText.escape("a" + String(Character(scalar)) + "b")
            #expect(shown == "a\\u{" + String(value, radix: 16) + "}b", "\(name)")
        }
    }

    @Test(
        "Ordinary text stays as it is",
        arguments: ["", "plain text", "naïve Straße", "漢字かな", "עברית", "العربية", "😀🏴", "e\u{301}", "~\u{A0}¡"])
    func ordinary(_ text: String) { #expect(TerminalText.escape(text) == text) }

    @Test("A long text is cut at the limit and says so; one that fits is not")
    func limit() {
        let text = String(repeating: "x", count: 300)
        #expect(TerminalText.escape(text) == text)
        #expect(TerminalText.escape(text + "y") == text + "…")
        #expect(TerminalText.escape("abcdef", limit: 3) == "abc…")
        #expect(TerminalText.escape("abc", limit: 3) == "abc")
        // A character of a thousand marks does not slip through as one.
        #expect(TerminalText.escape("a" + String(repeating: "\u{301}", count: 1000), limit: 10).unicodeScalars.count == 11)
    }

    @Test("The limit holds for what is written, and what was escaped once is not escaped or cut again")
    func limitOfTheEscaped() {
        for text in [
            String(repeating: "\u{1B}", count: 300), String(repeating: "a\u{202E}", count: 40),
            String(repeating: "x", count: 78) + "\u{200B}y",
        ] {
            for limit in [10, 80] {
                let shown = TerminalText.escape(text, limit: limit)
                #expect(shown.unicodeScalars.count <= limit + 1)
                #expect(shown.hasSuffix("…"))
                #expect(TerminalText.escape(shown, limit: limit) == shown)
            }
        }
        #expect(TerminalText.escape("ab\u{1B}", limit: 8) == "ab\\u{1b}")
        #expect(TerminalText.escape("abc\u{1B}", limit: 8) == "abc…")
    }

    @Test("Line ends stay where lines are wanted, and nothing else does")
    func lines() {
        #expect(TerminalText.escapeLines("a\nb\n") == "a\nb\n")
        #expect(TerminalText.escapeLines("a\u{1B}[2J\nb\u{9B}c\n\n") == "a\\u{1b}[2J\nb\\u{9b}c\n\n")
        #expect(TerminalText.escape("a\nb") == "a\\u{a}b")
        #expect(TerminalText.escapeLines("a\rb") == "a\\u{d}b")
    }

    @Test("UTF-8 is told from other bytes")
    func validity() {
        for bytes in [[], Array("é😀".utf8), [0x00], [0xF4, 0x8F, 0xBF, 0xBF]] as [[UInt8]] { #expect(UTF8Text.isValid(bytes.span) == true) }
        for bytes in [[0x80], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF]] as [[UInt8]] {
            #expect(UTF8Text.isValid(bytes.span) == false)
        }
    }
}
