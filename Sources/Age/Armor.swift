import Platform

/// The ASCII armor of an age file: strict PEM in lines of 64 columns (age, section "ASCII armor").
enum Armor {
    private static let begin = "-----BEGIN AGE ENCRYPTED FILE-----"
    private static let end = "-----END AGE ENCRYPTED FILE-----"
    private static let columns = 64
    private static let bytesPerLine = 48
    /// How much white space may stand before the armor, and how far its mark is looked for.
    private static let leadIn = 1024

    /// Whether the bytes are to be read as armor: they are no binary age file, and dashes stand near the start.
    ///
    /// Deliberately generous, so that damaged armor is reported as such and not as an unknown binary file.
    static func isPresent(in file: Span<UInt8>) -> Bool {
        guard !file.hasPrefix("age-encryption.org/") else { return false }
        let lead = file.extracting(first: min(file.count, leadIn))
        return lead.indices.contains { lead.extracting(droppingFirst: $0).hasPrefix("-----") }
    }

    static func encode(_ file: Span<UInt8>) -> [UInt8] {
        var text = Array("\(begin)\n".utf8)
        for start in stride(from: 0, to: file.count, by: bytesPerLine) {
            let line = file.extracting(start..<min(start + bytesPerLine, file.count))
            text += Array("\(Base64.encode(line, padded: true))\n".utf8)
        }
        text += Array("\(end)\n".utf8)
        return text
    }

    /// The binary file in the armor. Lines may end with LF or CRLF; white space may stand around the armor, never in it.
    static func decode(_ text: Span<UInt8>) throws(AgeError) -> [UInt8] {
        var lines = LineReader()
        try skipLeadIn(text, &lines)
        var file: [UInt8] = []
        var isLast = false
        while true {
            guard let range = lines.nextLenient(in: text) else { throw AgeError(.armor, "the end line is missing") }
            let line = text.extracting(range)
            if line.equals(end) { break }
            guard !isLast, let bytes = bytes(of: line) else {
                throw AgeError(.armor, "a line is not canonical base64 of 64 columns")
            }
            file += bytes
            // Only the last line may be shorter.
            isLast = bytes.count < bytesPerLine
        }
        guard isBlank(text.extracting(droppingFirst: lines.position)) else {
            throw AgeError(.armor, "something stands behind the end line")
        }
        return file
    }

    private static func skipLeadIn(_ text: Span<UInt8>, _ lines: inout LineReader) throws(AgeError) {
        while lines.position <= leadIn, let range = lines.nextLenient(in: text) {
            let line = text.extracting(range)
            if line.equals(begin) { return }
            guard isBlank(line) else { break }
        }
        throw AgeError(.armor, "the begin line is malformed or missing")
    }

    /// Nil unless the line is non-empty, padded, canonical, and not too long.
    private static func bytes(of line: Span<UInt8>) -> [UInt8]? {
        guard !line.isEmpty, line.count <= columns, line.count.isMultiple(of: 4) else { return nil }
        var count = line.count
        // At most two: a third one is then a foreign character to the decoder.
        while count > line.count - 2, line[count - 1] == UInt8(ascii: "=") { count -= 1 }
        return Base64.decode(line.extracting(first: count))
    }

    private static func isBlank(_ text: Span<UInt8>) -> Bool {
        text.indices.allSatisfy { [0x20, 0x09, 0x0A, 0x0D].contains(text[$0]) }
    }
}
