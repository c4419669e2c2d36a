import CSQLite
import Glibc

/// Another program's SQLite database: one value is read, nothing is ever written, not even beside it.
package enum ForeignDatabase {
    /// The first column of the query's first row; nil if there is no such row or table. Blocks for at most a second.
    ///
    /// - Throws: what `ForeignFile.read` throws, for the database and the value; `system` when SQLite cannot read it now.
    package static func value(_ path: String, query: String, limit: Int = ForeignFile.limit) throws(FileError) -> SecretBytes? {
        try ForeignFile.check(path)
        let found = Found()
        var reason = csqlite_reason()
        let uri = try address(path)
        let result = withExtendedLifetime(found) {
            unsafe csqlite_read(
                uri, query, limit,
                { context, bytes, count in
                    let found = unsafe Unmanaged<Found>.fromOpaque(context).takeUnretainedValue()
                    let span = unsafe UnsafeBufferPointer(start: bytes, count: count).span
                    found.value = SecretBox(SecretBytes(copying: span))
                }, Unmanaged.passUnretained(found).toOpaque(), &reason)
        }
        switch result {
        case CSQLITE_FOUND: return found.value?.take()
        case CSQLITE_ABSENT: return nil
        case CSQLITE_TOO_LARGE: throw FileError(.tooLarge, path, "holds a value larger than \(limit) bytes")
        default: throw FileError(.system(EIO), path, text(reason))
        }
    }

    /// A reader of a database in WAL mode makes files beside it, so a database that nobody has open is declared unchangeable;
    /// one that somebody has open is read with the files that are there.
    private static func address(_ path: String) throws(FileError) -> String {
        let hasLog = (ForeignFile.size(path + "-wal") ?? 0) > 0
        let hasJournal = ForeignFile.size(path + "-journal") != nil
        if hasLog, ForeignFile.size(path + "-shm") == nil {
            throw FileError(.system(EBUSY), path, "was not closed properly; the program that keeps it has to open it once")
        }
        let parameters = hasLog ? "mode=ro&readonly_shm=1" : hasJournal ? "mode=ro" : "mode=ro&immutable=1"
        return "file:" + escaped(path) + "?" + parameters
    }

    /// Percent-encoded where a character means something in a URI or is no ASCII.
    private static func escaped(_ path: String) -> String {
        var text = ""
        for byte in path.utf8 {
            let isPlain = byte > 0x20 && byte < 0x7F && ![UInt8(ascii: "%"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains(byte)
            if isPlain {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let bytes = [byte]
                text += "%" + Hex.encode(bytes.span)
            }
        }
        return text
    }

    private final class Found {
        var value: SecretBox?
    }

    private static func text(_ reason: csqlite_reason) -> String {
        var reason = reason
        return unsafe withUnsafeBytes(of: &reason.text) { buffer in
            String(decoding: unsafe buffer.prefix { $0 != 0 }.map { $0 }, as: UTF8.self)
        }
    }
}
