/// Reads bytes line by line; the position is all its state, the bytes stay with the caller.
struct LineReader {
    /// The offset behind the last line that was read.
    private(set) var position = 0

    /// The range of the next line without its LF; nil when no LF is left.
    mutating func next(in bytes: Span<UInt8>) -> Range<Int>? {
        var end = position
        while end < bytes.count {
            if bytes[end] == UInt8(ascii: "\n") {
                defer { position = end + 1 }
                return position..<end
            }
            end += 1
        }
        return nil
    }

    /// As `next`, but the last line may end with the bytes, and CRLF ends a line too.
    mutating func nextLenient(in bytes: Span<UInt8>) -> Range<Int>? {
        guard position < bytes.count else { return nil }
        guard let line = next(in: bytes) else {
            defer { position = bytes.count }
            return position..<bytes.count
        }
        let endsWithCR = !line.isEmpty && bytes[line.upperBound - 1] == UInt8(ascii: "\r")
        return line.lowerBound..<(endsWithCR ? line.upperBound - 1 : line.upperBound)
    }
}

extension Span<UInt8> {
    func hasPrefix(_ text: String) -> Bool {
        guard count >= text.utf8.count else { return false }
        for (index, byte) in text.utf8.enumerated() where self[index] != byte { return false }
        return true
    }

    func equals(_ text: String) -> Bool { count == text.utf8.count && hasPrefix(text) }
}
