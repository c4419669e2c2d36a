package import OAuth
package import Platform

/// Who a Codex account is: user and workspace together, because one person has several workspaces and one workspace
/// several members (docs/providers.md, "Identity").
package struct CodexIdentity: IdentityReading {
    /// The claim under which OpenAI's own claims stand.
    package static let namespace = "https://api.openai.com/auth"
    private static let profile = "https://api.openai.com/profile"

    package init() {}

    /// User and workspace are compared each with its own; what the new tokens leave out they do not deny.
    package func contradicts(_ storedKey: String, idToken: JSONValue?, accessToken: JSONValue?) -> Bool {
        guard let new = identity(idToken: idToken, accessToken: accessToken)?.accountKey, new != storedKey else { return false }
        let stored = storedKey.split(separator: "__").map(String.init)
        let named = new.split(separator: "__").map(String.init)
        if stored.count == 2, named.count == 2 { return stored != named }
        let tokens = [idToken, accessToken].compactMap { $0?[CodexIdentity.namespace] }
        // A subject alone cannot be compared with user and workspace.
        let names = ["chatgpt_account_id", "chatgpt_user_id", "user_id"]
        guard tokens.contains(where: { token in names.contains { token[$0].string?.isEmpty == false } }) else { return false }
        return Set(stored).isDisjoint(with: named)
    }

    /// The id token's claims before the access token's; the subject alone where neither names user or workspace.
    package func identity(idToken: JSONValue?, accessToken: JSONValue?) -> AccountIdentity? {
        let tokens = [idToken, accessToken].compactMap { $0 }
        func claim(_ name: String) -> String? {
            for token in tokens {
                if let value = token[CodexIdentity.namespace][name].string, !value.isEmpty { return value }
            }
            return nil
        }
        let account = claim("chatgpt_account_id")
        let user = claim("chatgpt_user_id") ?? claim("user_id")
        let key: String
        switch (user, account) {
        case (let user?, let account?): key = "\(user)__\(account)"
        // Never organizations[]: those are API-platform organisations, not the ChatGPT workspace.
        case (nil, let account?): key = account
        case (let user?, nil): key = user
        case (nil, nil):
            guard let subject = tokens.lazy.compactMap({ $0["sub"].string }).first(where: { !$0.isEmpty }) else { return nil }
            key = subject
        }
        var identity = AccountIdentity(accountKey: key)
        identity.providerAccountId = account
        identity.email = tokens.lazy.compactMap { $0["email"].string ?? $0[CodexIdentity.profile]["email"].string }.first
        identity.plan = claim("chatgpt_plan_type")
        identity.name = tokens.lazy.compactMap { $0["preferred_username"].string ?? $0["sub"].string }.first
        return identity
    }
}
