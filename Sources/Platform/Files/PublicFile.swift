import CLinux
import Glibc

/// Small files that anybody may read: /proc, /etc.
package enum PublicFile {
    /// Nil if it cannot be read, is larger, is no regular file (a FIFO would be waited for), or is no UTF-8.
    package static func read(_ path: String, limit: Int = 65536) -> String? {
        guard let content = content(path, limit) else { return nil }
        return content.withBytes { bytes in UTF8Text.isValid(bytes) ? String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) : nil
        }
    }

    /// The same for a file of any encoding: what is no UTF-8 is replaced.
    package static func readLeniently(_ path: String, limit: Int = 65536) -> String? {
        guard let content = content(path, limit) else { return nil }
        return content.withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
    }

    private static func content(_ path: String, _ limit: Int) -> SecretBytes? {
        let raw = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard raw >= 0 else { return nil }
        let file = Descriptor(owning: raw)
        guard let status = try? file.status(path), status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Terminal.readAll(from: file.raw, limit: limit)
    }
}

/// A file that a person names on the command line: anywhere, under rules of their own.
package enum PersonsFile {
    /// Absolute; nil where it was removed or cannot be seen.
    package static var currentDirectory: String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard unsafe getcwd(&buffer, buffer.count) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The content, in protected memory; `-` is standard input. Blocks.
    ///
    /// - Throws: `notFound`, `tooLarge`, `system`.
    package static func read(_ path: String, limit: Int) throws(FileError) -> SecretBytes {
        if path == "-" { return try readAll(0, path, limit) }
        let raw = unsafe clinux_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0)
        guard raw >= 0 else { throw FileError.last("open", path) }
        let file = Descriptor(owning: raw)
        return try readAll(file.raw, path, limit)
    }

    private static func readAll(_ raw: Int32, _ path: String, _ limit: Int) throws(FileError) -> SecretBytes {
        guard let content = Terminal.readAll(from: raw, limit: limit) else {
            throw FileError(.tooLarge, path, "cannot be read, or is larger than \(limit) bytes")
        }
        return content
    }

    /// Writes a new file, 0600, synced; one that is there is never overwritten.
    ///
    /// - Throws: `system(EEXIST)` where there is one already; nothing is left of a file that could not be written whole.
    package static func create(_ path: String, _ content: Span<UInt8>) throws(FileError) {
        let raw = unsafe clinux_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard raw >= 0 else { throw FileError.last("create", path) }
        let file = Descriptor(owning: raw)
        do throws(FileError) {
            try file.writeAll(content, path)
            try file.synchronize(path)
            try file.closeChecked(path)
            let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
            try PrivateDirectory.synchronizeDirectory(folder)
        } catch {
            _ = unsafe unlink(path)
            throw error
        }
    }
}
