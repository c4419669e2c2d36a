import Platform
import Testing

struct JSONRoundTripTests {
    /// A value made of everything that tends to break writers.
    private static func random(_ generator: inout SplitMix, depth: Int = 0) -> JSONValue {
        let texts = ["", "a", "\"\\/", "\u{0}\u{1F}\u{7F}", "\u{202E}\u{200B}\u{FEFF}", "é😀\u{E0041}", "\n\r\t", "K", "🏳️‍🌈"]
        switch Int.random(in: 0..<(depth < 5 ? 8 : 6), using: &generator) {
        case 0: return .null
        case 1: return .bool(.random(using: &generator))
        case 2: return .number(JSONNumber(Int.random(in: .min ... .max, using: &generator)))
        case 3: return .number(JSONNumber(literal: ["-0", "1e-7", "0.10", "12E+3"].randomElement(using: &generator)!))
        case 4, 5: return .string(texts.randomElement(using: &generator)!)
        case 6: return .array((0..<Int.random(in: 0..<5, using: &generator)).map { _ in random(&generator, depth: depth + 1) })
        default:
            var object = JSONObject()
            for name in texts.prefix(Int.random(in: 0..<texts.count, using: &generator)) {
                object[name] = random(&generator, depth: depth + 1)
            }
            return .object(object)
        }
    }

    @Test("Whatever is written, compact or pretty, reads back as it was", arguments: 0..<50 as Range<UInt64>)
    func roundTrip(_ seed: UInt64) throws {
        var generator = SplitMix(seed: seed)
        for _ in 0..<10 {
            let value = Self.random(&generator)
            let compact = value.compact
            #expect(try JSONValue(parsing: compact) == value)
            #expect(try JSONValue(parsing: compact).compact == compact)
            #expect(try JSONValue(parsing: value.pretty) == value)
        }
    }

    @Test(
        "A text with a byte changed is refused, or reads as something that can be written and read again",
        arguments: 0..<20 as Range<UInt64>)
    func mutations(_ seed: UInt64) throws {
        var generator = SplitMix(seed: seed)
        let original = Array(#"{"a":[1,-2.5e+10,"x\u00e9\ud83d\ude00\n"],"b":{"c":null,"d":[true,false,{}]},"e":"é😀"}"#.utf8)
        for _ in 0..<200 {
            var text = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                text[Int.random(in: text.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            guard let value = try? JSONValue(parsing: text.span) else { continue }
            #expect(try JSONValue(parsing: value.compact) == value)
        }
    }

    @Test("Everything that could drive a terminal is escaped, in values and in names, and reads back")
    func hazards() throws {
        let hazards: [Unicode.Scalar] = [
            "\u{0}", "\u{7}", "\u{1B}", "\u{7F}", "\u{80}", "\u{9B}", "\u{9F}", "\u{AD}", "\u{61C}", "\u{180E}", "\u{200B}", "\u{200F}",
            "\u{2028}", "\u{2029}", "\u{202A}", "\u{202E}", "\u{2066}", "\u{2069}", "\u{FEFF}", "\u{FFF9}", "\u{E0001}", "\u{E007F}",
        ]
        for scalar in hazards {
            let text = "a\(Character(scalar))b"
            let value: JSONValue = .object([text: .string(text)])
            for written in [value.compact, value.pretty] {
                #expect(!written.unicodeScalars.contains(scalar), "U+\(String(scalar.value, radix: 16))")
                #expect(written.utf8.allSatisfy { $0 < 0x80 })
                #expect(try JSONValue(parsing: written) == value)
            }
        }
        #expect(JSONValue.string("\u{1B}[31m\u{E0041}").compact == #""\u001b[31m\udb40\udc41""#)
        #expect(JSONValue.string("naïve 漢字 😀").compact == #""naïve 漢字 😀""#)
    }

    @Test("Pretty text has two spaces a level, a member on each line, and empty containers on one")
    func pretty() {
        let value: JSONValue = ["a": [1, "x"], "b": [:], "c": []]
        #expect(value.pretty == "{\n  \"a\": [\n    1,\n    \"x\"\n  ],\n  \"b\": {},\n  \"c\": []\n}")
    }

    @Test("An object keeps the order of its members, and compares without it")
    func order() throws {
        var object = try #require(try JSONValue(parsing: #"{"z":1,"a":2,"m":3}"#).object)
        #expect(object.names == ["z", "a", "m"])
        object["a"] = nil
        object["z"] = 9
        object["b"] = 4
        #expect(JSONValue.object(object).compact == #"{"z":9,"m":3,"b":4}"#)
        #expect(object == ["b": 4, "m": 3, "z": 9])
        #expect(object != ["b": 4, "m": 3])
    }
}
