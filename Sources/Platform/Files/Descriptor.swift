import Glibc

/// An open file descriptor with one owner; closed when the owner goes.
package struct Descriptor: ~Copyable, Sendable {
    /// Lent for system calls; nobody but the owner closes it.
    package let raw: Int32

    /// Takes over a descriptor that is open and nobody else's.
    package init(owning raw: Int32) { self.raw = raw }

    deinit { close(raw) }

    /// Whether anything is open under that number.
    package static func isOpen(_ raw: Int32) -> Bool { raw >= 0 && fcntl(raw, F_GETFD) >= 0 }

    /// Gives the descriptor up without closing it.
    consuming func take() -> Int32 {
        let raw = raw
        discard self
        return raw
    }

    /// Closes and reports what close(2) said (a delayed write error shows here).
    consuming func closeChecked(_ path: String) throws(FileError) {
        let raw = take()
        guard close(raw) == 0 else { throw FileError.last("close", path) }
    }

    borrowing func status(_ path: String) throws(FileError) -> stat {
        var status = stat()
        guard unsafe fstat(raw, &status) == 0 else { throw FileError.last("fstat", path) }
        return status
    }

    /// Writes everything from `offset` on; a short write goes on where it stopped.
    borrowing func writeAll(_ bytes: Span<UInt8>, at offset: Int? = nil, _ path: String) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let rest = bytes.extracting(done..<bytes.count)
            let written = unsafe rest.withUnsafeBytes { buffer in
                if let offset {
                    unsafe pwrite(raw, buffer.baseAddress, buffer.count, offset + done)
                } else {
                    unsafe write(raw, buffer.baseAddress, buffer.count)
                }
            }
            if written < 0 {
                if errno == EINTR { continue }
                throw FileError.last("write", path)
            }
            done += written
        }
    }

    /// Reads up to `count` bytes at `offset` into protected memory; fewer at the end of the file.
    borrowing func read(count: Int, at offset: Int, _ path: String) throws(FileError) -> SecretBytes {
        var buffer = SecretBytes(zeroes: count)
        var done = 0
        while done < count {
            let got = buffer.withMutableBytes { span in
                unsafe span.withUnsafeMutableBytes { unsafe pread(raw, $0.baseAddress! + done, count - done, offset + done) }
            }
            if got < 0 {
                if errno == EINTR { continue }
                throw FileError.last("read", path)
            }
            if got == 0 { break }
            done += got
        }
        if done == count { return buffer }
        return buffer.withBytes { SecretBytes(copying: $0.extracting(first: done)) }
    }

    borrowing func synchronize(_ path: String) throws(FileError) {
        guard fsync(raw) == 0 else { throw FileError.last("fsync", path) }
    }

    borrowing func synchronizeData(_ path: String) throws(FileError) {
        guard fdatasync(raw) == 0 else { throw FileError.last("fdatasync", path) }
    }
}
