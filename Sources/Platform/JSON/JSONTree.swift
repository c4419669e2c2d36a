/// Where the values of a JSON text begin and end; the text itself stays where it is.
///
/// One strict reader serves token answers (in protected memory), the vault, the configuration and the providers'
/// usage bodies. It refuses what other readers let pass and thereby disagree about: duplicate names, lone surrogates,
/// bytes that are no UTF-8, anything behind the value.
struct JSONTree: Sendable {
    enum Kind: Sendable {
        case null, `true`, `false`, number, string, array, object
    }

    /// One value (or member name). `start..<end` is its raw text, quotes and brackets included; children follow their
    /// container directly and `next` is the index behind the whole value. An object's children alternate name, value.
    struct Node: Sendable {
        var kind: Kind
        var start: Int
        var end: Int
        var next: Int
        var hasEscapes: Bool
    }

    private(set) var nodes: [Node] = []

    init(_ text: Span<UInt8>, maximumDepth: Int = 32) throws(JSONError) {
        var reader = JSONReader(maximumDepth: maximumDepth)
        try reader.readDocument(text)
        nodes = reader.nodes
    }

    /// The indices of a container's direct children (names and values for an object).
    func children(of index: Int) -> [Int] {
        var children: [Int] = []
        var child = index + 1
        while child < nodes[index].next {
            children.append(child)
            child = nodes[child].next
        }
        return children
    }

    static func location(of position: Int, in text: Span<UInt8>) -> (line: Int, column: Int) {
        var line = 1
        var column = 1
        for index in 0..<min(position, text.count) {
            if text[index] == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else {
                column += 1
            }
        }
        return (line, column)
    }
}
