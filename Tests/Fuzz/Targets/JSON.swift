@testable import Platform

/// The strict reader in its two forms, both writers, and edits in place.
extension FuzzTarget {
    static let json = FuzzTarget(name: "json", longest: 4096) { input in
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue(parsing: input.span) } catch {
            hold(error.line >= 1 && error.column >= 1, "the place of an error counts from 1")
            hold(error.reason.unicodeScalars.count <= 2000, "the reason of an error has an end")
            hold((try? JSONDocument(SecretBytes(input))) == nil, "both forms of the reader refuse the same texts")
            return
        }
        for text in [value.compact, value.pretty] {
            guard let again = try? JSONValue(parsing: text) else { violated("what was written is not read: \(text)") }
            hold(again == value, "what was written reads differently: \(text)")
            hold(!text.unicodeScalars.contains { $0 != "\n" && TerminalText.isHazardous($0) }, "what is written can be shown")
        }
        guard let document = try? JSONDocument(SecretBytes(input)) else { violated("both forms of the reader accept the same texts") }
        hold(document.value(document.root) == value, "both forms of the reader read the same")
        compare(document, document.root, value, depth: 0)
        edit(document, value)
    }

    /// Every node, by each way to reach it.
    private static func compare(_ document: borrowing JSONDocument, _ node: JSONDocument.Node, _ value: JSONValue, depth: Int) {
        hold(document.string(node) == value.string, "a string is the same in both forms")
        hold(document.number(node) == value.number, "a number is the same in both forms")
        hold(document.isNull(node) == value.isNull, "null is the same in both forms")
        if let text = value.string {
            guard let secret = document.secret(node) else { violated("a string can be taken as a secret") }
            hold(secret.bytes() == Array(text.utf8), "a secret has the bytes of its string")
            hold(document.isText(node, text), "a text is recognised")
            var writer = SecretJSONWriter(capacity: 64)
            writer.member("secret", secret: secret)
            guard let written = try? JSONDocument(writer.finish()), let found = written.at("secret"), let again = written.secret(found)
            else { violated("a secret is written as JSON that can be read") }
            hold(SecretBytes.equal(secret, again), "a secret survives its writing")
        }
        hold(document.withRawText(of: node) { (try? JSONValue(parsing: $0)) == value }, "the raw text of a value is that value")
        let elements = document.elements(of: node)
        hold(elements.count == (value.array ?? []).count, "a list is as long in both forms")
        for (element, value) in zip(elements, value.array ?? []) { compare(document, element, value, depth: depth + 1) }
        let members = document.members(of: node)
        hold(members.map(\.name) == (value.object?.names ?? []), "an object has the same names in both forms")
        for member in members {
            hold(document.member(member.name, of: node) == member.value, "a member is found by its name")
            compare(document, member.value, value[member.name], depth: depth + 1)
        }
    }

    private static func edit(_ document: borrowing JSONDocument, _ value: JSONValue) {
        for name in (value.object?.names ?? []).prefix(8) {
            guard let removed = document.edited([.remove([name])]), let rest = try? JSONValue(parsing: removed) else {
                violated("a member can be removed and leaves JSON behind")
            }
            hold(rest.object?.names == value.object?.names.filter { $0 != name }, "one member goes and the others stay")
            guard let replaced = document.edited([.replace([name], with: "[0]")]), let changed = try? JSONValue(parsing: replaced) else {
                violated("a member can be replaced and leaves JSON behind")
            }
            hold(changed[name] == [0] && changed.object?.names == value.object?.names, "one member changes and the others stay")
        }
    }
}
