/// A JSON text in protected memory, read without copying it: token answers, the vault's plaintext, journal records.
///
/// Strings leave it either as `SecretBytes` (tokens) or, when the caller says so by calling `string`, as ordinary text.
/// Unlike `JSONValue` it never copies what it is not asked for.
package struct JSONDocument: ~Copyable {
    private let text: SecretBytes
    private let tree: JSONTree

    /// A value within one document; meaningless in any other.
    package struct Node: Sendable, Equatable {
        fileprivate let index: Int
    }

    /// Reads a strict JSON text (`JSONTree`) of at most 32 levels.
    ///
    /// - Throws: `JSONError` with the place; its words hold no value, at most a member's name.
    package init(_ text: consuming SecretBytes) throws(JSONError) {
        let tree = try text.withBytes { (span) throws(JSONError) in try JSONTree(span) }
        self.text = text
        self.tree = tree
    }

    /// The value that the text is.
    package var root: Node { Node(index: 0) }

    /// The member of that name, nil if the node is no object or has none.
    package borrowing func member(_ name: String, of node: Node) -> Node? {
        guard tree.nodes[node.index].kind == .object else { return nil }
        let end = tree.nodes[node.index].next
        var child = node.index + 1
        while child < end {
            let value = tree.nodes[child].next
            if hasText(tree.nodes[child], name) { return Node(index: value) }
            child = tree.nodes[value].next
        }
        return nil
    }

    private borrowing func hasText(_ node: JSONTree.Node, _ wanted: String) -> Bool {
        text.withBytes { text in
            if node.hasEscapes { return JSONString.decode(text, node) == Array(wanted.utf8) }
            let wanted = wanted.utf8
            guard node.end - node.start - 2 == wanted.count else { return false }
            var position = node.start + 1
            for byte in wanted {
                if text[position] != byte { return false }
                position += 1
            }
            return true
        }
    }

    /// Whether the string at the node is that text, without making one of it.
    package borrowing func isText(_ node: Node, _ wanted: String) -> Bool {
        tree.nodes[node.index].kind == .string && hasText(tree.nodes[node.index], wanted)
    }

    /// The text at a path from the root; nil if nothing stands there or it is no string.
    package borrowing func text(at path: String...) -> String? {
        guard let node = at(path) else { return nil }
        return string(node)
    }

    /// The whole number at a path from the root; nil if nothing stands there or it is none.
    package borrowing func integer(at path: String...) -> Int? {
        guard let node = at(path) else { return nil }
        return number(node)?.integer
    }

    /// The value at a path from the root.
    package borrowing func at(_ path: String...) -> Node? { at(path) }

    /// The same for a path that is made at run time.
    package borrowing func at(_ path: [String]) -> Node? {
        var node = root
        for name in path {
            guard let next = member(name, of: node) else { return nil }
            node = next
        }
        return node
    }

    /// Names and values in the order of the text; none if the node is no object.
    package borrowing func members(of node: Node) -> [(name: String, value: Node)] {
        guard tree.nodes[node.index].kind == .object else { return [] }
        let children = tree.children(of: node.index)
        return stride(from: 0, to: children.count, by: 2).map { at in
            (name: string(Node(index: children[at])) ?? "", value: Node(index: children[at + 1]))
        }
    }

    /// In the order of the text; none if the node is no array.
    package borrowing func elements(of node: Node) -> [Node] {
        guard tree.nodes[node.index].kind == .array else { return [] }
        return tree.children(of: node.index).map { Node(index: $0) }
    }

    package borrowing func isObject(_ node: Node) -> Bool { tree.nodes[node.index].kind == .object }
    package borrowing func isArray(_ node: Node) -> Bool { tree.nodes[node.index].kind == .array }
    package borrowing func isNull(_ node: Node) -> Bool { tree.nodes[node.index].kind == .null }

    /// The decoded text of a string that is no secret; nil if the node is no string.
    package borrowing func string(_ node: Node) -> String? {
        guard tree.nodes[node.index].kind == .string else { return nil }
        return text.withBytes { JSONString.text($0, tree.nodes[node.index]) }
    }

    /// The decoded bytes of a string, in protected memory; nil if the node is no string.
    package borrowing func secret(_ node: Node) -> SecretBytes? {
        let found = tree.nodes[node.index]
        guard found.kind == .string else { return nil }
        return text.withBytes { span in
            if !found.hasEscapes { return SecretBytes(copying: span.extracting(found.start + 1..<found.end - 1)) }
            var buffer = SecretBuffer(capacity: found.end - found.start)
            JSONString.decode(span, found) { buffer.append($0) }
            return buffer.finish()
        }
    }

    /// The number as it is written; nil if the node is no number.
    package borrowing func number(_ node: Node) -> JSONNumber? {
        let found = tree.nodes[node.index]
        guard found.kind == .number else { return nil }
        return text.withBytes { JSONNumber(literal: literal($0, found)) }
    }

    /// A copy of everything below the node in ordinary memory: only for what is no secret.
    package borrowing func value(_ node: Node) -> JSONValue {
        text.withBytes { JSONValue(tree, node.index, $0) }
    }

    /// Lends the raw text of a value (quotes and brackets included), for authenticating it or passing it on unread.
    package borrowing func withRawText<R: ~Copyable, E: Error>(
        of node: Node, _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        let found = tree.nodes[node.index]
        return try text.withBytes { (span) throws(E) in try body(span.extracting(found.start..<found.end)) }
    }
}

/// A change of a JSON text that leaves every other byte of it alone.
package enum JSONEdit: Sendable, Equatable {
    /// The value at the path becomes this JSON text.
    case replace([String], with: String)
    /// The member at the path goes, and a comma with it.
    case remove([String])
}

extension JSONDocument {
    /// The text with the edits made, in protected memory; nil if a path leads nowhere or two edits meet.
    package borrowing func edited(_ edits: [JSONEdit]) -> SecretBytes? {
        var cuts: [(start: Int, end: Int, text: String)] = []
        for edit in edits {
            switch edit {
            case .replace(let path, let replacement):
                guard let node = at(path) else { return nil }
                cuts.append((tree.nodes[node.index].start, tree.nodes[node.index].end, replacement))
            case .remove(let path):
                guard let cut = cut(path) else { return nil }
                cuts.append((cut.start, cut.end, ""))
            }
        }
        cuts.sort { $0.start < $1.start }
        for (one, next) in zip(cuts, cuts.dropFirst()) where one.end > next.start { return nil }
        var buffer = SecretBuffer(capacity: text.count + 64)
        text.withBytes { bytes in
            var position = 0
            for cut in cuts {
                buffer.append(bytes.extracting(position..<cut.start))
                buffer.append(cut.text)
                position = cut.end
            }
            buffer.append(bytes.extracting(position..<bytes.count))
        }
        return buffer.finish()
    }

    /// Where a member stands together with the comma that separates it.
    private borrowing func cut(_ path: [String]) -> (start: Int, end: Int)? {
        guard let name = path.last, let parent = at(Array(path.dropLast())), let value = member(name, of: parent) else { return nil }
        let children = tree.children(of: parent.index)
        guard let position = children.firstIndex(of: value.index), position > 0 else { return nil }
        let end = tree.nodes[value.index].end
        // Behind the member before it; of the first one, up to the member behind it.
        if position > 1 { return (tree.nodes[children[position - 2]].end, end) }
        if position + 1 < children.count { return (tree.nodes[children[0]].start, tree.nodes[children[position + 1]].start) }
        return (tree.nodes[children[0]].start, end)
    }
}

extension JSONValue {
    /// A copy of JSON text in ordinary memory: only for what is no secret.
    package init(parsing text: borrowing SecretBytes) throws(JSONError) {
        self = try text.withBytes { (bytes) throws(JSONError) in try JSONValue(parsing: bytes) }
    }
}

private func literal(_ text: Span<UInt8>, _ node: JSONTree.Node) -> String {
    let digits = text.extracting(node.start..<node.end)
    return String(decoding: digits.indices.map { digits[$0] }, as: UTF8.self)
}

extension JSONValue {
    init(_ tree: JSONTree, _ index: Int, _ text: Span<UInt8>) {
        let node = tree.nodes[index]
        switch node.kind {
        case .null: self = .null
        case .true: self = .bool(true)
        case .false: self = .bool(false)
        case .number: self = .number(JSONNumber(literal: literal(text, node)))
        case .string: self = .string(JSONString.text(text, node))
        case .array:
            var elements: [JSONValue] = []
            for child in tree.children(of: index) { elements.append(JSONValue(tree, child, text)) }
            self = .array(elements)
        case .object:
            var object = JSONObject()
            let children = tree.children(of: index)
            for at in stride(from: 0, to: children.count, by: 2) {
                let name = JSONString.text(text, tree.nodes[children[at]])
                // The reader has refused names that come twice.
                object.append(name, JSONValue(tree, children[at + 1], text))
            }
            self = .object(object)
        }
    }
}
