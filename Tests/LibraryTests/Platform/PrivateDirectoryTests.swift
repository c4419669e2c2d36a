import Glibc
import Platform
import TestSupport
import Testing

/// The refusal of a file operation; nil if it was done.
private func refused(_ body: () throws(FileError) -> Void) -> FileError.Kind? {
    do throws(FileError) {
        try body()
        return nil
    } catch { return error.kind }
}

struct PrivateDirectoryTests {
    private let old = Array("old content".utf8)
    private let new = Array("new and longer content".utf8)

    @Test("A replaced file has the new content, and whoever had the old one open still reads the old one")
    func atomicReplace() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            try directory.replace("f", with: old.span)
            let raw = open(directory.file("f"), O_RDONLY)
            defer { close(raw) }
            let before = folder.inode(of: "f")
            try directory.replace("f", with: new.span)
            #expect(copy(try directory.read("f")) == new)
            #expect(folder.inode(of: "f") != before)
            #expect(copy(optional: Terminal.readAll(from: raw, limit: 1000)) == old)
            #expect(folder.names() == ["f"])
        }
    }

    @Test("Files are 0600 and directories 0700, even where the umask would allow everything")
    func modes() async throws {
        try await TemporaryFolder.with { folder in
            // Loosening it is safe for tests that run at the same time: all of ours name their modes.
            let before = umask(0)
            defer { umask(before) }
            let directory = try PrivateDirectory.open(folder.file("a/b/c"), create: true)
            try directory.replace("f", with: old.span)
            try directory.create("g", with: old.span)
            let block = try BlockFile.open("h", in: directory, size: 16)
            _ = consume block
            try AppendFile(directory.file("i")).append("x")
            for name in ["a", "a/b", "a/b/c"] { #expect(folder.mode(of: name) == 0o700, "\(name)") }
            for name in ["f", "g", "h", "i"] { #expect(folder.mode(of: "a/b/c/" + name) == 0o600, "\(name)") }
        }
    }

    @Test(
        "A directory that others may enter is refused with the command that closes it", arguments: [0o755, 0o750, 0o701, 0o777] as [mode_t])
    func foreignDirectoryMode(_ mode: mode_t) async throws {
        try await TemporaryFolder.with { folder in
            try folder.makeFolder("d", mode: mode)
            let error = #expect(throws: FileError.self) { _ = try PrivateDirectory.open(folder.file("d")) }
            #expect(error?.kind == .unsafe)
            #expect(error?.reason.contains("chmod 700 \(folder.file("d"))") == true)
            let others = mode & 0o022
            #expect(
                refused { () throws(FileError) in _ = try PrivateDirectory.open(folder.file("d"), trust: .notWritableByOthers) }
                    == (others == 0 ? nil : .unsafe))
        }
    }

    @Test("A symbolic link is no directory of ours, and neither is a file or nothing")
    func noDirectory() async throws {
        try await TemporaryFolder.with { folder in
            try folder.makeFolder("real")
            symlink(folder.file("real"), folder.file("link"))
            try folder.write("x", "file")
            for name in ["link", "file"] {
                #expect(refused { () throws(FileError) in _ = try PrivateDirectory.open(folder.file(name)) } == .unsafe, "\(name)")
                #expect(
                    refused { () throws(FileError) in _ = try PrivateDirectory.open(folder.file(name), create: true) } == .unsafe, "\(name)"
                )
            }
            #expect(refused { () throws(FileError) in _ = try PrivateDirectory.open(folder.file("none")) } == .notFound)
        }
    }

    @Test("A directory that is swapped after it was opened is not followed")
    func swapped() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.file("d"), create: true)
            try folder.makeFolder("evil")
            rename(folder.file("d"), folder.file("moved"))
            symlink(folder.file("evil"), folder.file("d"))
            try directory.replace("f", with: new.span)
            #expect(folder.names(in: "evil").isEmpty)
            #expect(folder.read("moved/f") == new)
        }
    }

    @Test("A symbolic link in the place of a file is neither read nor replaced", arguments: ["target", "nowhere"])
    func symlinkedTarget(_ target: String) async throws {
        try await TemporaryFolder.with { folder in
            try folder.write(old, "target")
            symlink(folder.file(target), folder.file("f"))
            let directory = try PrivateDirectory.open(folder.path)
            #expect(refused { () throws(FileError) in _ = try directory.read("f") } == .unsafe)
            #expect(refused { () throws(FileError) in try directory.replace("f", with: new.span) } == .unsafe)
            #expect(refused { () throws(FileError) in try directory.create("f", with: new.span) } == .system(EEXIST))
            #expect(folder.names() == ["f", "target"])
            #expect(folder.read("target") == old)
        }
    }

    @Test(
        "A file that others may read or write is refused with the command that closes it",
        arguments: [0o644, 0o640, 0o604, 0o620, 0o666] as [mode_t])
    func foreignFileMode(_ mode: mode_t) async throws {
        try await TemporaryFolder.with { folder in
            try folder.write(old, "f", mode: mode)
            let directory = try PrivateDirectory.open(folder.path)
            let error = #expect(throws: FileError.self) { _ = try directory.read("f") }
            #expect(error?.kind == .unsafe)
            #expect(error?.reason.contains("chmod 600 \(folder.file("f"))") == true)
            let others = mode & 0o022
            #expect(
                refused { () throws(FileError) in _ = try directory.read("f", trust: .notWritableByOthers) }
                    == (others == 0 ? nil : .unsafe))
        }
    }

    @Test("A FIFO, a directory and a device are refused at once, without waiting for anybody")
    func notRegular() async throws {
        try await TemporaryFolder.with { folder in
            mkfifo(folder.file("fifo"), 0o600)
            try folder.makeFolder("folder")
            let directory = try PrivateDirectory.open(folder.path)
            for name in ["fifo", "folder"] {
                #expect(refused { () throws(FileError) in _ = try directory.read(name) } == .notRegular, "\(name)")
                #expect(refused { () throws(FileError) in try directory.replace(name, with: new.span) } == .unsafe, "\(name)")
            }
            #expect(folder.names() == ["fifo", "folder"], "no temporary is left")
        }
    }

    @Test("A replacement that cannot be made leaves the old content and no temporary")
    func failingReplace() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            // The name fits, the name of the temporary does not.
            let long = String(repeating: "n", count: 250)
            try folder.write(old, long)
            #expect(refused { () throws(FileError) in try directory.replace(long, with: new.span) } == .system(ENAMETOOLONG))
            #expect(folder.names() == [long])
            #expect(folder.read(long) == old)
        }
    }

    @Test("Only the leftovers of the named file are swept")
    func sweeping() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            for name in ["f", ".tmp-f.0123456789ab", ".tmp-f.ffffffffffff", ".tmp-g.0123456789ab", "f.0123456789ab", ".tmp-"] {
                try folder.write(old, name)
            }
            #expect(try directory.sweepTemporaries(of: "f") == 2)
            #expect(folder.names() == [".tmp-", ".tmp-g.0123456789ab", "f", "f.0123456789ab"])
            #expect(try directory.sweepTemporaries(of: "f") == 0)
        }
    }

    @Test("A file is read whole up to the limit and refused above it")
    func limits() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            for content in [[], [7], [UInt8](repeating: 1, count: 10_000)] as [[UInt8]] {
                try directory.replace("f", with: content.span)
                #expect(copy(try directory.read("f", limit: content.count)) == content)
            }
            #expect(refused { () throws(FileError) in _ = try directory.read("f", limit: 9999) } == .tooLarge)
            #expect(refused { () throws(FileError) in _ = try directory.read("none") } == .notFound)
        }
    }

    @Test("A file is created once and removed as often as one likes")
    func createAndRemove() async throws {
        try await TemporaryFolder.with { folder in
            let directory = try PrivateDirectory.open(folder.path)
            try directory.create("f", with: old.span)
            #expect(refused { () throws(FileError) in try directory.create("f", with: new.span) } == .system(EEXIST))
            #expect(folder.read("f") == old)
            #expect(try directory.exists("f"))
            try directory.remove("f")
            try directory.remove("f")
            #expect(try !directory.exists("f"))
            #expect(try directory.names() == [])
        }
    }
}
