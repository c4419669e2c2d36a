package import Platform

/// Where everything stands (XDG Base Directory Specification); relative values of the variables are ignored.
package struct VaultPaths: Sendable {
    /// `$XDG_DATA_HOME/ai-usage-agent`, and the two that follow likewise; absolute, without a slash at the end.
    package let data: String
    package let configuration: String
    package let state: String
    /// Nil without $XDG_RUNTIME_DIR: there is no fallback in /tmp.
    package let runtime: String?
    /// Variables that were ignored because their value is relative.
    package let ignoredVariables: [String]

    /// Those that say where.
    package static let variables = ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"]

    /// The name of our folder in each of them.
    package static let folder = "ai-usage-agent"

    /// - Returns: nil when neither the variables nor $HOME say where.
    package init?(_ environment: ProcessEnvironment) {
        var ignored: [String] = []
        // One spelling for a place: paths are compared, here and by the agent.
        func trimmed(_ path: String) -> String { String(path.reversed().drop { $0 == "/" }.reversed()) }
        func base(_ name: String, _ fallback: String?) -> String? {
            if let value = environment[name] {
                if value.hasPrefix("/") { return trimmed(value) }
                ignored.append(name)
            }
            guard let fallback, let home = environment["HOME"], home.hasPrefix("/") else { return nil }
            return trimmed(home) + fallback
        }
        guard let data = base("XDG_DATA_HOME", "/.local/share"), let configuration = base("XDG_CONFIG_HOME", "/.config"),
            let state = base("XDG_STATE_HOME", "/.local/state")
        else { return nil }
        self.data = data + "/" + VaultPaths.folder
        self.configuration = configuration + "/" + VaultPaths.folder
        self.state = state + "/" + VaultPaths.folder
        runtime = base("XDG_RUNTIME_DIR", nil).map { $0 + "/" + VaultPaths.folder }
        ignoredVariables = ignored
    }

    /// What is known of each account's usage, and when its provider may be asked again.
    package var usage: String { state + "/usage" }
    /// 0600; read without a key.
    package var metadataFile: String { data + "/auth.json" }
    /// 0700; lock files, which stay.
    package var locks: String { data + "/locks" }
    /// age v1 to one X25519 recipient, 0600; absent before the first login and in a keyring vault.
    package var sealedFile: String { data + "/secrets.age" }
    /// age v1 under scrypt, 0600; only where a passphrase opens the vault.
    package var passphraseIdentityFile: String { data + "/identity.age" }
    /// An age identity in clear, 0600.
    package var defaultKeyFile: String { configuration + "/identity.txt" }
    package var configurationFile: String { configuration + "/config.json" }

    /// The way out where the only key is lost: what it opened stays, put aside.
    var startingOver: String {
        "or start over without what is in it: mv \(ShellWord.quote(data)) \(ShellWord.quote(data + ".lost")) && ai-usage-agent vault init, then ai-usage-agent auth login codex "
            + "(or another provider)"
    }
}
