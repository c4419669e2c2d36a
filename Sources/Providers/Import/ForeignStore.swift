import OAuth
package import Platform

/// Reads the stores of other programs. Their forms were read in public sources (docs/import.md) and are promised by nobody, so
/// what does not look as expected is refused in a sentence.
package enum ForeignStore {
    /// - Parameter profile: of Claude Code, what stands beside its tokens about whose they are.
    package static func read(_ source: ImportSource, _ document: borrowing JSONDocument, profile: JSONValue? = nil) -> ForeignReading {
        guard document.isObject(document.root) else {
            var reading = ForeignReading()
            reading.refuse("it is no store of \(source.title): no JSON object")
            return reading
        }
        return switch source {
        case .codex: CodexStore.read(document)
        case .claudeCode: ClaudeCodeStore.read(document, profile: profile)
        case .openclaw: OpenClawStore.read(document)
        case .pi, .opencode: FlatStore.read(document, source)
        }
    }

    /// The provider here of one that the other programs know; nil for those that nothing is read of.
    static func provider(_ name: String?) -> String? {
        switch name {
        case "openai-codex", "openai": "codex"
        case "anthropic", "claude", "claude-code": "claude"
        default: nil
        }
    }

    /// From the tokens' claims, else from the account that the store names beside them.
    static func identity(
        of provider: String, _ idToken: JSONValue?, _ accessToken: JSONValue?, accountId: String?, email: String?
    ) -> AccountIdentity? {
        guard provider == "codex" else { return nil }
        if let found = CodexIdentity().identity(idToken: idToken, accessToken: accessToken) { return found }
        guard let accountId, !accountId.isEmpty else { return nil }
        var identity = AccountIdentity(accountKey: accountId)
        identity.providerAccountId = accountId
        identity.email = email
        return identity
    }
}

/// `auth.json` of Codex, and the same text in its keyring item.
enum CodexStore {
    static func read(_ document: borrowing JSONDocument) -> ForeignReading {
        var reading = ForeignReading()
        let mode = document.text(at: "auth_mode")
        if let mode, mode != "chatgpt" {
            reading.refuse("Codex is logged in by \(TerminalText.escape(mode, limit: 40)), which is no ChatGPT login")
            return reading
        }
        guard let tokens = document.at("tokens"), document.isObject(tokens) else {
            let hasKey = document.text(at: "OPENAI_API_KEY").map { !$0.isEmpty } ?? false
            reading.refuse(hasKey ? "it holds an API key and no ChatGPT login" : "Codex is logged out (there are no tokens)")
            return reading
        }
        let accountId = document.text(at: "tokens", "account_id")
        let parts = ForeignParts(
            entry: "tokens", provider: "codex", access: ["tokens", "access_token"], refresh: ["tokens", "refresh_token"],
            id: ["tokens", "id_token"], logout: [.replace(["tokens"], with: "null")])
        reading.take(parts, in: document) { idToken, access in
            ForeignStore.identity(of: "codex", idToken, access, accountId: accountId, email: nil)
        }
        return reading
    }
}

/// `.credentials.json` of Claude Code. Whose tokens they are stands in another file.
enum ClaudeCodeStore {
    static func read(_ document: borrowing JSONDocument, profile: JSONValue?) -> ForeignReading {
        var reading = ForeignReading()
        guard let login = document.at("claudeAiOauth"), document.isObject(login) else {
            let others = document.at("mcpOAuth") == nil ? "" : "; it holds logins of MCP servers only"
            reading.refuse("Claude Code is logged out\(others)")
            return reading
        }
        let root = ["claudeAiOauth"]
        let scopes = document.at(root + ["scopes"]).map { document.elements(of: $0) }?.compactMap { document.string($0) }
        let ends = document.integer(at: "claudeAiOauth", "refreshTokenExpiresAt").map { Timestamp(milliseconds: Int64($0)).wholeSeconds }
        let plan = document.text(at: "claudeAiOauth", "subscriptionType")
        let parts = ForeignParts(
            entry: "claudeAiOauth", provider: "claude", access: root + ["accessToken"], refresh: root + ["refreshToken"],
            expires: root + ["expiresAt"],
            logout: [.replace(root + ["accessToken"], with: "\"\""), .replace(root + ["refreshToken"], with: "\"\"")])
        reading.take(parts, in: document, scopes: scopes, loginExpiresAt: ends) { _, _ in identity(profile, plan: plan) }
        return reading
    }

    /// `oauthAccount` of `.claude.json`: account and organisation together, because one person may have several of those.
    private static func identity(_ profile: JSONValue?, plan: String?) -> AccountIdentity? {
        guard let owner = profile?["oauthAccount"], let account = owner["accountUuid"].string, !account.isEmpty,
            let organisation = owner["organizationUuid"].string, !organisation.isEmpty
        else { return nil }
        var identity = AccountIdentity(accountKey: "\(account):\(organisation)")
        identity.email = owner["emailAddress"].string
        identity.plan = plan
        identity.name = owner["displayName"].string
        return identity
    }
}

/// `auth.json` of pi and of opencode: one member for each provider.
enum FlatStore {
    static func read(_ document: borrowing JSONDocument, _ source: ImportSource) -> ForeignReading {
        var reading = ForeignReading()
        for (name, value) in document.members(of: document.root) {
            guard let provider = ForeignStore.provider(name) else { continue }
            let entry = TerminalText.escape(name, limit: 60)
            guard document.isObject(value) else {
                reading.refuse("\(entry): it is no login")
                continue
            }
            guard document.text(at: name, "type") == "oauth" else {
                reading.refuse("\(entry): it holds a key and no login")
                continue
            }
            let accountId = document.text(at: name, "accountId")
            let parts = ForeignParts(
                entry: name, provider: provider, access: [name, "access"], refresh: [name, "refresh"], expires: [name, "expires"],
                logout: [.remove([name])])
            reading.take(parts, in: document) { idToken, access in
                ForeignStore.identity(of: provider, idToken, access, accountId: accountId, email: nil)
            }
        }
        if reading.logins.isEmpty, reading.refusals.isEmpty {
            reading.refuse("it holds no login of codex or claude")
        }
        return reading
    }
}

/// `auth-profiles.json` of OpenClaw, version 1, and the same text in its database.
enum OpenClawStore {
    static func read(_ document: borrowing JSONDocument) -> ForeignReading {
        var reading = ForeignReading()
        guard let profiles = document.at("profiles"), document.isObject(profiles) else {
            reading.refuse("it is no store of OpenClaw: there are no profiles")
            return reading
        }
        if let version = document.integer(at: "version"), version != 1 {
            reading.refuse("its version is \(version); version 1 is known")
            return reading
        }
        for (name, _) in document.members(of: profiles) { take(name, document, &reading) }
        if reading.logins.isEmpty, reading.refusals.isEmpty { reading.refuse("it holds no login of codex or claude") }
        return reading
    }

    private static func take(_ name: String, _ document: borrowing JSONDocument, _ reading: inout ForeignReading) {
        let path = ["profiles", name]
        guard let provider = ForeignStore.provider(document.text(at: "profiles", name, "provider")) else { return }
        let entry = TerminalText.escape(name, limit: 80)
        let type = document.text(at: "profiles", name, "type") ?? document.text(at: "profiles", name, "mode")
        guard type == "oauth" else { return reading.refuse("\(entry): it holds a key and no login") }
        if document.at(path + ["oauthRef"]) != nil {
            return reading.refuse("\(entry): its tokens are in OpenClaw's encrypted sidecar (oauthRef), which is not read")
        }
        let accountId = document.text(at: "profiles", name, "accountId")
        let email = document.text(at: "profiles", name, "email")
        let parts = ForeignParts(
            entry: name, provider: provider, access: path + ["access"], refresh: path + ["refresh"], id: path + ["idToken"],
            expires: path + ["expires"],
            logout: [.replace(path + ["access"], with: "\"\""), .replace(path + ["refresh"], with: "\"\"")])
        reading.take(parts, in: document) { idToken, access in
            ForeignStore.identity(of: provider, idToken, access, accountId: accountId, email: email)
        }
    }
}
