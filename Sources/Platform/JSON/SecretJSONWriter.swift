/// Writes a JSON object that holds secrets, straight into protected memory.
package struct SecretJSONWriter: ~Copyable {
    private var buffer: SecretBuffer
    private var needsComma = false

    /// - Parameter capacity: bytes to begin with; growing wipes what was outgrown.
    package init(capacity: Int = 4096) {
        buffer = SecretBuffer(capacity: capacity)
        buffer.append(UInt8(ascii: "{"))
    }

    /// A member that is no secret. The caller sees to it that no name comes twice.
    package mutating func member(_ name: String, _ value: JSONValue) {
        begin(name)
        buffer.append(value.compact)
    }

    /// A secret that is UTF-8 text.
    package mutating func member(_ name: String, secret: borrowing SecretBytes) {
        begin(name)
        secret.withBytes { JSONString.encode($0, into: &buffer) }
    }

    /// The same where there may be none; nil becomes null.
    package mutating func member(_ name: String, optionalSecret: borrowing SecretBytes?) {
        switch optionalSecret {
        case .some(let secret): member(name, secret: secret)
        case .none: member(name, JSONValue.null)
        }
    }

    /// JSON text that is passed on unread.
    package mutating func member(_ name: String, raw: Span<UInt8>) {
        begin(name)
        buffer.append(raw)
    }

    /// Opens an array; its elements follow with `element`, then `endArray`.
    package mutating func beginArray(_ name: String) {
        begin(name)
        buffer.append(UInt8(ascii: "["))
        needsComma = false
    }

    /// JSON text as the next element of the open array, passed on unread.
    package mutating func element(raw: Span<UInt8>) {
        if needsComma { buffer.append(UInt8(ascii: ",")) }
        needsComma = true
        buffer.append(raw)
    }

    /// A secret as the next element of the open array.
    package mutating func element(secret: Span<UInt8>) {
        if needsComma { buffer.append(UInt8(ascii: ",")) }
        needsComma = true
        JSONString.encode(secret, into: &buffer)
    }

    /// Closes the array; members may follow.
    package mutating func endArray() {
        buffer.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// The whole object as UTF-8.
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
