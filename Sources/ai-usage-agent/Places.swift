/// Where the vault and the agent's socket stand, read from the environment as the full program reads it (`VaultPaths`).
struct Places {
    /// The data directory: an agent that serves another one refuses.
    let store: [UInt8]
    private let runtime: [UInt8]

    private static let folder = "/ai-usage-agent"
    private static let longestSocketPath = 107

    /// - Returns: nil where the environment raises a doubt: a variable that is set twice or is relative, no home, or one that holds
    ///   a token itself.
    init?() {
        var data: [UInt8]?
        var runtime: [UInt8]?
        var home: [UInt8]?
        var isClear = true
        func note(_ value: inout [UInt8]?, _ entry: [UInt8], _ name: String) {
            if value != nil { isClear = false }
            value = Array(entry[name.utf8.count...])
        }
        Started.forEachVariable { entry in
            if entry.begins(with: "HOME=") { note(&home, entry, "HOME=") }
            if entry.begins(with: "XDG_DATA_HOME=") { note(&data, entry, "XDG_DATA_HOME=") }
            if entry.begins(with: "XDG_RUNTIME_DIR=") { note(&runtime, entry, "XDG_RUNTIME_DIR=") }
            if entry.begins(with: "AI_USAGE_AGENT_"), Places.endsWithToken(entry) { isClear = false }
        }
        guard isClear else { return nil }

        var base: [UInt8]
        if let data, !data.isEmpty {
            guard data.begins(with: "/") else { return nil }
            base = data.withoutSlashesAtEnd
        } else {
            guard let home, home.begins(with: "/") else { return nil }
            base = home.withoutSlashesAtEnd
            base.append("/.local/share")
        }
        base.append(Places.folder)
        guard base.isPlainText else { return nil }
        store = base

        if let runtime, !runtime.isEmpty {
            guard runtime.begins(with: "/") else { return nil }
            self.runtime = runtime.withoutSlashesAtEnd
        } else {
            var path = Array("/run/user/".utf8)
            path.append(decimal: Started.user)
            self.runtime = path
        }
        guard socket.count <= Places.longestSocketPath else { return nil }
    }

    var socket: [UInt8] {
        var path = directory
        path.append("/agent.sock")
        return path
    }

    private var directory: [UInt8] {
        var path = runtime
        path.append(Places.folder)
        return path
    }

    /// Whether nobody else can have put the socket there.
    var areTrusted: Bool {
        PrivatePath.isDirectory(runtime) && PrivatePath.isDirectory(directory) && PrivatePath.isSocket(socket)
    }

    private static func endsWithToken(_ entry: [UInt8]) -> Bool {
        guard let end = entry.firstIndex(of: UInt8(ascii: "=")) else { return false }
        let suffix = "_TOKEN".utf8
        return end >= suffix.count && entry[(end - suffix.count)..<end].elementsEqual(suffix)
    }
}

extension [UInt8] {
    /// One spelling for a place, as `VaultPaths` has it.
    fileprivate var withoutSlashesAtEnd: [UInt8] {
        var path = self
        while path.last == UInt8(ascii: "/") { path.removeLast() }
        return path
    }

    fileprivate mutating func append(decimal number: UInt32) {
        if number >= 10 { append(decimal: number / 10) }
        append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}
