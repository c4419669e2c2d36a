/// A success of `GetToken`, read strictly: what is not known to be one is a doubt.
struct Answer {
    /// Where the token stands in the reply.
    let token: Range<Int>
    private let isBearer: Bool

    /// - Returns: nil for an error, a warning, an escape, a name that is unknown or comes twice, and all that is not this document.
    init?(reading reply: Reply) {
        var reader = ReplyReader(reply)
        guard reader.take("{"), let outer = reader.string(), reply.holds("parameters", at: outer), reader.take(":"), reader.take("{")
        else { return nil }
        var token: Range<Int>?
        var type: Range<Int>?
        var rest = ["expiresAt", "accountId", "accountKey"]
        repeat {
            guard let name = reader.string(), reader.take(":") else { return nil }
            if token == nil, reply.holds("accessToken", at: name) {
                token = reader.string()
                if token == nil { return nil }
            } else if type == nil, reply.holds("tokenType", at: name) {
                type = reader.string()
                if type == nil { return nil }
            } else {
                guard let known = rest.firstIndex(where: { reply.holds($0, at: name) }) else { return nil }
                rest.remove(at: known)
                guard reader.string() != nil || reader.null() else { return nil }
            }
        } while reader.take(",")
        guard reader.take("}"), reader.take("}"), reader.isAtEnd, let token, let type else { return nil }
        guard Answer.isToken(token, in: reply) else { return nil }
        self.token = token
        isBearer = reply.holds("Bearer", at: type)
    }

    /// Visible ASCII, which ends neither a line nor a header (RFC 6750 section 2.1 allows less).
    private static func isToken(_ range: Range<Int>, in reply: Reply) -> Bool {
        for index in range where reply[index] <= 0x20 || reply[index] > 0x7E { return false }
        return !range.isEmpty
    }

    /// The header line says Bearer.
    func suits(_ question: Question) -> Bool { isBearer || !question.isHeader }
}

/// Reads JSON from left to right. Strings have no escapes: a token has none, and for the rest it is not worth it.
private struct ReplyReader {
    private let reply: Reply
    private var position = 0

    init(_ reply: Reply) { self.reply = reply }

    var isAtEnd: Bool { position == reply.count }

    private func at(_ index: Int) -> UInt8? { index < reply.count ? reply[index] : nil }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard at(position) == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func null() -> Bool {
        guard position + 4 <= reply.count, reply.holds("null", at: position..<position + 4) else { return false }
        position += 4
        return true
    }

    /// The bytes between the next two quotation marks.
    mutating func string() -> Range<Int>? {
        guard at(position) == UInt8(ascii: "\"") else { return nil }
        let start = position + 1
        var index = start
        while let byte = at(index), byte >= 0x20, byte != UInt8(ascii: "\\") {
            if byte == UInt8(ascii: "\"") {
                position = index + 1
                return start..<index
            }
            index += 1
        }
        return nil
    }
}
