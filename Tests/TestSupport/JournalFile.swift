import Platform

/// The journal record of one account as it lies on the disk, read without any key.
package struct JournalFile: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case empty, intent, result
    }

    package let content: Content
    /// Of the request that was about to be sent; the same as long as no other one is.
    package let nonce: [UInt8]

    private static let intentMagic = Array("AUAJ-INTENT-1\n\0\0".utf8)
    private static let resultMagic = Array("AUAJ-RESULT-1\n\0\0".utf8)

    /// - Parameter bytes: the file; a RESULT counts only if all of it is there.
    package init(_ bytes: [UInt8]) {
        let block = BlockFile.blockSize
        guard bytes.count > block + 52, Array(bytes[..<16]) == JournalFile.intentMagic else {
            (content, nonce) = (.empty, [])
            return
        }
        nonce = Array(bytes[16..<48])
        let record = Array(bytes[block...])
        let length = record[16..<20].reduce(0) { $0 << 8 | Int($1) }
        guard Array(record[..<16]) == JournalFile.resultMagic, length > 0, 52 + length <= record.count else {
            content = .intent
            return
        }
        let sealed = Array(record[52..<52 + length])
        content = SHA256.hash(sealed.span) == Array(record[20..<52]) ? .result : .intent
    }
}

extension Home {
    /// The record of the account with that id; one that was never made is empty.
    package func journal(of accountId: String) -> JournalFile {
        JournalFile((try? read(data + "/journal/" + accountId)) ?? [])
    }
}
