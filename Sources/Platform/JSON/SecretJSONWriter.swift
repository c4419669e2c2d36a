/// Writes a JSON object that holds secrets, straight into protected memory.
package struct SecretJSONWriter: ~Copyable {
    private var buffer: SecretBuffer
    private var needsComma = false

    package init(capacity: Int = 4096) {
        buffer = SecretBuffer(capacity: capacity)
        buffer.append(UInt8(ascii: "{"))
    }

    package mutating func member(_ name: String, _ value: JSONValue) {
        begin(name)
        buffer.append(value.compact)
    }

    /// A secret that is UTF-8 text; nil becomes null.
    package mutating func member(_ name: String, secret: borrowing SecretBytes?) {
        begin(name)
        switch secret {
        case .some(let bytes): bytes.withBytes { JSONString.encode($0, into: &buffer) }
        case .none: buffer.append("null")
        }
    }

    /// JSON text that is passed on unread.
    package mutating func member(_ name: String, raw: Span<UInt8>) {
        begin(name)
        buffer.append(raw)
    }

    /// An array whose elements `body` appends.
    package mutating func array(_ name: String, _ body: (inout Elements) -> Void) {
        begin(name)
        buffer.append(UInt8(ascii: "["))
        var elements = Elements(buffer: SecretBuffer(capacity: 4096))
        body(&elements)
        elements.buffer.withBytes { buffer.append($0) }
        buffer.append(UInt8(ascii: "]"))
    }

    package struct Elements: ~Copyable {
        fileprivate var buffer: SecretBuffer
        private var needsComma = false

        fileprivate init(buffer: consuming SecretBuffer) { self.buffer = buffer }

        package mutating func append(raw: Span<UInt8>) {
            if needsComma { buffer.append(UInt8(ascii: ",")) }
            needsComma = true
            buffer.append(raw)
        }
    }

    package consuming func finish() -> SecretBytes {
        buffer.append(UInt8(ascii: "}"))
        return buffer.finish()
    }

    private mutating func begin(_ name: String) {
        if needsComma { buffer.append(UInt8(ascii: ",")) }
        needsComma = true
        var quoted = ""
        JSONString.encode(name, into: &quoted)
        buffer.append(quoted + ":")
    }
}
