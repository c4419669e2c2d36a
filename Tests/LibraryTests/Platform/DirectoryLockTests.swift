import Glibc
import Platform
import TestSupport
import Testing

struct DirectoryLockTests {
    @Test("The directory is there while the lock is held and gone afterwards; who waits too long gets none")
    func held() async throws {
        try await TemporaryFolder.with { folder in
            let path = folder.file("auth.json.lock")
            func take(_ patience: Duration) async throws -> Bool {
                // An hour: a machine that pauses for a minute in the middle of this leaves nobody's lock behind.
                let lock = try await DirectoryLock.acquire(path, stale: .seconds(3600), patience: patience, time: .system)
                guard let lock else { return false }
                #expect(folder.names() == ["auth.json.lock"])
                extendLifetime(lock)
                return true
            }
            #expect(try await take(.zero))
            #expect(folder.names() == [])
            try folder.makeFolder("auth.json.lock")
            #expect(try await take(.milliseconds(120)) == false)
            #expect(folder.names() == ["auth.json.lock"], "somebody else's stays")
        }
    }

    @Test("A directory that a crash left is taken over once it is older than its users allow")
    func stale() async throws {
        try await TemporaryFolder.with { folder in
            try folder.makeFolder("lock")
            func take() async throws -> Bool {
                let lock = try await DirectoryLock.acquire(folder.file("lock"), stale: .seconds(30), patience: .zero, time: .system)
                return lock != nil
            }
            #expect(try await take() == false)
            var times = [timeval(tv_sec: time(nil) - 60, tv_usec: 0), timeval(tv_sec: time(nil) - 60, tv_usec: 0)]
            #expect(utimes(folder.file("lock"), &times) == 0)
            let second = try await DirectoryLock.acquire(folder.file("lock"), stale: .seconds(30), patience: .seconds(5), time: .system)
            let isTaken = second != nil
            #expect(isTaken)
        }
    }

    @Test("A lock that another took over meanwhile is not removed")
    func takenOver() async throws {
        try await TemporaryFolder.with { folder in
            do {
                let lock = try await DirectoryLock.acquire(folder.file("lock"), stale: .seconds(30), patience: .zero, time: .system)
                try folder.makeFolder("other")
                #expect(rename(folder.file("lock"), folder.file("gone")) == 0 && rename(folder.file("other"), folder.file("lock")) == 0)
                extendLifetime(lock)
            }
            #expect(folder.names() == ["gone", "lock"])
        }
    }
}
