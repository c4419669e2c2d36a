import OAuth
import Platform
import Providers
import Vault

/// Reads config.json strictly: an unknown key is an error with a suggestion, because a misspelt setting that is silently
/// ignored is a setting that a person believes in.
///
/// Names that begin with `//` are comments.
package struct ConfigurationReader: Sendable {
    private let path: String

    /// - Parameter path: absolute; nothing is read yet.
    package init(path: String) { self.path = path }

    /// The configuration; the defaults where there is no file.
    ///
    /// - Throws: for a file or directory that others may write, one that is larger than a mebibyte, and what `parse` throws.
    package func read() throws(ConfigurationError) -> Configuration {
        let (folder, name) = AbsolutePath.split(path)
        let content: SecretBytes
        do throws(FileError) {
            content = try PrivateDirectory.open(folder, trust: .notWritableByOthers)
                .read(name, limit: 1 << 20, trust: .notWritableByOthers)
        } catch {
            if error.kind == .notFound { return Configuration() }
            throw ConfigurationError(path: error.path, key: nil, reason: error.reason)
        }
        return try content.withBytes { (text) throws(ConfigurationError) in try parse(text) }
    }

    /// - Throws: for no strict JSON, a name that is no setting (with the nearest one), and a value of the wrong type or range.
    package func parse(_ text: Span<UInt8>) throws(ConfigurationError) -> Configuration {
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue(parsing: text) } catch {
            throw ConfigurationError(path: path, key: nil, reason: "line \(error.line), column \(error.column): \(error.reason)")
        }
        let root = try section(value, "", ["schemaVersion", "vault", "network", "agent", "usage", "providers"])
        guard let version = root["schemaVersion"]?.number?.integer else { throw problem("schemaVersion", "is missing; it must be 1") }
        guard version == Configuration.schemaVersion else { throw problem("schemaVersion", "is \(version); this program knows 1") }
        var configuration = Configuration()
        try readVault(root["vault"] ?? .null, &configuration)
        try readNetwork(root["network"] ?? .null, &configuration)
        let agent = try section(root["agent"] ?? .null, "agent", ["idleLockSeconds", "lifetimeSeconds"])
        configuration.idleLockSeconds = try count(agent, "agent.idleLockSeconds", minimum: 1)
        configuration.lifetimeSeconds = try count(agent, "agent.lifetimeSeconds", minimum: 1)
        let usage = try section(root["usage"] ?? .null, "usage", ["pollSeconds", "historyDays"])
        configuration.pollSeconds = try count(usage, "usage.pollSeconds", minimum: 1) ?? configuration.pollSeconds
        configuration.historyDays = try count(usage, "usage.historyDays", minimum: 0) ?? configuration.historyDays
        for (name, value) in try section(root["providers"] ?? .null, "providers", nil).members {
            guard !name.isEmpty, name.utf8.count <= 64, name.allSatisfy({ $0.isLetter || $0.isNumber || "-_.".contains($0) }) else {
                throw problem("providers.\(name.prefix(40))", "is no provider name: letters, digits, - _ and . only")
            }
            if let alias = ProviderCatalog.aliases[name] { throw problem("providers.\(name)", "is an alias; write \(alias)") }
            configuration.providers[name] = try readProvider(name, value)
        }
        return configuration
    }

    private func readVault(_ value: JSONValue, _ configuration: inout Configuration) throws(ConfigurationError) {
        let vault = try section(
            value, "vault", ["backend", "identity", "keyFile", "passphraseCommand", "pinentry", "allowNetworkFilesystem"])
        if let name = try text(vault, "vault.backend") {
            guard let backend = Configuration.Backend(rawValue: name) else {
                throw problem("vault.backend", "is \"\(name)\"; it must be auto, keyring or file")
            }
            configuration.backend = backend
        }
        if let names = try texts(vault, "vault.identity") {
            var sources: [IdentitySource] = []
            for name in names {
                guard let source = IdentitySource(rawValue: name) else {
                    throw problem(
                        "vault.identity", "names \"\(name)\"; known: \(IdentitySource.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                sources.append(source)
            }
            if sources.isEmpty || Set(sources).count != sources.count {
                throw problem("vault.identity", "is empty or names a source twice")
            }
            configuration.identity = sources
        }
        configuration.keyFile = try text(vault, "vault.keyFile")
        if let path = configuration.keyFile, !path.hasPrefix("/") { throw problem("vault.keyFile", "must be an absolute path") }
        configuration.passphraseCommand = try texts(vault, "vault.passphraseCommand")
        if configuration.passphraseCommand?.isEmpty == true {
            throw problem("vault.passphraseCommand", "is empty; write the program and its arguments")
        }
        configuration.pinentry = try text(vault, "vault.pinentry")
        if let path = configuration.pinentry, !path.hasPrefix("/") { throw problem("vault.pinentry", "must be an absolute path") }
        configuration.allowNetworkFilesystem = try flag(vault, "vault.allowNetworkFilesystem") ?? false
    }

    private func readNetwork(_ value: JSONValue, _ configuration: inout Configuration) throws(ConfigurationError) {
        let network = try section(value, "network", ["proxy", "caFile", "timeoutSeconds"])
        configuration.proxy = try text(network, "network.proxy")
        if let proxy = configuration.proxy, !isProxy(proxy) {
            throw problem("network.proxy", "is no proxy address; write http://HOST:PORT, https://… or socks5h://…")
        }
        configuration.caFile = try text(network, "network.caFile")
        if let path = configuration.caFile, !path.hasPrefix("/") { throw problem("network.caFile", "must be an absolute path") }
        configuration.timeoutSeconds = try count(network, "network.timeoutSeconds", minimum: 1) ?? configuration.timeoutSeconds
    }

    private func readProvider(_ name: String, _ value: JSONValue) throws(ConfigurationError) -> ProviderSettings {
        let isBuiltIn = ["codex", "claude"].contains(name)
        let prefix = "providers.\(name)"
        let keys =
            isBuiltIn
            ? ["enabled", "clientId", "scopes", "redirectUri", "issuer", "endpoints", "env"] + (name == "claude" ? ["webSession"] : [])
            : ["enabled", "type", "clientId", "scopes", "redirectUri", "issuer", "endpoints", "env"]
        let provider = try section(value, prefix, keys)
        var settings = ProviderSettings()
        settings.isEnabled = try flag(provider, prefix + ".enabled") ?? true
        if !isBuiltIn, try text(provider, prefix + ".type") != "oidc" { throw problem(prefix + ".type", "must be \"oidc\"") }
        if name == "claude" { settings.usesWebSession = try flag(provider, prefix + ".webSession") ?? false }
        settings.clientId = try text(provider, prefix + ".clientId")
        settings.scopes = try texts(provider, prefix + ".scopes")
        if let issuer = try text(provider, prefix + ".issuer") {
            _ = try address(issuer, prefix + ".issuer")
            settings.issuer = issuer
        }
        let endpoints = try section(provider["endpoints"] ?? .null, prefix + ".endpoints", ProviderSettings.endpointNames)
        for key in ProviderSettings.endpointNames {
            guard let text = try text(endpoints, "\(prefix).endpoints.\(key)") else { continue }
            settings.endpoints[key] = try address(text, "\(prefix).endpoints.\(key)")
        }
        settings.redirect = try redirect(provider, prefix + ".redirectUri")
        settings.environmentVariable = try text(provider, prefix + ".env")
        if let variable = settings.environmentVariable, !isSafeVariable(variable) {
            throw problem(
                prefix + ".env",
                "is \"\(variable)\"; it must match [A-Z_][A-Z0-9_]* and be none of PATH, HOME, IFS, LD_… and AI_USAGE_AGENT_…")
        }
        if !isBuiltIn {
            if settings.clientId == nil { throw problem(prefix + ".clientId", "is missing") }
            let isComplete = settings.endpoints["authorization"] != nil && settings.endpoints["token"] != nil
            if settings.issuer == nil && !isComplete {
                throw problem(prefix + ".issuer", "is missing (or name endpoints.authorization and endpoints.token)")
            }
        }
        return settings
    }

    private func redirect(_ provider: JSONObject, _ key: String) throws(ConfigurationError) -> RedirectRule? {
        guard let text = try text(provider, key) else { return nil }
        let hasPort = text.dropFirst("http://".count).prefix { $0 != "/" }.reversed().prefix { $0 != "]" }.contains(":")
        guard let address = WebAddress(text), !address.isSecure, address.isLoopback, address.query == nil else {
            throw problem(key, "must be an http address on 127.0.0.1, [::1] or localhost")
        }
        return RedirectRule(host: address.host, path: address.path, ports: hasPort ? [address.port] : [])
    }

    private func isProxy(_ text: String) -> Bool {
        let schemes = ["http://", "https://", "socks4://", "socks4a://", "socks5://", "socks5h://"]
        let rest = schemes.first { text.lowercased().hasPrefix($0) }.map { text.dropFirst($0.count) } ?? text[...]
        return !rest.isEmpty && rest.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } && !rest.contains("/")
    }

    private func isSafeVariable(_ name: String) -> Bool {
        guard let first = name.utf8.first, first == UInt8(ascii: "_") || (65...90).contains(first) else { return false }
        guard name.utf8.allSatisfy({ $0 == UInt8(ascii: "_") || (65...90).contains($0) || (48...57).contains($0) }) else { return false }
        return name != "PATH" && name != "HOME" && name != "IFS" && !name.hasPrefix("LD_") && !name.hasPrefix("AI_USAGE_AGENT_")
    }

    // MARK: typed access

    private func problem(_ key: String, _ reason: String) -> ConfigurationError {
        ConfigurationError(path: path, key: TerminalText.escape(key), reason: TerminalText.escape(reason))
    }

    private func section(_ value: JSONValue, _ key: String, _ known: [String]?) throws(ConfigurationError) -> JSONObject {
        if value.isNull { return JSONObject() }
        guard let object = value.object else { throw problem(key.isEmpty ? "the file" : key, "is no object") }
        var kept = JSONObject()
        for (name, value) in object.members where !name.hasPrefix("//") {
            if let known, !known.contains(name) {
                let suggestion =
                    Similarity.nearest(to: name, in: known).map { "did you mean \"\($0)\"?" } ?? "known: \(known.joined(separator: ", "))"
                var unknown = problem(key.isEmpty ? name : "\(key).\(name)", "is no setting; \(suggestion)")
                unknown.isUnknownKey = true
                throw unknown
            }
            kept[name] = value
        }
        return kept
    }

    private func value(_ object: JSONObject, _ key: String) -> JSONValue {
        object[String(key[key.index(after: key.lastIndex(of: ".") ?? key.startIndex)...])] ?? .null
    }

    private func text(_ object: JSONObject, _ key: String) throws(ConfigurationError) -> String? {
        let value = value(object, key)
        if value.isNull { return nil }
        guard let text = value.string, !text.isEmpty else { throw problem(key, "must be a text that is not empty, or null") }
        return text
    }

    private func texts(_ object: JSONObject, _ key: String) throws(ConfigurationError) -> [String]? {
        let value = value(object, key)
        if value.isNull { return nil }
        guard let elements = value.array else { throw problem(key, "must be a list of texts") }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string else { throw problem(key, "must be a list of texts") }
            texts.append(text)
        }
        return texts
    }

    private func flag(_ object: JSONObject, _ key: String) throws(ConfigurationError) -> Bool? {
        let value = value(object, key)
        if value.isNull { return nil }
        guard let flag = value.bool else { throw problem(key, "must be true or false") }
        return flag
    }

    private func count(_ object: JSONObject, _ key: String, minimum: Int) throws(ConfigurationError) -> Int? {
        let value = value(object, key)
        if value.isNull { return nil }
        guard let number = value.number?.integer, number >= minimum, number <= 1_000_000_000 else {
            throw problem(key, "must be a whole number of at least \(minimum)")
        }
        return number
    }

    private func address(_ text: String, _ key: String) throws(ConfigurationError) -> WebAddress {
        guard let address = WebAddress(text) else { throw problem(key, "is no http(s) address: \"\(text.prefix(80))\"") }
        guard address.isAcceptable else {
            throw problem(key, "is plain http to \(address.host); tokens travel only over https, or over http to this machine itself")
        }
        return address
    }
}

/// The nearest of several names, for "did you mean".
enum Similarity {
    static func nearest(to word: String, in candidates: [String]) -> String? {
        let scored = candidates.map { ($0, distance(Array(word.lowercased()), Array($0.lowercased()))) }
        guard let best = scored.min(by: { $0.1 < $1.1 }), best.1 <= max(2, word.count / 3) else { return nil }
        return best.0
    }

    /// Levenshtein distance.
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
}
