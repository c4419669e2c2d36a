/// What the front door reads a reply from; there it stands in a buffer of C. Beside this stand the front door's own sources: it
/// is a program without a runtime, which nothing can import.
struct Reply {
    let bytes: [UInt8]
    var count: Int { bytes.count }

    subscript(index: Int) -> UInt8 { bytes[index] }

    func holds(_ text: String, at range: Range<Int>) -> Bool { bytes[range].elementsEqual(text.utf8) }
}
