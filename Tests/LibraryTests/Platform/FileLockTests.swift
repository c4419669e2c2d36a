import Foundation
import Glibc
import Platform
import TestSupport
import Testing

/// A lock that a closure can let go.
private final class HeldLock: Sendable {
    private let lock: Guarded<Bool>
    private let box: LockBox

    /// Takes a `FileLock`, which cannot be captured, out of the way of the compiler.
    private final class LockBox: @unchecked Sendable {
        var lock: FileLock?
        init(_ lock: consuming FileLock) { self.lock = consume lock }
    }

    init(_ lock: consuming FileLock) {
        box = LockBox(lock)
        self.lock = Guarded(true)
    }

    func release() {
        lock.withLock { isHeld in
            if isHeld { box.lock = nil }
            isHeld = false
        }
    }
}

struct FileLockTests {
    private let patience = Duration.seconds(3)

    private func acquire(
        _ directory: PrivateDirectory, _ mode: FileLock.Mode = .exclusive, patience: Duration = .zero,
        clock: SteppingClock = SteppingClock()
    ) async throws -> FileLock? {
        try await FileLock.acquire(directory, "lock", mode, patience: patience, time: clock.source)
    }

    @Test("A second holder waits for its patience by the given clock, and gives up")
    func timeout() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            let first = try unwrap(try await acquire(directory))
            let clock = SteppingClock()
            let isNone = try await acquire(directory, patience: patience, clock: clock) == nil
            #expect(isNone)
            #expect(clock.elapsed >= patience && clock.elapsed < patience + .milliseconds(100))
            #expect(clock.sleeps < 100, "the pauses grow")
            #expect(first.isValid == true)
        }
    }

    @Test("A lock is free when its holder goes")
    func release() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            for _ in 0..<3 {
                let lock = try await acquire(directory)
                let isHeld = lock != nil
                #expect(isHeld)
            }
            #expect(folder.names() == ["lock"], "and the file stays")
            #expect(folder.mode(of: "lock") == 0o600)
        }
    }

    @Test("A lock is free when its holder goes, though a process that is just being started has a copy of its descriptor")
    func copiedDescriptor() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            var copies: [Int32] = []
            do {
                let lock = try unwrap(try await acquire(directory))
                // What fork does, up to the exec that closes them.
                copies = try Self.descriptors().filter { Self.target(of: $0) == folder.file("lock") }.map { dup($0) }
                #expect(copies.count == 1)
                #expect(lock.isValid == true)
            }
            let isFree = try await acquire(directory) != nil
            #expect(isFree)
            for copy in copies { close(copy) }
        }
    }

    /// The descriptors of this process; a test beside this one may have many.
    private static func descriptors() throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
    }

    /// The path that a descriptor of this process leads to.
    private static func target(of descriptor: Int32) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count - 1)
        return count > 0 ? String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    @Test("A waiter gets the lock that is let go while it waits")
    func waiter() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            let held = HeldLock(try unwrap(try await acquire(directory)))
            let clock = SteppingClock { if $0 == 3 { held.release() } }
            let isHeld = try await acquire(directory, patience: patience, clock: clock) != nil
            #expect(isHeld)
            #expect(clock.sleeps == 3)
        }
    }

    @Test("Readers share, a writer does not")
    func modes() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            do {
                let one = try unwrap(try await acquire(directory, .shared))
                let two = try unwrap(try await acquire(directory, .shared))
                let isWriter = try await acquire(directory, .exclusive) != nil
                #expect([one.isValid, two.isValid, isWriter] == [true, true, false])
            }
            let writer = try unwrap(try await acquire(directory, .exclusive))
            let isReader = try await acquire(directory, .shared) != nil
            #expect([writer.isValid, isReader] == [true, false])
        }
    }

    @Test("Closing another descriptor of the file does not free the lock")
    func otherDescriptors() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            let lock = try unwrap(try await acquire(directory))
            close(open(directory.file("lock"), O_RDWR))
            let isFree = try await acquire(directory) != nil
            #expect(!isFree)
            #expect(lock.isValid == true)
        }
    }

    @Test("A holder notices that its lock file was removed or replaced")
    func removedFile() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            let lock = try unwrap(try await acquire(directory))
            #expect(lock.isValid == true)
            unlink(directory.file("lock"))
            #expect(lock.isValid == false)
            try folder.write("", "lock")
            #expect(lock.isValid == false)
        }
    }

    @Test("A waiter whose file was removed takes the new file, not the old one")
    func replacedFile() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            let held = HeldLock(try unwrap(try await acquire(directory)))
            let old = folder.inode(of: "lock")
            let clock = SteppingClock { number in
                guard number == 2 else { return }
                // The name is moved away first, so that the inode cannot be given out again.
                rename(folder.file("lock"), folder.file("old"))
                held.release()
            }
            let lock = try unwrap(try await acquire(directory, patience: patience, clock: clock))
            #expect(lock.isValid == true)
            #expect(folder.inode(of: "lock") != old)
            let isFree = try await acquire(directory) != nil
            #expect(!isFree)
        }
    }

    @Test("A lock file that is a symbolic link is not followed")
    func symlinkedFile() async throws {
        try await TemporaryFolder.with { folder in
            symlink(folder.file("elsewhere"), folder.file("lock"))
            let directory = try PrivateDirectory.open(folder.path)
            await #expect(throws: FileError.self) { _ = try await acquire(directory) }
            #expect(folder.names() == ["lock"])
        }
    }
}
