import Glibc

/// A small file of fixed blocks that is overwritten in place: journal records and state memories.
///
/// Space is taken by writing zeros (posix_fallocate promises nothing on copy-on-write file systems), so that a later
/// overwrite needs no new space and only one fdatasync.
package struct BlockFile: ~Copyable {
    /// Bytes of a block.
    package static let blockSize = 4096
    private let descriptor: Descriptor
    private let path: String

    /// Opens the file, making it with `size` bytes of zeros, synced, if it is shorter.
    ///
    /// - Throws: `system`: EFBIG where files may not be so large (ulimit -f), ENOSPC on a full disk. Nothing that was in it is lost.
    package static func open(_ name: String, in directory: PrivateDirectory, size: Int) throws(FileError) -> BlockFile {
        let path = directory.file(name)
        // A limit holds for overwriting too: found out now, and not in the middle of a later block.
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0, limit.rlim_cur < UInt(size) {
            throw FileError(.system(EFBIG), path, "files may have \(limit.rlim_cur) bytes here (ulimit -f), and it needs \(size)")
        }
        let descriptor = try directory.openInPlace(name)
        let present = Int(try descriptor.status(path).st_size)
        if present < size {
            let zeroes = [UInt8](repeating: 0, count: size - present)
            do throws(FileError) {
                try descriptor.writeAll(zeroes.span, at: present, path)
                try descriptor.synchronize(path)
            } catch {
                // A disk that is full keeps nothing of what was only to be room.
                if present == 0 { try? directory.remove(name) } else { _ = ftruncate(descriptor.raw, off_t(present)) }
                throw error
            }
            try directory.synchronize()
        }
        return BlockFile(descriptor: descriptor, path: path)
    }

    /// Nil when there is no such file.
    ///
    /// - Throws: `unsafe` for a link, another owner or an open mode; `notRegular`, `system`.
    package static func open(existing name: String, in directory: PrivateDirectory) throws(FileError) -> BlockFile? {
        guard try directory.exists(name) else { return nil }
        return BlockFile(descriptor: try directory.openChecked(name, O_RDWR, .ours), path: directory.file(name))
    }

    private init(descriptor: consuming Descriptor, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Bytes of the file as it is now.
    package var size: Int { get throws(FileError) { Int(try descriptor.status(path).st_size) } }

    /// Bytes from `offset` on in protected memory; fewer than `count` at the end of the file.
    package func read(count: Int, at offset: Int) throws(FileError) -> SecretBytes {
        try descriptor.read(count: count, at: offset, path)
    }

    /// Overwrites and, if `durable`, waits until the bytes are on the disk.
    ///
    /// - Throws: `system`; what then stands there is the old, the new, or a part of it.
    package func write(_ bytes: Span<UInt8>, at offset: Int, durable: Bool) throws(FileError) {
        try descriptor.writeAll(bytes, at: offset, path)
        if durable { try descriptor.synchronizeData(path) }
    }
}
