import Glibc

/// A lock as Node programs take it: a directory that whoever makes it holds (proper-lockfile). Only for files that such a
/// program keeps; our own are guarded by `FileLock`.
package struct DirectoryLock: ~Copyable, Sendable {
    private let path: String
    private let inode: ino_t

    /// Waits, without blocking a thread, until the directory is ours or `patience` is over; nil then.
    ///
    /// - Parameter stale: a directory that nobody has touched for so long was left by a crash, by the rules of whoever uses it.
    /// - Throws: `system` where the directory cannot be made for another reason than that it is there.
    package static func acquire(
        _ path: String, stale: Duration, patience: Duration, time: TimeSource
    ) async throws(FileError) -> DirectoryLock? {
        let deadline = time.elapsed() + patience
        while true {
            if unsafe mkdir(path, 0o700) == 0 {
                var status = stat()
                guard unsafe lstat(path, &status) == 0 else { throw FileError.last("stat", path) }
                return DirectoryLock(path: path, inode: status.st_ino)
            }
            guard errno == EEXIST else { throw FileError.last("mkdir", path) }
            if isStale(path, stale, time) { _ = unsafe rmdir(path) }
            guard time.elapsed() < deadline, !Task.isCancelled else { return nil }
            await time.sleep(.milliseconds(50))
        }
    }

    deinit {
        var status = stat()
        // Whoever took it from us, because we were stopped for long, holds it now.
        if unsafe lstat(path, &status) == 0, status.st_ino == inode { _ = unsafe rmdir(path) }
    }

    private static func isStale(_ path: String, _ stale: Duration, _ time: TimeSource) -> Bool {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return false }
        let age = time.now() - Timestamp(seconds: Int(status.st_mtim.tv_sec))
        return .seconds(age) > stale
    }
}
