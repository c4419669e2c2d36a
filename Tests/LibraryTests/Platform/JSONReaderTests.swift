import Platform
import Testing

/// The refusal of a text; nil if it is read.
private func refused(_ text: [UInt8]) -> JSONError? {
    do throws(JSONError) {
        _ = try JSONValue(parsing: text.span)
        return nil
    } catch { return error }
}

private func refused(_ text: String) -> JSONError? { refused(Array(text.utf8)) }

struct JSONReaderTests {
    @Test("What RFC 8259 allows is read", arguments: accepted)
    func accepts(_ text: String, _ compact: String) throws {
        #expect(try JSONValue(parsing: text).compact == compact)
    }

    private static let accepted: [(String, String)] = [
        (" \t\r\n1 \n", "1"), ("null", "null"), ("[true,false]", "[true,false]"), ("[ ]", "[]"), ("{ }", "{}"),
        // A number stays as it was written.
        ("-0", "-0"), ("0.10", "0.10"), ("1E5", "1E5"), ("1e-05", "1e-05"), ("-1.5e+300", "-1.5e+300"),
        (String(repeating: "9", count: 64), String(repeating: "9", count: 64)),
        (#""""#, #""""#), (#""\u0041\u00e9\/""#, #""Aé/""#), (#""\ud83d\uDE00""#, #""😀""#), (#""\"\\\n\r\t""#, #""\"\\\n\r\t""#),
        (#""\b\f\u0000""#, #""\u0008\u000c\u0000""#),
        // The same name at different levels, or in different case, is no duplicate.
        (#"{"a":{"a":1},"A":[{"a":2},{"a":3}],"":0}"#, #"{"a":{"a":1},"A":[{"a":2},{"a":3}],"":0}"#),
    ]

    @Test("What other readers let pass is refused", arguments: malformed)
    func refuses(_ text: String, _ reason: String) throws {
        let error = try #require(refused(text), "\(text.debugDescription) was read")
        #expect(error.reason.contains(reason), "\(error)")
    }

    private static let malformed: [(String, String)] = [
        (#"{"a":1,"a":1}"#, "appears twice"), (#"{"a":1,"\u0061":2}"#, "appears twice"),
        (#"{"é":1,"\u00e9":2}"#, "appears twice"), (#"{"😀":1,"\ud83d\ude00":2}"#, "appears twice"),
        (#"[{"x":{"":1,"":2}}]"#, "appears twice"),
        (#"{"\u001b[2J":1,"\u001b[2J":2}"#, #"the name "\u{1b}[2J" appears twice"#),
        // Swift calls these pairs equal, so a lookup would find only one of them.
        ("{\"K\":1,\"\u{212A}\":2}", "appears twice"), ("{\"é\":1,\"e\u{301}\":2}", "appears twice"),
        (#""\ud800""#, "lone surrogate"), (#""\udc00""#, "lone surrogate"), (#""\ud800\u0041""#, "lone surrogate"),
        (#""\ud800x""#, "lone surrogate"), (#""\udc00\ud800""#, "lone surrogate"), (#""\ud800\ud800""#, "lone surrogate"),
        ("", "ends early"), ("  ", "ends early"), ("[1,", "ends early"), (#"{"a":"#, "ends early"),
        ("[1", "expected ',' or ']'"), (#"{"a":1"#, "expected ',' or '}'"), (#"{"a" 1}"#, "expected ':'"),
        ("1 2", "unexpected text"), ("{}{}", "unexpected text"), ("[]]", "unexpected text"), ("null\u{0}", "unexpected text"),
        ("1//", "unexpected text"), ("nulls", "unexpected text"),
        ("[1,]", "unexpected character"), ("[,1]", "unexpected character"), ("/**/1", "unexpected character"),
        ("\u{FEFF}{}", "unexpected character"), ("\u{A0}1", "unexpected character"), ("\u{C}1", "unexpected character"),
        ("tru", "unexpected character"), ("True", "unexpected character"), ("NaN", "unexpected character"),
        ("Infinity", "unexpected character"), ("'a'", "unexpected character"), ("+1", "unexpected character"),
        (".5", "unexpected character"), ("undefined", "unexpected character"),
        (#"{"a":1,}"#, "member name"), ("{a:1}", "member name"), ("{1:2}", "member name"), ("{,}", "member name"),
        ("01", "unexpected text"), ("-01", "unexpected text"), ("0x10", "unexpected text"), ("1_000", "unexpected text"),
        ("1.", "malformed number"), ("-", "malformed number"), ("1e", "malformed number"), ("1e+", "malformed number"),
        ("1.e5", "malformed number"), ("--1", "malformed number"), ("-Infinity", "malformed number"),
        (String(repeating: "9", count: 65), "more than 64 digits"),
        ("\"a\u{1}\"", "control character"), ("\"a\n\"", "control character"), ("\"a\tb\"", "control character"),
        ("\"\u{0}\"", "control character"), (#""\x41""#, "unknown escape"), (#""\'""#, "unknown escape"),
        (#""\u12g4""#, "malformed \\u"), (#""\u12""#, "malformed \\u"), (#""\U00000041""#, "unknown escape"),
        (#""abc"#, "ends within a string"), (#""abc\"#, "ends within a string"), (#""\ud800\"#, "lone surrogate"),
    ]

    @Test(
        "Bytes that are no UTF-8 are refused wherever they stand",
        arguments: [[0xFF], [0xC3], [0xC0, 0x80], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80]] as [[UInt8]])
    func notUTF8(_ bytes: [UInt8]) {
        let quote = [UInt8(ascii: "\"")]
        #expect(refused(quote + bytes + quote)?.reason == "not UTF-8")
        #expect(refused(Array("{}".utf8) + bytes)?.reason == "not UTF-8")
        #expect(refused(Array("{\"".utf8) + bytes + Array("\":1}".utf8))?.reason == "not UTF-8")
    }

    @Test("Thirty-three nested containers are read, thirty-four are refused, and so are a million")
    func depth() {
        func nested(_ count: Int) -> String { String(repeating: "[", count: count) + String(repeating: "]", count: count) }
        #expect(refused(nested(33)) == nil)
        #expect(refused(nested(34))?.reason == "nested deeper than 32 levels")
        #expect(refused(String(repeating: #"{"a":"#, count: 1_000_000))?.reason == "nested deeper than 32 levels")
    }

    @Test(
        "A refusal names line and column, both from 1, the column in bytes",
        arguments: [
            ("", 1, 1), ("x", 1, 1), ("[1,\n 2,\n  x]", 3, 3), (#"{"a":1,"a":2}"#, 1, 8), ("{\"a\":1,\r\n \"\\u0061\":2}", 2, 2),
            (#"["é",x]"#, 1, 7), (#"["ab\ud800"]"#, 1, 5), ("1 2", 1, 3), ("\n\n\"a\u{1}\"", 3, 3),
        ])
    func position(_ text: String, _ line: Int, _ column: Int) throws {
        let error = try #require(refused(text))
        #expect((error.line, error.column) == (line, column), "\(error)")
        #expect(error.description == "\(error.reason) at line \(line), column \(column)")
    }

    @Test("A number is whole when its value is, however it is written")
    func integers() throws {
        let table: [(String, Int?)] = [
            ("0", 0), ("-7", -7), ("3.0", 3), ("3e2", 300), ("9223372036854775807", .max), ("9223372036854775808", nil), ("1e400", nil),
            ("0.5", nil), ("1e18", 1_000_000_000_000_000_000),
        ]
        for (text, value) in table { #expect(try JSONValue(parsing: text).number?.integer == value, "\(text)") }
        #expect(JSONNumber(Double.nan) == nil)
        #expect(JSONNumber(Double.infinity) == nil)
        #expect(JSONNumber(2.0)?.literal == "2")
        #expect(JSONNumber(0.25)?.literal == "0.25")
    }
}
