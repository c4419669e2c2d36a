extension JSONValue {
    /// The value on one line.
    package var compact: String {
        var output = ""
        write(into: &output, indentation: nil)
        return output
    }

    /// The value with two spaces a level, for files and screens.
    package var pretty: String {
        var output = ""
        write(into: &output, indentation: 0)
        return output
    }

    private func write(into output: inout String, indentation: Int?) {
        switch self {
        case .null: output += "null"
        case .bool(let value): output += value ? "true" : "false"
        case .number(let number): output += number.literal
        case .string(let text): JSONString.encode(text, into: &output)
        case .array(let elements):
            JSONValue.write(elements, "[", "]", into: &output, indentation) { element, output, inner in
                element.write(into: &output, indentation: inner)
            }
        case .object(let object):
            JSONValue.write(object.members, "{", "}", into: &output, indentation) { member, output, inner in
                JSONString.encode(member.name, into: &output)
                output += inner == nil ? ":" : ": "
                member.value.write(into: &output, indentation: inner)
            }
        }
    }

    private static func write<Item>(
        _ items: [Item], _ open: String, _ close: String, into output: inout String, _ indentation: Int?,
        _ writeItem: (Item, inout String, Int?) -> Void
    ) {
        output += open
        let inner = indentation.map { $0 + 1 }
        for (position, item) in items.enumerated() {
            if position > 0 { output += "," }
            if let inner { output += "\n" + String(repeating: "  ", count: inner) }
            writeItem(item, &output, inner)
        }
        if let indentation, !items.isEmpty { output += "\n" + String(repeating: "  ", count: indentation) }
        output += close
    }
}
