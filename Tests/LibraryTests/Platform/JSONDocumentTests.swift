import Platform
import Testing

struct JSONDocumentTests {
    private func document(_ text: String) throws -> JSONDocument { try JSONDocument(SecretBytes(text)) }

    @Test(
        "A secret comes out with its escapes decoded",
        arguments: [
            (#""""#, ""), (#""plain-token""#, "plain-token"), (#""a\"b\\c\/d""#, "a\"b\\c/d"), (#""\u0041\u00e9\ud83d\ude00""#, "Aé😀"),
            (#""\b\f\n\r\t""#, "\u{8}\u{C}\n\r\t"), (#""é😀""#, "é😀"),
        ])
    func secrets(_ json: String, _ expected: String) throws {
        let document = try document("{\"token\" : \(json) }")
        let node = try unwrap(document.at("token"))
        let secret = try unwrap(document.secret(node))
        #expect(text(secret) == expected)
        #expect(document.string(node) == expected)
        #expect(document.text(at: "token") == expected)
    }

    @Test("Only a string is a secret or a text")
    func noStrings() throws {
        let document = try document(#"{"a":1,"b":null,"c":["x"],"d":{"e":"y"},"f":true}"#)
        for name in ["a", "b", "c", "d", "f"] {
            let node = try unwrap(document.at(name))
            let isSecret = document.secret(node) != nil
            #expect(!isSecret)
            #expect(document.string(node) == nil)
            #expect(document.text(at: name) == nil)
        }
    }

    @Test("The raw text of a value is exactly what stood there")
    func rawText() throws {
        let parts = [#"{ "x" : [ 1 , "\u0041" ] }"#, #""a\u0062c""#, "-1.50E+2", "[ ]", "null"]
        let document = try document("{\"v\":[\n" + parts.joined(separator: " ,\t") + "]}")
        let nodes = document.elements(of: try unwrap(document.at("v")))
        #expect(nodes.count == parts.count)
        for (node, part) in zip(nodes, parts) {
            let raw = document.withRawText(of: node) { span in span.indices.map { span[$0] } }
            #expect(raw == Array(part.utf8))
        }
    }

    @Test("A path leads through objects, and to nil where nothing stands")
    func paths() throws {
        let document = try document(#"{"a":{"b":{"c":"deep","n":42.0}},"l":[1,2],"n":7}"#)
        #expect(document.text(at: "a", "b", "c") == "deep")
        #expect(document.integer(at: "a", "b", "n") == 42)
        #expect(document.integer(at: "n") == 7)
        #expect(document.text(at: "a", "x", "c") == nil)
        #expect(document.text(at: "l", "b") == nil)
        #expect(document.text(at: "n", "b") == nil)
        #expect(document.integer(at: "l") == nil)
        #expect(document.at() == document.root)
    }

    @Test("A member is found by its decoded name, and by no beginning of one", arguments: [#""ab""#, #""\u0061b""#])
    func escapedNames(_ name: String) throws {
        let document = try document(#"{"a":1,"abc":2,\#(name):{"x":3},"":4}"#)
        #expect(document.integer(at: "ab", "x") == 3 && document.integer(at: "a") == 1 && document.integer(at: "") == 4)
        #expect(document.integer(at: "abc") == 2 && document.at("b") == nil)
    }

    @Test("Members, elements and kinds are told apart")
    func structure() throws {
        let document = try document(#"{"o":{"x":1,"\u0079":[]},"l":[{},"s",[3,[4]],null]}"#)
        let object = try unwrap(document.at("o"))
        let list = try unwrap(document.at("l"))
        #expect(document.members(of: object).map(\.name) == ["x", "y"])
        #expect(document.members(of: list).count == 0)
        #expect(document.elements(of: object).count == 0)
        let elements = document.elements(of: list)
        #expect(elements.count == 4)
        #expect(elements.map { document.isObject($0) } == [true, false, false, false])
        #expect(elements.map { document.isArray($0) } == [false, false, true, false])
        #expect(elements.map { document.isNull($0) } == [false, false, false, true])
        #expect(document.number(document.members(of: object)[0].value)?.literal == "1")
        #expect(document.value(list) == .array([[:], "s", [3, [4]], .null]))
    }

    @Test("The document is as strict as the reader of ordinary values")
    func strict() {
        for text in [#"{"a":1,"\u0061":2}"#, #""\ud800""#, "{} {}", "[1,]", "01"] {
            #expect(throws: JSONError.self, "\(text)") { _ = try JSONDocument(SecretBytes(text)) }
        }
    }

    @Test("What the writer of secrets writes reads back, whatever is in the secrets")
    func writer() throws {
        let tokens = ["simple", "quote\" back\\slash", "line\nend\ttab\u{1}", "é😀", ""]
        var writer = SecretJSONWriter(capacity: 16)
        writer.member("n\"ame", .string("v"))
        for (index, token) in tokens.enumerated() { writer.member("t\(index)", secret: SecretBytes(token)) }
        writer.member("none", optionalSecret: nil)
        writer.beginArray("list")
        writer.element(raw: Array(#"{"raw": 1}"#.utf8).span)
        writer.element(raw: Array("2".utf8).span)
        writer.endArray()
        writer.member("last", .bool(true))
        let document = try JSONDocument(writer.finish())
        #expect(document.text(at: "n\"ame") == "v")
        for (index, token) in tokens.enumerated() { #expect(document.text(at: "t\(index)") == token) }
        #expect(document.value(try unwrap(document.at("none"))) == .null)
        #expect(document.value(try unwrap(document.at("list"))) == .array([["raw": 1], 2]))
        #expect(document.value(try unwrap(document.at("last"))) == true)
    }
}
