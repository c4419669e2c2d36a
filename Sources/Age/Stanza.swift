import Platform

/// One recipient stanza of a header: arguments, of which the first is the type, and a body of bytes.
///
/// Grammar: age, section "Recipient stanza": `"-> " argument *(SP argument) LF *full-line final-line`. Nothing in a
/// stanza is secret.
struct Stanza: Equatable {
    let type: String
    /// The arguments behind the type.
    let arguments: [String]
    let body: [UInt8]

    static let columns = 64

    init(type: String, arguments: [String], body: [UInt8]) {
        self.type = type
        self.arguments = arguments
        self.body = body
    }

    /// Parses the stanza that begins with `first`, a line that was read already.
    init(parsing first: Range<Int>, of file: Span<UInt8>, _ lines: inout LineReader) throws(AgeError) {
        let words = try Stanza.words(of: file.extracting(first))
        type = words[0]
        arguments = Array(words.dropFirst())

        var bytes: [UInt8] = []
        while true {
            guard let range = lines.next(in: file) else { throw AgeError(.header, "the header is cut off in a stanza") }
            guard range.count <= Stanza.columns, let decoded = Base64.decode(file.extracting(range)) else {
                throw AgeError(.header, "a stanza's body is not canonical base64 in lines of 64 columns")
            }
            bytes += decoded
            // A line shorter than 64 columns, even an empty one, ends the body.
            if range.count < Stanza.columns { break }
        }
        body = bytes
    }

    /// At least one word, or an error.
    private static func words(of line: Span<UInt8>) throws(AgeError) -> [String] {
        guard line.hasPrefix("-> ") else { throw AgeError(.header, "a stanza must begin with \"-> \"") }
        var words: [String] = []
        var word: [UInt8] = []
        // One step past the end closes the last word.
        for index in 3...line.count {
            if index < line.count, line[index] != UInt8(ascii: " ") {
                guard (0x21...0x7E).contains(line[index]) else {
                    throw AgeError(.header, "a stanza's argument has a character that is not printable ASCII")
                }
                word.append(line[index])
            } else {
                guard !word.isEmpty else { throw AgeError(.header, "a stanza has an empty argument") }
                words.append(String(decoding: word, as: UTF8.self))
                word = []
            }
        }
        return words
    }

    func encode(into text: inout [UInt8]) {
        text += Array("-> \(([type] + arguments).joined(separator: " "))\n".utf8)
        let encoded = Array(Base64.encode(body.span).utf8)
        var start = 0
        while encoded.count - start >= Stanza.columns {
            text += encoded[start..<start + Stanza.columns]
            text.append(UInt8(ascii: "\n"))
            start += Stanza.columns
        }
        text += encoded[start...]
        text.append(UInt8(ascii: "\n"))
    }
}
