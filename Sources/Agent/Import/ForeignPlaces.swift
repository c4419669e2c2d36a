import Platform
package import Providers
package import Vault

/// One store of another program: a file, a database, an item of the keyring.
package struct ForeignPlace: Sendable, Hashable {
    package let kind: AccountReference.Kind
    /// An absolute path, or the `username` of an item.
    package let place: String

    init(_ kind: AccountReference.Kind, _ place: String) {
        self.kind = kind
        self.place = place
    }

    init(_ reference: AccountReference) { self.init(reference.kind, reference.place) }

    func reference(_ entry: String) -> AccountReference { AccountReference(kind: kind, place: place, entry: entry) }

    /// For people.
    package func title(_ source: ImportSource) -> String { kind == .keyring ? "\(source.title)'s item in the keyring" : place }
}

/// Where the other programs keep their logins, by their own rules (docs/import.md, "What is read").
struct ForeignPlaces {
    let environment: ProcessEnvironment

    /// The stores to look at, in order.
    ///
    /// - Parameter from: instead of the program's own directory: another one, or a file.
    func all(of source: ImportSource, from: String?) -> [ForeignPlace] {
        if let from {
            let path = absolute(from)
            if ForeignFile.isDirectory(path) == true { return stores(of: source, in: path) }
            return isSealed(path) ? [] : [file(path)]
        }
        guard let folder = folder(of: source) else { return [] }
        return stores(of: source, in: folder)
    }

    /// Stores that are known and not read, each with the way to one that is.
    func refusals(of source: ImportSource, from: String?) -> [String] {
        guard source == .codex else { return [] }
        let path = from.map(absolute) ?? folder(of: source) ?? ""
        let sealed = isSealed(path) ? path : path + "/secrets/" + ForeignPlaces.codexSecrets
        guard ForeignFile.isDirectory(sealed) == false else { return [] }
        return [
            "\(sealed) holds Codex's login sealed under a key of its own (age secrets), which is not read; "
                + "with cli_auth_credentials_store = \"file\" in Codex's config.toml and a new login there it can be"
        ]
    }

    /// Codex's "secrets" backend: sealed under a key of its own.
    private static let codexSecrets = "codex_auth.age"
    private func isSealed(_ path: String) -> Bool { path.hasSuffix("/" + ForeignPlaces.codexSecrets) }

    private func folder(of source: ImportSource) -> String? {
        func named(_ variable: String, _ fallback: String) -> String? {
            environment[variable].map(absolute) ?? environment["HOME"].map { $0 + fallback }
        }
        return switch source {
        case .codex: named("CODEX_HOME", "/.codex")
        case .claudeCode: named("CLAUDE_CONFIG_DIR", "/.claude")
        case .pi: named("PI_CODING_AGENT_DIR", "/.pi/agent")
        case .openclaw: named("OPENCLAW_STATE_DIR", "/.openclaw")
        // A relative value is none (XDG Base Directory Specification).
        case .opencode:
            environment["XDG_DATA_HOME"].flatMap { $0.hasPrefix("/") ? $0 + "/opencode" : nil }
                ?? environment["HOME"].map { $0 + "/.local/share/opencode" }
        }
    }

    private func stores(of source: ImportSource, in folder: String) -> [ForeignPlace] {
        switch source {
        case .codex:
            // After saving to the keyring Codex removes the file.
            let auth = file(folder + "/auth.json")
            return ForeignFile.isDirectory(auth.place) == nil ? [auth, ForeignPlace(.keyring, ForeignPlaces.codexUser(folder))] : [auth]
        case .claudeCode: return [file(folder + "/.credentials.json")]
        case .pi, .opencode: return [file(folder + "/auth.json")]
        case .openclaw:
            let agents = ForeignFile.names(in: folder + "/agents").map { folder + "/agents/" + $0 + "/agent" }
            let paths =
                agents.flatMap { [$0 + "/openclaw-agent.sqlite", $0 + "/auth-profiles.json"] } + [folder + "/state/openclaw.sqlite"]
            let present = paths.filter { ForeignFile.isDirectory($0) != nil }
            return present.isEmpty ? [file(folder + "/agents/main/agent/auth-profiles.json")] : present.map(file)
        }
    }

    private func file(_ path: String) -> ForeignPlace {
        ForeignPlace(path.hasSuffix(".sqlite") || path.hasSuffix(".db") ? .database : .file, path)
    }

    private func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path }
        return absolute((PersonsFile.currentDirectory ?? "") + "/" + path)
    }

    /// The account under which Codex files its login for this home directory (docs/import.md).
    static func codexUser(_ home: String) -> String {
        let path = Array((ForeignFile.canonical(home) ?? home).utf8)
        return "cli|" + Hex.encode(SHA256.hash(path.span).span.extracting(first: 8))
    }

    /// Where Claude Code says whose login a credentials file holds.
    static func claudeProfile(of credentials: String) -> [String] {
        let folder = credentials.lastIndex(of: "/").map { String(credentials[..<$0]) } ?? ""
        var paths = [folder + "/.claude.json"]
        if folder.hasSuffix("/.claude") { paths.append(String(folder.dropLast("/.claude".count)) + "/.claude.json") }
        return paths
    }
}
