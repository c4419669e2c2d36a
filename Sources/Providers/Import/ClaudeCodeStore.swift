import OAuth
import Platform

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
