/// The recursive-descent reader behind `JSONTree`: one pass, bounded depth, no copies of the text.
struct JSONReader {
    let maximumDepth: Int
    private(set) var nodes: [JSONTree.Node] = []
    private var position = 0

    init(maximumDepth: Int) { self.maximumDepth = maximumDepth }

    mutating func readDocument(_ text: Span<UInt8>) throws(JSONError) {
        guard UTF8Text.isValid(text) else { throw failure("not UTF-8", text) }
        nodes.reserveCapacity(text.count / 64 + 16)
        skipSpace(text)
        try readValue(text, depth: 0)
        skipSpace(text)
        guard position == text.count else { throw failure("unexpected text after the value", text) }
    }

    private mutating func readValue(_ text: Span<UInt8>, depth: Int) throws(JSONError) {
        guard depth <= maximumDepth else { throw failure("nested deeper than \(maximumDepth) levels", text) }
        guard let byte = peek(text) else { throw failure("the text ends early", text) }
        switch byte {
        case UInt8(ascii: "{"): try readObject(text, depth: depth)
        case UInt8(ascii: "["): try readArray(text, depth: depth)
        case UInt8(ascii: "\""): try readString(text)
        case UInt8(ascii: "t"): try readWord(text, "true", .true)
        case UInt8(ascii: "f"): try readWord(text, "false", .false)
        case UInt8(ascii: "n"): try readWord(text, "null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try readNumber(text)
        default: throw failure("unexpected character", text)
        }
    }

    private mutating func readObject(_ text: Span<UInt8>, depth: Int) throws(JSONError) {
        let index = open(.object)
        // As Strings: names that Swift calls equal (K and U+212A) would be one name to whoever looks them up. A few plain ones
        // are compared where they stand, which comes to the same and takes a fraction of the time.
        var names: Set<String>?
        var count = 0
        skipSpace(text)
        if take(text, "}") { return close(index) }
        while true {
            skipSpace(text)
            guard peek(text) == UInt8(ascii: "\"") else { throw failure("expected a member name", text) }
            let at = position
            try readString(text)
            let isNew: Bool
            if names == nil, count < JSONReader.mostCompared, isPlain(text, nodes[nodes.count - 1]) {
                isNew = !repeatsName(text, of: index)
            } else {
                if names == nil { names = earlierNames(text, of: index) }
                isNew = names?.insert(JSONString.text(text, nodes[nodes.count - 1])).inserted ?? true
            }
            count += 1
            guard isNew else {
                position = at
                let name = TerminalText.escape(JSONString.text(text, nodes[nodes.count - 1]), limit: 60)
                throw failure("the name \"\(name)\" appears twice", text)
            }
            skipSpace(text)
            guard take(text, ":") else { throw failure("expected ':'", text) }
            skipSpace(text)
            try readValue(text, depth: depth + 1)
            skipSpace(text)
            if take(text, "}") { return close(index) }
            guard take(text, ",") else { throw failure("expected ',' or '}'", text) }
        }
    }

    /// Names of one object that are compared one by one; from there on a set is quicker.
    private static let mostCompared = 32

    /// ASCII without escapes: equal as text exactly where it is equal as bytes.
    private func isPlain(_ text: Span<UInt8>, _ node: JSONTree.Node) -> Bool {
        if node.hasEscapes { return false }
        for position in node.start..<node.end where text[position] >= 0x80 { return false }
        return true
    }

    /// Whether the name that was read last stands in the object already.
    private func repeatsName(_ text: Span<UInt8>, of object: Int) -> Bool {
        let last = nodes.count - 1
        let (start, length) = (nodes[last].start, nodes[last].end - nodes[last].start)
        var child = object + 1
        while child < last {
            let (other, next) = (nodes[child].start, nodes[child].next)
            if nodes[child].end - other == length {
                var offset = 0
                while offset < length, text[other + offset] == text[start + offset] { offset += 1 }
                if offset == length { return true }
            }
            child = nodes[next].next
        }
        return false
    }

    private func earlierNames(_ text: Span<UInt8>, of object: Int) -> Set<String> {
        var names: Set<String> = []
        var child = object + 1
        while child < nodes.count - 1 {
            names.insert(JSONString.text(text, nodes[child]))
            child = nodes[nodes[child].next].next
        }
        return names
    }

    private mutating func readArray(_ text: Span<UInt8>, depth: Int) throws(JSONError) {
        let index = open(.array)
        skipSpace(text)
        if take(text, "]") { return close(index) }
        while true {
            skipSpace(text)
            try readValue(text, depth: depth + 1)
            skipSpace(text)
            if take(text, "]") { return close(index) }
            guard take(text, ",") else { throw failure("expected ',' or ']'", text) }
        }
    }

    private mutating func readString(_ text: Span<UInt8>) throws(JSONError) {
        let start = position
        var hasEscapes = false
        position += 1
        while let byte = peek(text) {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                nodes.append(.init(kind: .string, start: start, end: position, next: nodes.count + 1, hasEscapes: hasEscapes))
                return
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try readEscape(text)
            case 0..<0x20: throw failure("control character in a string", text)
            default: position += 1
            }
        }
        throw failure("the text ends within a string", text)
    }

    private mutating func readEscape(_ text: Span<UInt8>) throws(JSONError) {
        guard position + 1 < text.count else { throw failure("the text ends within a string", text) }
        switch text[position + 1] {
        case UInt8(ascii: "u"):
            guard let unit = JSONString.unit(text, at: position) else { throw failure("malformed \\u escape", text) }
            if (0xD800...0xDBFF).contains(unit) {
                guard let low = JSONString.unit(text, at: position + 6), (0xDC00...0xDFFF).contains(low) else {
                    throw failure("lone surrogate", text)
                }
                position += 12
            } else if (0xDC00...0xDFFF).contains(unit) {
                throw failure("lone surrogate", text)
            } else {
                position += 6
            }
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        default: throw failure("unknown escape", text)
        }
    }

    private mutating func readNumber(_ text: Span<UInt8>) throws(JSONError) {
        let start = position
        _ = take(text, "-")
        if !take(text, "0") { try readDigits(text) }
        if take(text, ".") { try readDigits(text) }
        if take(text, "e") || take(text, "E") {
            if !take(text, "+") { _ = take(text, "-") }
            try readDigits(text)
        }
        guard position - start <= 64 else { throw failure("a number of more than 64 digits", text) }
        nodes.append(.init(kind: .number, start: start, end: position, next: nodes.count + 1, hasEscapes: false))
    }

    private mutating func readDigits(_ text: Span<UInt8>) throws(JSONError) {
        let start = position
        while let byte = peek(text), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        if position == start { throw failure("malformed number", text) }
    }

    private mutating func readWord(_ text: Span<UInt8>, _ word: StaticString, _ kind: JSONTree.Kind) throws(JSONError) {
        let start = position
        for scalar in "\(word)".utf8 {
            guard peek(text) == scalar else { throw failure("unexpected character", text) }
            position += 1
        }
        nodes.append(.init(kind: kind, start: start, end: position, next: nodes.count + 1, hasEscapes: false))
    }

    private mutating func open(_ kind: JSONTree.Kind) -> Int {
        nodes.append(.init(kind: kind, start: position, end: 0, next: 0, hasEscapes: false))
        position += 1
        return nodes.count - 1
    }

    private mutating func close(_ index: Int) {
        nodes[index].end = position
        nodes[index].next = nodes.count
    }

    private mutating func skipSpace(_ text: Span<UInt8>) {
        while let byte = peek(text), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private func peek(_ text: Span<UInt8>) -> UInt8? { position < text.count ? text[position] : nil }

    private mutating func take(_ text: Span<UInt8>, _ character: Unicode.Scalar) -> Bool {
        guard peek(text) == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private func failure(_ reason: String, _ text: Span<UInt8>) -> JSONError {
        let place = JSONTree.location(of: position, in: text)
        return JSONError(reason: reason, line: place.line, column: place.column)
    }
}
