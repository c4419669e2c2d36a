import Platform

/// The same files on a machine of another id, as a copied home finds itself.
package struct OtherMachine: Sendable {
    package static var isPossible: Bool {
        SmallDisk.isPossible && Program.find("unshare") != nil && PublicFile.read("/etc/machine-id") != nil
    }
    package static let missing = "needs root that may mount, unshare, and a machine with an id"

    /// What goes before a command to run it there.
    package let command: [String]

    package init(_ home: Home, _ id: String) throws {
        let file = home.path + "/machine-\(id.prefix(4))"
        try home.write(Array((id + "\n").utf8), to: file, mode: 0o644)
        command = [
            Program.find("unshare") ?? "", "--mount", "/bin/sh", "-c", "mount --bind \"$0\" /etc/machine-id && exec \"$@\"", file,
        ]
    }
}
