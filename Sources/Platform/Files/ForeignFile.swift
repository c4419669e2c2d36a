import CLinux
import Glibc

/// A file that another program of this user keeps: read as it stands, its mode is that program's business.
package enum ForeignFile {
    /// More than any store of logins holds.
    package static let limit = 1 << 20

    /// The content in protected memory.
    ///
    /// - Throws: `notFound`; `unsafe` for a symbolic link or somebody else's file, `notRegular`, `tooLarge`, `system`.
    package static func read(_ path: String, limit: Int = limit) throws(FileError) -> SecretBytes {
        let file = try open(path)
        let size = Int(try file.status(path).st_size)
        guard size <= limit else { throw FileError(.tooLarge, path, "is larger than \(limit) bytes") }
        return try file.read(count: size, at: 0, path)
    }

    static func open(_ path: String) throws(FileError) -> Descriptor {
        let raw = unsafe clinux_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0)
        guard raw >= 0 else {
            if errno == ELOOP { throw FileError(.unsafe, path, "is a symbolic link; only a regular file is read") }
            // A component that is no directory: there is no such file, either.
            if errno == ENOTDIR { throw FileError(.notFound, path, "open: \(errorText(ENOTDIR))") }
            throw FileError.last("open", path)
        }
        let file = Descriptor(owning: raw)
        try check(try file.status(path), path)
        return file
    }

    /// The same checks of a file that is not opened here, so that no lock of this process on it is dropped (fcntl(2)).
    ///
    /// - Throws: as `read`.
    static func check(_ path: String) throws(FileError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            if errno == ENOTDIR { throw FileError(.notFound, path, "stat: \(errorText(ENOTDIR))") }
            throw FileError.last("stat", path)
        }
        if status.st_mode & S_IFMT == S_IFLNK { throw FileError(.unsafe, path, "is a symbolic link; only a regular file is read") }
        try check(status, path)
    }

    private static func check(_ status: stat, _ path: String) throws(FileError) {
        guard status.st_mode & S_IFMT == S_IFREG else { throw FileError(.notRegular, path, "is no regular file") }
        guard status.st_uid == geteuid() else { throw FileError(.unsafe, path, "belongs to user \(status.st_uid), not to you") }
    }

    /// Whether the path leads to a directory; nil if it leads nowhere.
    package static func isDirectory(_ path: String) -> Bool? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return status.st_mode & S_IFMT == S_IFDIR
    }

    /// The bytes that the name stands for; nil if there is no such file.
    static func size(_ path: String) -> Int? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        return Int(status.st_size)
    }

    /// The names in a directory, sorted; none if it cannot be listed.
    package static func names(in path: String) -> [String] { (try? PrivateDirectory.listing(path)) ?? [] }

    /// The path without links and dots; nil if it leads nowhere.
    package static func canonical(_ path: String) -> String? {
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}
