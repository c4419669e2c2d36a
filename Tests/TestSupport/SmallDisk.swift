import Foundation
import Glibc
import Platform

/// A tmpfs of a megabyte over a folder: a disk that can be really full.
package struct SmallDisk: Sendable {
    package let path: String
    private let ballast: String

    /// Whether this process may mount.
    package static let isPossible: Bool = {
        var template = Array("/tmp/aua-mount-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return false }
        defer { rmdir(template) }
        guard mount("tmpfs", template, "tmpfs", 0, "size=64k") == 0 else { return false }
        return umount2(template, Int32(MNT_DETACH)) == 0
    }()

    /// Lends the disk for the time of the call.
    package static func with<R>(over path: String, _ body: (SmallDisk) async throws -> R) async throws -> R {
        guard mount("tmpfs", path, "tmpfs", 0, "size=1m,mode=0700") == 0 else {
            throw Scene.Failed(description: "mount: \(String(cString: strerror(errno)))")
        }
        defer { umount2(path, Int32(MNT_DETACH)) }
        return try await body(SmallDisk(path: path, ballast: path + "/ballast"))
    }

    /// Takes every byte that is left.
    package func fill() throws {
        let descriptor = open(ballast, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Scene.Failed(description: "open: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        for size in [65536, 4096, 512, 1] {
            let block = [UInt8](repeating: 0x55, count: size)
            while write(descriptor, block, size) > 0 {}
        }
        guard errno == ENOSPC else { throw Scene.Failed(description: "the disk did not fill up: \(String(cString: strerror(errno)))") }
    }

    package func makeRoom() { unlink(ballast) }
}
