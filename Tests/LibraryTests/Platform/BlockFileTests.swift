import Glibc
import Platform
import TestSupport
import Testing

struct BlockFileTests {
    private func contents(_ file: borrowing BlockFile) throws -> [UInt8] { copy(try file.read(count: try file.size, at: 0)) }

    @Test("A new block file is all zeros and as large as it was asked for")
    func fresh() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            let file = try BlockFile.open("b", in: directory, size: 3 * BlockFile.blockSize)
            #expect(try file.size == 12288)
            #expect(try contents(file) == [UInt8](repeating: 0, count: 12288))
            #expect(folder.mode(of: "b") == 0o600)
        }
    }

    @Test("A write changes its bytes in place and no others", arguments: [true, false])
    func overwrite(_ durable: Bool) async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            let file = try BlockFile.open("b", in: directory, size: 8192)
            let inode = folder.inode(of: "b")
            let bytes: [UInt8] = [1, 2, 3]
            try file.write(bytes.span, at: 4095, durable: durable)
            var expected = [UInt8](repeating: 0, count: 8192)
            expected.replaceSubrange(4095..<4098, with: bytes)
            #expect(try contents(file) == expected)
            #expect(folder.read("b") == expected)
            #expect(folder.inode(of: "b") == inode)
        }
    }

    @Test("Opening again keeps what is there, and only makes a file longer")
    func reopen() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            let bytes: [UInt8] = [9, 9, 9]
            do { try BlockFile.open("b", in: directory, size: 16).write(bytes.span, at: 0, durable: true) }
            #expect(try contents(BlockFile.open("b", in: directory, size: 32)) == bytes + [UInt8](repeating: 0, count: 29))
            #expect(try contents(BlockFile.open("b", in: directory, size: 8)).count == 32)
        }
    }

    @Test("Reading behind the end gives what there is")
    func shortRead() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            let file = try BlockFile.open("b", in: directory, size: 10)
            #expect(copy(try file.read(count: 100, at: 4)).count == 6)
            #expect(copy(try file.read(count: 5, at: 100)).isEmpty)
        }
    }

    @Test("Only a private regular file is an existing block file")
    func existing() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            let isNone = try BlockFile.open(existing: "b", in: directory) == nil
            #expect(isNone)
            #expect(folder.names().isEmpty, "looking makes nothing")

            try folder.write([1], "open", mode: 0o644)
            try folder.makeFolder("folder")
            symlink(folder.file("open"), folder.file("link"))
            mkfifo(folder.file("fifo"), 0o600)
            for name in ["open", "folder", "link", "fifo"] {
                #expect(throws: FileError.self, "\(name)") { _ = try BlockFile.open(existing: name, in: directory) }
            }
            #expect(throws: FileError.self) { _ = try BlockFile.open("link", in: directory, size: 16) }
            #expect(folder.read("open") == [1])
        }
    }

    @Test("Writers of an append file do not cut into each other, and a link is refused")
    func appending() async throws {
        try await TemporaryFolder.with { folder in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    let file = try AppendFile(folder.file("log"))
                    group.addTask { for line in 0..<50 { try file.append("\(writer)-\(line)\n") } }
                }
                try await group.waitForAll()
            }
            let lines = String(decoding: try #require(folder.read("log")), as: UTF8.self).split(separator: "\n")
            #expect(Set(lines).count == 400)
            symlink(folder.file("log"), folder.file("link"))
            #expect(throws: FileError.self) { _ = try AppendFile(folder.file("link")) }
        }
    }
}
