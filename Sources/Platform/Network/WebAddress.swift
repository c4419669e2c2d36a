/// An absolute http or https address, taken apart strictly (RFC 3986): what tokens may be sent to is decided on this.
package struct WebAddress: Sendable, Hashable, CustomStringConvertible {
    package let isSecure: Bool
    /// Lower case; an IPv6 address keeps its brackets.
    package let host: String
    /// 443 or 80 where the text names none.
    package let port: Int
    /// Begins with "/"; empty becomes "/".
    package let path: String
    /// Without the "?"; nil where there is none.
    package let query: String?
    private let hasPort: Bool

    /// Nil for anything but http(s) with a plain host: no user, no fragment, no blanks, no control characters.
    package init?(_ text: String) {
        guard text.utf8.count <= 8192, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let lowered = text.lowercased()
        let rest: Substring
        if lowered.hasPrefix("https://") {
            isSecure = true
            rest = text.dropFirst(8)
        } else if lowered.hasPrefix("http://") {
            isSecure = false
            rest = text.dropFirst(7)
        } else {
            return nil
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.isEmpty, !authority.contains("@"), !authority.contains("\\"), !rest.contains("#") else { return nil }
        let tail = rest[authority.endIndex...]

        var name = authority
        var number: Substring?
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            name = authority[...close]
            let after = authority[authority.index(after: close)...]
            guard after.isEmpty || after.hasPrefix(":") else { return nil }
            number = after.isEmpty ? nil : after.dropFirst()
            guard name.count > 2, name.dropFirst().dropLast().allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else { return nil }
        } else if let colon = authority.firstIndex(of: ":") {
            name = authority[..<colon]
            number = authority[authority.index(after: colon)...]
        }
        if !authority.hasPrefix("[") {
            guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" || $0 == "." || $0 == "_" }) else { return nil }
        }
        if let number {
            guard let value = Int(number), (1...65535).contains(value), number.allSatisfy(\.isNumber) else { return nil }
            port = value
        } else {
            port = isSecure ? 443 : 80
        }
        hasPort = number != nil
        host = name.lowercased()
        let pathPart = tail.prefix { $0 != "?" }
        path = pathPart.isEmpty ? "/" : String(pathPart)
        query = tail.count > pathPart.count ? String(tail.dropFirst(pathPart.count + 1)) : nil
    }

    /// Scheme, host and port: where a token goes when it is sent here.
    package var origin: String {
        let standard = isSecure ? 443 : 80
        return (isSecure ? "https://" : "http://") + host + (port == standard ? "" : ":\(port)")
    }

    /// Whether the host means this machine: `localhost`, 127.0.0.1 or ::1.
    package var isLoopback: Bool { HTTPTransport.isLoopback(host: host) }

    /// Tokens travel over TLS or stay on this machine.
    package var isAcceptable: Bool { isSecure || isLoopback }

    /// As it is sent: the host in lower case, a standard port left out.
    package var description: String { origin + path + (query.map { "?" + $0 } ?? "") }

    /// Percent-encodes everything but unreserved characters (RFC 3986 section 2.3), as form bodies and queries need.
    package static func encode(_ text: String) -> String {
        var output = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                output.unicodeScalars.append(Unicode.Scalar(byte))
            default: output += "%" + Hex.encode([byte].span).uppercased()
            }
        }
        return output
    }

    /// The same for a secret, in protected memory.
    package static func encode(secret: borrowing SecretBytes, into buffer: inout SecretBuffer) {
        secret.withBytes { span in
            for index in span.indices {
                let byte = span[index]
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                    buffer.append(byte)
                default: buffer.append("%" + Hex.encode([byte].span).uppercased())
                }
            }
        }
    }

    /// Splits `name=value&…` and decodes it (application/x-www-form-urlencoded); nil if an escape is malformed, the text
    /// is no UTF-8, or a name comes twice.
    package static func decodeForm(_ text: String) -> [String: String]? {
        var fields: [String: String] = [:]
        for pair in text.split(separator: "&", omittingEmptySubsequences: true) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decode(parts[0]), let value = decode(parts.count > 1 ? parts[1] : ""), fields[name] == nil else { return nil }
            fields[name] = value
        }
        return fields
    }

    private static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(0x20)
            case UInt8(ascii: "%"):
                guard rest.count >= 2, let decoded = Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self)) else { return nil }
                bytes += decoded
                rest = rest.dropFirst(2)
            default: bytes.append(byte)
            }
        }
        return UTF8Text.isValid(bytes.span) ? String(decoding: bytes, as: UTF8.self) : nil
    }
}
