import CLinux
import Glibc

/// A lock between processes (and between tasks) on a file that is never removed: OFD locks, freed by the kernel when
/// the holder dies, not dropped when some other descriptor of the file closes (as POSIX locks are).
package struct FileLock: ~Copyable, Sendable {
    /// Shared with other shared holders, or with nobody.
    package enum Mode: Int32, Sendable {
        case shared = 1
        case exclusive = 2
    }

    private let directory: PrivateDirectory
    private let name: String
    private let descriptor: Descriptor

    /// Unlocks before the descriptor closes: a process that is being started by another thread has a copy of it until its exec,
    /// and with it the lock.
    deinit { _ = clinux_ofd_lock(descriptor.raw, 0) }

    /// Waits, without blocking a thread, until the lock is had or `patience` is over; nil then.
    ///
    /// - Throws: `FileError` when the lock file cannot be opened or locked at all.
    package static func acquire(
        _ directory: PrivateDirectory, _ name: String, _ mode: Mode, patience: Duration, time: TimeSource
    ) async throws(FileError) -> FileLock? {
        let deadline = time.elapsed() + patience
        var pause = Duration.milliseconds(2)
        while true {
            let descriptor = try directory.openInPlace(name)
            while true {
                if clinux_ofd_lock(descriptor.raw, mode.rawValue) == 0 { break }
                guard errno == EAGAIN || errno == EACCES || errno == EINTR else { throw FileError.last("lock", directory.file(name)) }
                guard time.elapsed() < deadline else { return nil }
                // A cancelled sleep returns at once: without this the wait would turn into a spin.
                if Task.isCancelled { return nil }
                await time.sleep(pause)
                pause = min(pause * 2, .milliseconds(50))
            }
            let lock = FileLock(directory: directory, name: name, descriptor: descriptor)
            // Whoever unlinked the file while we waited made room for a second holder: take the new file instead.
            if lock.isValid { return lock }
            guard time.elapsed() < deadline else { return nil }
        }
    }

    /// The lock if it can be had without waiting; nil if somebody else has it.
    ///
    /// - Throws: as `acquire`.
    package static func acquireNow(_ directory: PrivateDirectory, _ name: String, _ mode: Mode) throws(FileError) -> FileLock? {
        let descriptor = try directory.openInPlace(name)
        guard clinux_ofd_lock(descriptor.raw, mode.rawValue) == 0 else {
            guard errno == EAGAIN || errno == EACCES else { throw FileError.last("lock", directory.file(name)) }
            return nil
        }
        let lock = FileLock(directory: directory, name: name, descriptor: descriptor)
        if lock.isValid { return lock }
        return nil
    }

    /// False if the file was removed or replaced: another process may hold "the same" lock.
    package var isValid: Bool {
        guard let status = try? descriptor.status(name), let now = directory.identity(of: name) else { return false }
        // The folder itself may have been moved away, with the lock in it.
        return now.device == status.st_dev && now.inode == status.st_ino && directory.isInPlace
    }
}
