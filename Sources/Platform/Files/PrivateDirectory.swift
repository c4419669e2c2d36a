import CLinux
import Glibc

/// A directory of ours, held open, through which its files are reached by name: no path can be swapped under us.
///
/// `subdirectory` alone goes by the path again, and checks what it finds there as `open` does.
package final class PrivateDirectory: Sendable {
    /// Who may own a file or directory, and which permissions others may have.
    package enum Trust: Sendable {
        /// Ours, and nobody else may even list it (0700).
        case ours
        /// Ours and not writable by others; a directory of the user's making (configuration).
        case notWritableByOthers
        /// Root's or ours, writable by neither group nor others and closed to others: what a service manager hands over. It
        /// lets us in by an ACL where the file system knows them, whose mask shows as the group's bits.
        case handedOver

        fileprivate var forbidden: mode_t {
            switch self {
            case .ours: 0o077
            case .notWritableByOthers: 0o022
            case .handedOver: 0o027
            }
        }

        fileprivate func accepts(owner: uid_t) -> Bool { owner == geteuid() || (self == .handedOver && owner == 0) }

        fileprivate func repair(_ mode: String) -> String {
            switch self {
            case .ours: mode
            case .notWritableByOthers: "go-w"
            case .handedOver: "g-w,o="
            }
        }
    }

    /// As it was opened.
    package let path: String
    private let descriptor: Descriptor

    private init(path: String, descriptor: consuming Descriptor) {
        self.path = path
        self.descriptor = descriptor
    }

    /// Opens a directory after checking that it is no symbolic link, belongs to this user and has the right mode.
    ///
    /// - Throws: `FileError`: `notFound` (only without `create`), `unsafe` with the command that repairs it, `system`.
    package static func open(_ path: String, trust: Trust = .ours, create: Bool = false) throws(FileError) -> PrivateDirectory {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        var raw = unsafe clinux_openat(AT_FDCWD, path, flags, 0)
        if raw < 0, create, errno == ENOENT {
            try makeDirectories(path)
            raw = unsafe clinux_openat(AT_FDCWD, path, flags, 0)
        }
        guard raw >= 0 else {
            if errno == ELOOP || errno == ENOTDIR {
                throw FileError(.unsafe, path, "is a symbolic link or no directory; it must be a real directory")
            }
            throw FileError.last("open", path)
        }
        let directory = PrivateDirectory(path: path, descriptor: Descriptor(owning: raw))
        try directory.checkTrust(trust)
        return directory
    }

    private func checkTrust(_ trust: Trust) throws(FileError) {
        let status = try descriptor.status(path)
        guard trust.accepts(owner: status.st_uid) else {
            throw FileError(.unsafe, path, "belongs to user \(status.st_uid), not to you")
        }
        guard status.st_mode & trust.forbidden == 0 else {
            let mode = String(status.st_mode & 0o7777, radix: 8)
            // One that everybody uses (/tmp) must not be taken from them.
            guard status.st_mode & 0o1000 == 0 else {
                throw FileError(.unsafe, path, "has mode \(mode): others use it, too; a directory of your own is needed")
            }
            let repair = "chmod \(trust.repair("700")) \(ShellWord.quote(path))"
            throw FileError(.unsafe, path, "has mode \(mode); others must not have access: \(repair)", repair: repair)
        }
    }

    /// A sub-directory that is ours alone (`Trust.ours`), whatever this one is trusted as.
    ///
    /// - Throws: as `open`.
    package func subdirectory(_ name: String, create: Bool = false) throws(FileError) -> PrivateDirectory {
        try PrivateDirectory.open(path + "/" + name, create: create)
    }

    /// The path of an entry, for messages and for programs that want one.
    package func file(_ name: String) -> String { path + "/" + name }

    /// The whole file in protected memory, after the same checks as for the directory.
    ///
    /// - Parameter trust: `ours` demands mode 0600 or stricter.
    /// - Throws: `FileError`: `notFound`, `unsafe`, `notRegular`, `tooLarge` above `limit` bytes, `system`.
    package func read(_ name: String, limit: Int = 64 << 20, trust: Trust = .ours) throws(FileError) -> SecretBytes {
        let file = try openChecked(name, O_RDONLY, trust)
        let status = try file.status(self.file(name))
        guard status.st_size <= limit else { throw FileError(.tooLarge, self.file(name), "is larger than \(limit) bytes") }
        return try file.read(count: Int(status.st_size), at: 0, self.file(name))
    }

    /// Opens an existing file of ours; symbolic links, devices and files of others are refused.
    func openChecked(_ name: String, _ flags: Int32, _ trust: Trust) throws(FileError) -> Descriptor {
        let path = file(name)
        let raw = unsafe name.withCString { unsafe clinux_openat(descriptor.raw, $0, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0) }
        guard raw >= 0 else {
            if errno == ELOOP { throw FileError(.unsafe, path, "is a symbolic link; it must be a regular file") }
            throw FileError.last("open", path)
        }
        let opened = Descriptor(owning: raw)
        try PrivateDirectory.check(try opened.status(path), path, trust)
        return opened
    }

    /// The same checks of a file that must not be opened here: closing any descriptor of it would drop the locks that this process
    /// holds on it by another (fcntl(2); SQLite's are such).
    ///
    /// - Throws: `notFound`, `notRegular`, `unsafe`, `system`.
    func checkUnopened(_ name: String, _ trust: Trust) throws(FileError) {
        var status = stat()
        guard unsafe fstatat(descriptor.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw FileError.last("stat", file(name)) }
        try PrivateDirectory.check(status, file(name), trust)
    }

    private static func check(_ status: stat, _ path: String, _ trust: Trust) throws(FileError) {
        guard status.st_mode & S_IFMT == S_IFREG else { throw FileError(.notRegular, path, "is no regular file") }
        guard trust.accepts(owner: status.st_uid) else {
            throw FileError(.unsafe, path, "belongs to user \(status.st_uid), not to you")
        }
        guard status.st_mode & trust.forbidden == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            let repair = "chmod \(trust.repair("600")) \(ShellWord.quote(path))"
            throw FileError(.unsafe, path, "has mode \(mode); others must not have access: \(repair)", repair: repair)
        }
    }

    /// Replaces the file as a whole and durably: after a crash at any point there is the old content or the new.
    ///
    /// A new file in the same directory is written, synced and closed, renamed over the old one, and the directory is
    /// synced. A failed sync is never retried on the same descriptor (the kernel may have dropped the pages): the next
    /// call writes a new file from memory.
    ///
    /// - Parameter isDurable: false for what can be asked for again: the replacement is as atomic, and a crash of the whole
    ///   machine may lose the file.
    /// - Throws: `unsafe` for a target that is no regular file; `system`: the old content is still there, unless only the sync of
    ///   the directory failed.
    package func replace(_ name: String, with contents: Span<UInt8>, isDurable: Bool = true) throws(FileError) {
        if let kind = try existingKind(name), kind != S_IFREG {
            throw FileError(.unsafe, file(name), kind == S_IFLNK ? "is a symbolic link; refusing to replace it" : "is no regular file")
        }
        let temporary = PrivateDirectory.temporaryPrefix + name + "." + Hex.encode(Random.bytes(6).span)
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let raw = unsafe temporary.withCString { unsafe clinux_openat(descriptor.raw, $0, flags, 0o600) }
        guard raw >= 0 else { throw FileError.last("create", file(temporary)) }
        let opened = Descriptor(owning: raw)
        do throws(FileError) {
            try opened.writeAll(contents, file(temporary))
            if isDurable { try opened.synchronize(file(temporary)) }
            try opened.closeChecked(file(temporary))
            guard unsafe renameat(descriptor.raw, temporary, descriptor.raw, name) == 0 else {
                throw FileError.last("rename", file(name))
            }
        } catch {
            _ = unsafe unlinkat(descriptor.raw, temporary, 0)
            throw error
        }
        if isDurable { try descriptor.synchronize(path) }
    }

    /// Makes the file only if there is none of that name yet; durable like `replace`. Two who do it at once need a lock.
    ///
    /// - Throws: `system(EEXIST)`, and what `replace` throws.
    package func create(_ name: String, with contents: Span<UInt8>) throws(FileError) {
        guard try existingKind(name) == nil else { throw FileError(.system(EEXIST), file(name), "exists already") }
        try replace(name, with: contents)
    }

    /// Whether so many bytes could be written now, which is tried; nothing of it is left.
    ///
    /// - Throws: `system`: ENOSPC, EROFS, EACCES and what else a write meets.
    package func probe(bytes count: Int) throws(FileError) {
        let name = PrivateDirectory.temporaryPrefix + "probe." + Hex.encode(Random.bytes(6).span)
        let raw = unsafe name.withCString {
            unsafe clinux_openat(descriptor.raw, $0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        guard raw >= 0 else { throw FileError.last("create", file(name)) }
        defer { _ = unsafe unlinkat(descriptor.raw, name, 0) }
        let opened = Descriptor(owning: raw)
        let zeroes = [UInt8](repeating: 0, count: count)
        try opened.writeAll(zeroes.span, file(name))
        try opened.synchronize(file(name))
    }

    /// Gives a file that is on the disk already another name, durably; what had that name is gone.
    ///
    /// - Throws: `notFound`, `system`.
    package func rename(_ name: String, to other: String) throws(FileError) {
        guard unsafe renameat(descriptor.raw, name, descriptor.raw, other) == 0 else { throw FileError.last("rename", file(name)) }
        try descriptor.synchronize(path)
    }

    /// Whether there is anything of that name, also a link that leads nowhere.
    package func exists(_ name: String) throws(FileError) -> Bool { try existingKind(name) != nil }

    /// Whether a socket of that name is there.
    ///
    /// - Throws: `unsafe` for something else of that name, somebody else's, or one that others may connect to.
    package func checkSocket(_ name: String) throws(FileError) -> Bool {
        var status = stat()
        guard unsafe fstatat(descriptor.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return false }
            throw FileError.last("stat", file(name))
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw FileError(.unsafe, file(name), "is no socket") }
        guard status.st_uid == geteuid() else { throw FileError(.unsafe, file(name), "belongs to user \(status.st_uid), not to you") }
        guard status.st_mode & 0o077 == 0 else {
            let repair = "chmod 600 \(ShellWord.quote(file(name)))"
            throw FileError(.unsafe, file(name), "others may connect to it: \(repair)", repair: repair)
        }
        return true
    }

    /// Removes the file; one that is not there is no error. Not synced.
    ///
    /// - Throws: `system`.
    package func remove(_ name: String) throws(FileError) {
        guard unsafe unlinkat(descriptor.raw, name, 0) == 0 || errno == ENOENT else { throw FileError.last("unlink", file(name)) }
    }

    /// The names of the entries, sorted, without "." and "..".
    package func names() throws(FileError) -> [String] {
        try PrivateDirectory.entries(unsafe clinux_openat(descriptor.raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), path)
    }

    /// The same for a directory that is not ours (/proc).
    static func listing(_ path: String) throws(FileError) -> [String] {
        try entries(unsafe clinux_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), path)
    }

    private static func entries(_ raw: Int32, _ path: String) throws(FileError) -> [String] {
        guard raw >= 0 else { throw FileError.last("open", path) }
        guard let stream = unsafe fdopendir(raw) else {
            defer { close(raw) }
            throw FileError.last("open", path)
        }
        defer { unsafe closedir(stream) }
        // An entry is as long as its name: a copy of the whole array would read behind the last one.
        let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                if errno != 0 { throw FileError.last("read", path) }
                break
            }
            let name = unsafe String(cString: UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self))
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes what a crash left of our own unfinished replacements. Call it under the lock that guards the files.
    ///
    /// - Returns: how many there were.
    @discardableResult
    package func sweepTemporaries(of name: String) throws(FileError) -> Int {
        var swept = 0
        for entry in try names() where entry.hasPrefix(PrivateDirectory.temporaryPrefix + name + ".") {
            try remove(entry)
            swept += 1
        }
        return swept
    }

    /// What a crash left of any of our replacements in this directory: regular files named as we name them, and nothing that a
    /// person may have put there.
    package func temporaries() throws(FileError) -> [String] {
        try names().filter { name in
            guard name.hasPrefix(PrivateDirectory.temporaryPrefix), let dot = name.lastIndex(of: ".") else { return false }
            let tag = name[name.index(after: dot)...]
            guard tag.utf8.count == 12, tag.allSatisfy({ $0.isHexDigit && !$0.isUppercase }) else { return false }
            return (try? existingKind(name)) == S_IFREG
        }
    }

    /// Seconds since the file was last written; nil if it cannot be told.
    package func age(of name: String, now: Timestamp) -> Int? {
        var status = stat()
        guard unsafe fstatat(descriptor.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        return Int(now.milliseconds / 1000) - status.st_mtim.tv_sec
    }

    /// The f_type of the file system that holds the directory (statfs(2)).
    package var filesystemMagic: Int64 { clinux_filesystem_magic(descriptor.raw) }

    /// How the names of unfinished replacements begin.
    package static let temporaryPrefix = ".tmp-"

    private func existingKind(_ name: String) throws(FileError) -> mode_t? {
        var status = stat()
        guard unsafe fstatat(descriptor.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return nil }
            throw FileError.last("stat", file(name))
        }
        return status.st_mode & S_IFMT
    }

    /// Whether the path still leads to the directory that is held open.
    package var isInPlace: Bool {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, let own = try? descriptor.status(path) else { return false }
        return status.st_dev == own.st_dev && status.st_ino == own.st_ino
    }

    /// Device and inode that the name leads to now; nil if it is gone.
    func identity(of name: String) -> (device: dev_t, inode: ino_t)? {
        var status = stat()
        guard unsafe fstatat(descriptor.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        return (status.st_dev, status.st_ino)
    }

    /// Opens (making it if need be) a file that is written in place: locks and journal records.
    func openInPlace(_ name: String) throws(FileError) -> Descriptor {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        let raw = unsafe name.withCString { unsafe clinux_openat(descriptor.raw, $0, flags, 0o600) }
        guard raw >= 0 else { throw FileError.last("open", file(name)) }
        return Descriptor(owning: raw)
    }

    func synchronize() throws(FileError) { try descriptor.synchronize(path) }

    /// The same for a directory that need not be ours.
    static func synchronizeDirectory(_ path: String) throws(FileError) {
        let raw = unsafe clinux_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        // One that may be written and not read cannot be synced by us; its owner's system does in time.
        if raw < 0, errno == EACCES { return }
        guard raw >= 0 else { throw FileError.last("open", path) }
        try Descriptor(owning: raw).synchronize(path)
    }

    /// Like mkdir -p, each new directory 0700 (XDG Base Directory Specification).
    private static func makeDirectories(_ path: String) throws(FileError) {
        var built = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            let parent = built
            built += "/" + part
            if unsafe mkdir(built, 0o700) == 0 {
                // What is durable within it must not be lost with its name.
                try synchronizeDirectory(parent.isEmpty ? "/" : parent)
            } else if errno != EEXIST {
                throw FileError.last("mkdir", built)
            }
        }
    }
}
