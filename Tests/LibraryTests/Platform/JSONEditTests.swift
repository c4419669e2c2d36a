import Platform
import Testing

struct JSONEditTests {
    private static let text = #"{"a" : 1, "b":{"x":"old", "y": [1,2.50]} ,"c":"é"}"# + "\n"

    private static let edits: [(what: String, edits: [JSONEdit], result: String?)] = [
        ("nothing", [], text),
        ("a value", [.replace(["b", "x"], with: "\"\"")], #"{"a" : 1, "b":{"x":"", "y": [1,2.50]} ,"c":"é"}"# + "\n"),
        ("a whole object", [.replace(["b"], with: "null")], #"{"a" : 1, "b":null ,"c":"é"}"# + "\n"),
        ("the first member", [.remove(["a"])], #"{"b":{"x":"old", "y": [1,2.50]} ,"c":"é"}"# + "\n"),
        ("one in the middle", [.remove(["b"])], #"{"a" : 1 ,"c":"é"}"# + "\n"),
        ("the last member", [.remove(["c"])], #"{"a" : 1, "b":{"x":"old", "y": [1,2.50]}}"# + "\n"),
        (
            "two at once, in any order", [.replace(["c"], with: "0"), .replace(["b", "x"], with: "\"\"")],
            #"{"a" : 1, "b":{"x":"", "y": [1,2.50]} ,"c":0}"# + "\n"
        ),
        ("a path that leads nowhere", [.replace(["b", "z"], with: "0")], nil),
        ("a member that is not there", [.remove(["z"])], nil),
        ("two that meet", [.replace(["b"], with: "0"), .replace(["b", "x"], with: "0")], nil),
    ]

    @Test("An edit leaves every other byte of the text alone", arguments: edits.indices)
    func edit(_ index: Int) throws {
        let row = Self.edits[index]
        let document = try JSONDocument(SecretBytes(Self.text))
        let bytes = copy(optional: document.edited(row.edits))
        #expect(bytes.map { String(decoding: $0, as: UTF8.self) } == row.result, "\(row.what)")
    }

    @Test("The only member of an object leaves an empty one")
    func only() throws {
        let document = try JSONDocument(SecretBytes(#"{ "a": {"b" :2} }"#))
        let inner = copy(optional: document.edited([.remove(["a", "b"])]))
        #expect(inner.map { String(decoding: $0, as: UTF8.self) } == #"{ "a": {} }"#)
    }
}
