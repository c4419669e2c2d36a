import CLinux
import Glibc

/// A file that only grows: each call adds its text at the end with O_APPEND, so writers do not cut into each other.
package final class AppendFile: Sendable {
    private let path: String
    private let descriptor: Descriptor

    /// Opens the file, making it (0600) where there is none; a symbolic link is refused.
    ///
    /// - Throws: `notFound` where its directory is missing, `system` (ELOOP for a link).
    package init(_ path: String) throws(FileError) {
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC
        let raw = unsafe path.withCString { unsafe clinux_openat(AT_FDCWD, $0, flags, 0o600) }
        guard raw >= 0 else { throw FileError.last("open", path) }
        self.path = path
        descriptor = Descriptor(owning: raw)
    }

    /// Bytes in the file; 0 where nobody can tell.
    package var size: Int { (try? descriptor.status(path)).map { Int($0.st_size) } ?? 0 }

    /// Adds UTF-8 text at the end.
    ///
    /// - Throws: `system` where the disk does not take it; a part of it may stand there then.
    package func append(_ text: String) throws(FileError) {
        let bytes = Array(text.utf8)
        try descriptor.writeAll(bytes.span, path)
    }
}
