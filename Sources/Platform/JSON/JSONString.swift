/// The escapes of a JSON string (RFC 8259 section 7), for a string the reader has already accepted.
enum JSONString {
    /// Hands every decoded UTF-8 byte to `emit`.
    static func decode(_ text: Span<UInt8>, _ node: JSONTree.Node, emit: (UInt8) -> Void) {
        var position = node.start + 1
        let end = node.end - 1
        while position < end {
            let byte = text[position]
            guard byte == UInt8(ascii: "\\") else {
                emit(byte)
                position += 1
                continue
            }
            switch text[position + 1] {
            case UInt8(ascii: "u"):
                var scalar = UInt32(unit(text, at: position) ?? 0xFFFD)
                position += 6
                if (0xD800...0xDBFF).contains(scalar), let low = unit(text, at: position) {
                    scalar = 0x10000 + (scalar - 0xD800) << 10 + (UInt32(low) - 0xDC00)
                    position += 6
                }
                UTF8.encode(Unicode.Scalar(scalar) ?? "\u{FFFD}")?.forEach(emit)
            case UInt8(ascii: "b"):
                emit(0x08)
                position += 2
            case UInt8(ascii: "f"):
                emit(0x0C)
                position += 2
            case UInt8(ascii: "n"):
                emit(0x0A)
                position += 2
            case UInt8(ascii: "r"):
                emit(0x0D)
                position += 2
            case UInt8(ascii: "t"):
                emit(0x09)
                position += 2
            default:
                emit(text[position + 1])
                position += 2
            }
        }
    }

    static func decode(_ text: Span<UInt8>, _ node: JSONTree.Node) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(node.end - node.start)
        decode(text, node) { bytes.append($0) }
        return bytes
    }

    /// The string itself. Most have no escapes and are copied in one piece.
    static func text(_ text: Span<UInt8>, _ node: JSONTree.Node) -> String {
        if node.hasEscapes { return String(decoding: decode(text, node), as: UTF8.self) }
        let content = text.extracting(node.start + 1..<node.end - 1)
        return unsafe content.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// The UTF-16 unit of a `\uXXXX` that starts at `position`.
    static func unit(_ text: Span<UInt8>, at position: Int) -> UInt16? {
        guard position + 6 <= text.count, text[position] == UInt8(ascii: "\\"), text[position + 1] == UInt8(ascii: "u")
        else { return nil }
        var value: UInt16 = 0
        for index in position + 2..<position + 6 {
            let digit: UInt8
            switch text[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = text[index] - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = text[index] - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = text[index] - UInt8(ascii: "A") + 10
            default: return nil
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    /// Appends text as a quoted string. Besides what JSON demands, everything that could drive a terminal is escaped.
    static func encode(_ text: String, into output: inout String) {
        output += "\""
        defer { output += "\"" }
        // Nearly all of it is plain ASCII, which goes over as a whole.
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            output += text
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            default:
                if TerminalText.isHazardous(scalar) {
                    for unit in UTF16.encode(scalar)! { output += "\\u" + Hex.encode([UInt8(unit >> 8), UInt8(unit & 255)].span) }
                } else {
                    output.unicodeScalars.append(scalar)
                }
            }
        }
    }

    /// Appends secret bytes that are UTF-8 as a quoted string, in protected memory.
    static func encode(_ secret: Span<UInt8>, into output: inout SecretBuffer) {
        output.append(UInt8(ascii: "\""))
        // What needs no escape goes over in one piece, which for a token is all of it.
        var plain = 0
        for index in secret.indices {
            let byte = secret[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            output.append(secret.extracting(plain..<index))
            plain = index + 1
            if byte < 0x20 {
                output.append("\\u00" + Hex.encode([byte].span))
            } else {
                output.append(UInt8(ascii: "\\"))
                output.append(byte)
            }
        }
        output.append(secret.extracting(plain..<secret.count))
        output.append(UInt8(ascii: "\""))
    }
}
