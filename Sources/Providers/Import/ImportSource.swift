/// A program whose logins can be used or taken over here, by its name on our command line.
package enum ImportSource: String, Sendable, CaseIterable {
    case openclaw, codex
    case claudeCode = "claude-code"
    case pi, opencode

    /// As its makers write it.
    package var title: String {
        switch self {
        case .openclaw: "OpenClaw"
        case .codex: "Codex"
        case .claudeCode: "Claude Code"
        case .pi: "pi"
        case .opencode: "opencode"
        }
    }

    /// What a person runs so that it renews its own login.
    package var command: String { self == .claudeCode ? "claude" : rawValue }

    /// The directory beside its store that it makes to lock it, and after how many seconds it takes one for abandoned; nil where
    /// it has no lock that others could take.
    package func lock(of file: String) -> (path: String, stale: Int)? {
        let folder = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? ""
        return switch self {
        // proper-lockfile's way: a directory that whoever makes it holds.
        case .pi: (file + ".lock", 30)
        case .claudeCode: (folder + "/.oauth_refresh.lock", 60)
        case .openclaw, .codex, .opencode: nil
        }
    }
}
