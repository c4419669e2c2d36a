import Glibc
import TestSupport
import Testing

@testable import Platform

@Suite("A database of ours")
struct DatabaseTests {
    @Test("Opened a second time by this process it keeps the locks of the first: a writer is not disturbed")
    func locks() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            let first = try Database("test.db", in: directory)
            try first.run("CREATE TABLE t (x)")
            try first.run("BEGIN IMMEDIATE")
            // A lock of an open file description meets those of a process (fcntl(2)), also of this one.
            func isLocked() async throws -> Bool {
                let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute('BEGIN IMMEDIATE')"
                let other = try await Child(
                    try #require(Program.find("python3")), ["-c", script, folder.file("test.db")], environment: [:]
                ).finish()
                return other.errorText.contains("locked")
            }
            #expect(try await isLocked())
            let second = try Database("test.db", in: directory)
            #expect(try second.run("SELECT count(*) FROM t") == [[.integer(0)]])
            #expect(try await isLocked())
            try first.run("ROLLBACK")
            #expect(try await !isLocked())
            extendLifetime(second)
        }
    }

    @Test("One that others may read, or that is a link, is refused as every file of ours", arguments: [true, false])
    func refused(_ isLink: Bool) async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            _ = try Database("real.db", in: directory)
            if isLink {
                try #require(symlink(folder.file("real.db"), folder.file("test.db")) == 0)
            } else {
                _ = try Database("test.db", in: directory)
                try #require(chmod(folder.file("test.db"), 0o644) == 0)
            }
            #expect(throws: FileError.self) { _ = try Database("test.db", in: directory) }
        }
    }
}
