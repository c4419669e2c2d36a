import CLinux
import Glibc

/// What a name leads to, without opening it and without following a symbolic link.
package struct FileFacts: Sendable, Equatable {
    /// What kind of thing it is; a link is not followed.
    package enum Kind: Sendable {
        case file, directory, link, socket, other
    }

    package let kind: Kind
    /// The user's number.
    package let owner: UInt32
    /// The permission bits.
    package let mode: Int

    package init(kind: Kind, owner: UInt32, mode: Int) {
        (self.kind, self.owner, self.mode) = (kind, owner, mode)
    }

    /// Nil where nothing can be seen.
    package static func at(_ path: String) -> FileFacts? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        let kind: Kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .link
            case S_IFSOCK: .socket
            default: .other
            }
        return FileFacts(kind: kind, owner: status.st_uid, mode: Int(status.st_mode & 0o7777))
    }

    /// Why nothing can be seen although something may be there; nil where it is seen, or surely absent.
    package static func obstacle(_ path: String) -> String? {
        var status = stat()
        guard unsafe lstat(path, &status) != 0, errno != ENOENT, errno != ENOTDIR else { return nil }
        return errorText(errno)
    }

    /// Why nothing can be written in that directory, as far as that can be seen without trying; nil where it seems possible.
    package static func obstacleToWriting(_ directory: String) -> String? {
        var disk = statvfs()
        guard unsafe statvfs(directory, &disk) == 0 else { return nil }
        // ST_RDONLY (statvfs(3)).
        if disk.f_flag & 1 != 0 { return "its file system is read-only" }
        if unsafe access(directory, W_OK) != 0 { return errorText(errno) }
        let blocks = geteuid() == 0 ? disk.f_bfree : disk.f_bavail
        let (free, isHuge) = UInt64(blocks).multipliedReportingOverflow(by: UInt64(disk.f_frsize))
        guard disk.f_blocks > 0, !isHuge, free < leastRoom else { return nil }
        return "only \(free / 1024) KiB are free on its disk"
    }

    /// Bytes: less than a refresh, a login and what is kept beside them may take.
    private static let leastRoom: UInt64 = 256 << 10

    /// Whether the owner lacks one of those permission bits; never for root, who needs none.
    package func lacks(_ bits: Int) -> Bool { geteuid() != 0 && mode & bits != bits }

    /// The permission bits as a person writes them.
    package var octal: String { String(mode & 0o777, radix: 8) }
}

/// Permission bits that are too many.
package enum FileMode {
    /// Takes those bits away from a file or directory of ours; a symbolic link and somebody else's file stay as they are.
    ///
    /// - Throws: `unsafe`, `system`.
    package static func remove(_ bits: Int, of path: String) throws(FileError) {
        let raw = unsafe clinux_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0)
        guard raw >= 0 else {
            if errno == ELOOP { throw FileError(.unsafe, path, "is a symbolic link; its mode is not changed") }
            throw FileError.last("open", path)
        }
        let file = Descriptor(owning: raw)
        let status = try file.status(path)
        guard status.st_uid == geteuid() else { throw FileError(.unsafe, path, "belongs to user \(status.st_uid), not to you") }
        guard fchmod(file.raw, status.st_mode & 0o7777 & ~mode_t(bits)) == 0 else { throw FileError.last("chmod", path) }
    }
}
