import Platform

/// One HTTP request as it came in.
struct Request: Sendable {
    let method: String
    /// Without the query.
    let path: String
    /// The decoded query; nil if it is malformed.
    let query: [String: String]?
    private let headers: [(name: String, value: String)]
    let body: [UInt8]

    private static let headLimit = 16 << 10
    private static let bodyLimit = 64 << 10

    /// What came of reading a connection.
    enum Reading {
        case request(Request)
        /// Answer this status and nothing else.
        case refused(Int)
        case gone
    }

    /// The header's value; the name in lower case.
    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The fields of a form body or the string members of a JSON body; nil for anything else.
    var fields: [String: String]? {
        guard UTF8Text.isValid(body.span) else { return nil }
        let text = String(decoding: body, as: UTF8.self)
        guard let type = header("content-type")?.lowercased(), type.hasPrefix("application/json") else {
            return WebAddress.decodeForm(text)
        }
        guard let object = (try? JSONValue(parsing: text))?.object else { return nil }
        var fields: [String: String] = [:]
        for member in object.members { fields[member.name] = member.value.string }
        return fields
    }

    /// The token of `Authorization: Bearer`.
    var bearer: String? {
        guard let value = header("authorization"), value.lowercased().hasPrefix("bearer ") else { return nil }
        return String(value.dropFirst(7))
    }

    /// Who a client with a secret says it is (`Authorization: Basic`, RFC 6749 section 2.3.1). Nobody checks the secret.
    var client: String? {
        guard let value = header("authorization"), value.lowercased().hasPrefix("basic "),
            let pair = Base64.decode(String(value.dropFirst(6).prefix { $0 != "=" }))
        else { return nil }
        return String(decoding: pair.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
    }

    /// Reads one request; whatever follows it on the connection is ignored.
    static func read(from socket: borrowing StreamSocket, within patience: Duration) -> Reading {
        let deadline = TimeSource.system.elapsed() + patience
        var received: [UInt8] = []
        var headEnd: Int?
        while headEnd == nil {
            let searched = max(0, received.count - 3)
            if let failure = receive(more: &received, socket, deadline) { return failure }
            headEnd = end(ofHeadIn: received, from: searched)
            if (headEnd ?? received.count) > headLimit { return .refused(431) }
        }
        guard let headEnd, let head = Head(received[..<headEnd]) else { return .refused(400) }
        guard head.header("transfer-encoding") == nil else { return .refused(411) }
        let lengths = head.headers.filter { $0.name == "content-length" }
        guard lengths.count <= 1, let length = Int(lengths.first?.value ?? "0"), length >= 0 else { return .refused(400) }
        guard length <= bodyLimit else { return .refused(413) }
        while received.count < headEnd + 4 + length {
            if let failure = receive(more: &received, socket, deadline) { return failure }
        }
        return .request(Request(head, body: Array(received[(headEnd + 4)...].prefix(length))))
    }

    private init(_ head: Head, body: [UInt8]) {
        let parts = head.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        method = head.method
        path = String(parts[0])
        query = WebAddress.decodeForm(parts.count > 1 ? String(parts[1]) : "")
        headers = head.headers
        self.body = body
    }

    /// Nil when bytes came.
    private static func receive(more received: inout [UInt8], _ socket: borrowing StreamSocket, _ deadline: Duration) -> Reading? {
        while true {
            switch socket.receive(8192) {
            case .bytes(let bytes):
                received += bytes
                return nil
            case .ended: return .gone
            case .nothingYet:
                let left = deadline - TimeSource.system.elapsed()
                guard left > .zero else { return .refused(408) }
                _ = Poller.wait([Poller.Interest(socket.descriptor.raw)], left)
            }
        }
    }

    private static func end(ofHeadIn bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count >= 4 else { return nil }
        return (start...(bytes.count - 4)).first { bytes[$0] == 13 && bytes[$0 + 1] == 10 && bytes[$0 + 2] == 13 && bytes[$0 + 3] == 10 }
    }

    /// The request line and the headers.
    private struct Head {
        let method: String
        let target: String
        private(set) var headers: [(name: String, value: String)] = []

        /// Nil unless it is plain ASCII, HTTP/1.x and well-formed.
        init?(_ bytes: ArraySlice<UInt8>) {
            guard bytes.allSatisfy({ $0 < 0x7F && ($0 >= 0x20 || $0 == 13 || $0 == 10 || $0 == 9) }) else { return nil }
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n" as Character, omittingEmptySubsequences: false)
            let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 3, words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0", words[1].hasPrefix("/") else { return nil }
            method = String(words[0])
            target = String(words[1])
            for line in lines.dropFirst() {
                guard let colon = line.firstIndex(of: ":"), colon != line.startIndex, !line[..<colon].contains(" ") else { return nil }
                let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
                headers.append((line[..<colon].lowercased(), String(value.reversed().drop { $0 == " " || $0 == "\t" }.reversed())))
            }
        }

        func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
    }
}
