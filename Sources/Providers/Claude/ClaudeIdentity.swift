package import OAuth
package import Platform

/// Who a Claude account is: person and organization together, because one person has several and each has limits of its own
/// (docs/providers.md, "claude").
package struct ClaudeIdentity: IdentityReading {
    package init() {}

    /// The tokens are opaque.
    package func identity(idToken: JSONValue?, accessToken: JSONValue?) -> AccountIdentity? { nil }

    /// The profile before the token answer; nil unless account and organization are both named.
    package func identity(owner: JSONValue?, profile: JSONValue?) -> AccountIdentity? {
        func text(_ path: String...) -> String? {
            for source in [profile, owner] {
                guard var value = source else { continue }
                for name in path { value = value[name] }
                if let text = value.string, !text.isEmpty { return text }
            }
            return nil
        }
        guard let account = text("account", "uuid"), let organization = text("organization", "uuid") else { return nil }
        var identity = AccountIdentity(accountKey: "\(account):\(organization)")
        identity.providerAccountId = organization
        // `email` in the profile, `email_address` in a token answer.
        identity.email = text("account", "email") ?? text("account", "email_address")
        identity.plan = text("organization", "organization_type").map { $0.hasPrefix("claude_") ? String($0.dropFirst(7)) : $0 }
        identity.name = text("account", "display_name") ?? text("organization", "name")
        return identity
    }
}
