package import Glibc
import Platform

/// A directory of one test: made with mode 0700, removed with all that is in it when the test is done with it.
package struct TemporaryFolder: Sendable {
    package let path: String

    /// Lends a new folder for the time of the call.
    package static func with<R>(_ body: (TemporaryFolder) async throws -> R) async throws -> R {
        let parent = ProcessEnvironment.current()["TMPDIR"] ?? "/tmp"
        var template = Array((parent + "/ai-usage-agent-test-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw FileError(.system(errno), parent, "mkdtemp: \(errorText(errno))") }
        let folder = TemporaryFolder(path: String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        defer { folder.remove() }
        return try await body(folder)
    }

    /// The path of an entry of that name, there or not.
    package func file(_ name: String) -> String { path + "/" + name }

    /// Writes a file as somebody else would: no temporary, no checks.
    package func write(_ bytes: [UInt8], _ name: String, mode: mode_t = 0o600) throws {
        let raw = open(file(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard raw >= 0 else { throw FileError(.system(errno), file(name), "open: \(errorText(errno))") }
        defer { close(raw) }
        guard fchmod(raw, mode) == 0, Glibc.write(raw, bytes, bytes.count) == bytes.count else {
            throw FileError(.system(errno), file(name), "write: \(errorText(errno))")
        }
    }

    package func write(_ text: String, _ name: String, mode: mode_t = 0o600) throws { try write(Array(text.utf8), name, mode: mode) }

    /// The whole file; nil if there is none.
    package func read(_ name: String) -> [UInt8]? {
        let raw = open(file(name), O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { return nil }
        defer { close(raw) }
        return Terminal.readAll(from: raw, limit: 64 << 20)?.withBytes { $0.withUnsafeBytes { [UInt8]($0) } }
    }

    package func makeFolder(_ name: String, mode: mode_t = 0o700) throws {
        guard mkdir(file(name), mode) == 0, chmod(file(name), mode) == 0 else {
            throw FileError(.system(errno), file(name), "mkdir: \(errorText(errno))")
        }
    }

    /// The permission bits of an entry, of a link itself and not of what it leads to; nil if there is none.
    /// A symbolic link in the place of whatever stood there.
    package func link(_ name: String, to target: String) throws {
        unlink(file(name))
        guard symlink(target, file(name)) == 0 else { throw SpawnFailure(description: "symlink \(name): \(errno)") }
    }

    package func mode(of name: String) -> mode_t? {
        var status = stat()
        return lstat(file(name), &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    /// Which file the name leads to now; nil if there is none.
    package func inode(of name: String) -> ino_t? {
        var status = stat()
        return lstat(file(name), &status) == 0 ? status.st_ino : nil
    }

    /// The names of the entries, sorted.
    package func names(in subfolder: String = "") -> [String] {
        guard let stream = opendir(subfolder.isEmpty ? path : file(subfolder)) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
            let name = String(cString: UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self))
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The contents of every regular file below the folder, by path.
    package func allFiles(in subfolder: String = "") -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in names(in: subfolder) {
            let inner = subfolder.isEmpty ? name : subfolder + "/" + name
            var status = stat()
            guard lstat(file(inner), &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: files.merge(allFiles(in: inner)) { first, _ in first }
            case S_IFREG: files[inner] = read(inner)
            default: continue
            }
        }
        return files
    }

    private func remove(_ subfolder: String = "") {
        for name in names(in: subfolder) {
            let inner = subfolder.isEmpty ? name : subfolder + "/" + name
            if unlink(file(inner)) != 0 { remove(inner) }
        }
        rmdir(subfolder.isEmpty ? path : file(subfolder))
    }
}
