import Foundation
import Platform

/// A temporary home directory with all of XDG in it. It is removed by whoever made it, at the end of its scope.
package final class Home: Sendable {
    package struct Entry: Sendable, CustomStringConvertible {
        package let path: String
        package let mode: Int
        package let isDirectory: Bool
        package var description: String { "\(String(mode, radix: 8)) \(path)" }
    }

    package let path: String
    private static let folder = "ai-usage-agent"

    package init() throws {
        var template = Array("/tmp/aua-home-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw CocoaError(.fileWriteUnknown) }
        path = String(cString: made)
        for name in ["config", "data", "state", "runtime"] { try makeDirectory(path + "/" + name) }
    }

    package func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Everything a program finds in its environment, and nothing of the tests' own.
    package var environment: [String: String] {
        [
            "HOME": path, "XDG_CONFIG_HOME": path + "/config", "XDG_DATA_HOME": path + "/data", "XDG_STATE_HOME": path + "/state",
            "XDG_RUNTIME_DIR": path + "/runtime", "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC",
        ]
    }

    package var data: String { path + "/data/" + Home.folder }
    package var configuration: String { path + "/config/" + Home.folder }
    package var metadataFile: String { data + "/auth.json" }
    package var sealedFile: String { data + "/secrets.age" }
    package var keyFile: String { configuration + "/identity.txt" }
    package var configurationFile: String { configuration + "/config.json" }

    // MARK: - Files

    package func configure(_ text: String) throws {
        try FileManager.default.createDirectory(
            atPath: configuration, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try write(Array(text.utf8), to: configurationFile)
    }

    package func read(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    package func text(_ path: String) throws -> String { String(decoding: try read(path), as: UTF8.self) }

    /// Written in place, 0600, as an editor or an accident does it.
    package func write(_ bytes: [UInt8], to path: String, mode: Int = 0o600) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        try change(mode: mode, of: path)
    }

    package func change(mode: Int, of path: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    package func makeDirectory(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    package func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    package func delete(_ path: String) throws { try FileManager.default.removeItem(atPath: path) }

    package func move(_ path: String, to other: String) throws { try FileManager.default.moveItem(atPath: path, toPath: other) }

    package func copy(_ path: String, to other: String) throws { try FileManager.default.copyItem(atPath: path, toPath: other) }

    package func link(_ path: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
    }

    /// Everything below the home, by path.
    package func entries() throws -> [Entry] {
        guard let enumerator = FileManager.default.enumerator(atPath: path) else { return [] }
        return try enumerator.compactMap { $0 as? String }.sorted().map { name in
            let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
            return Entry(
                path: path + "/" + name, mode: (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1,
                isDirectory: attributes[.type] as? FileAttributeType == .typeDirectory)
        }
    }

    /// The bytes of the two stores; equal before and after a command that must lose nothing.
    package func stores() -> [String: [UInt8]] {
        var stores: [String: [UInt8]] = [:]
        for path in [metadataFile, sealedFile] { stores[path] = try? read(path) }
        return stores
    }

    /// The files that hold one of the needles, byte for byte or in Base64.
    package func search(for needles: [Needle]) throws -> [String] {
        try entries().flatMap { entry in
            let attributes = try FileManager.default.attributesOfItem(atPath: entry.path)
            guard attributes[.type] as? FileAttributeType == .typeRegular else { return [String]() }
            let content = try read(entry.path)
            return needles.filter { $0.isFound(in: content) }.map { "\(entry.path) holds \($0)" }
        }
    }
}
