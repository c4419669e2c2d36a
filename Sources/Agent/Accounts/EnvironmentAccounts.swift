import OAuth
import Platform
import Providers
import Vault

/// Accounts whose token stands in a variable, `AI_USAGE_AGENT_<PROVIDER>_TOKEN`: shown like the others, never stored.
extension AgentService {
    /// One for each provider whose variable is set.
    func environmentAccounts(_ stored: [AccountRecord]) -> [AccountRecord] {
        guard environment.hasTokens else { return [] }
        let names = Set(catalog.names + ["claude"] + stored.map(\.provider)).filter { configuration.providers[$0]?.isEnabled ?? true }
        return names.sorted().compactMap(environmentAccount)
    }

    private func environmentAccount(_ provider: String) -> AccountRecord? {
        let variable = ProcessEnvironment.tokenVariable(of: provider)
        guard let token = environment.token(variable) else { return nil }
        let claims = Claims.decode(token)
        let reader = (try? catalog.provider(provider).client())?.identityReader
        let identity = reader?.identity(idToken: nil, accessToken: claims)
        let id = "env:" + provider
        var account = AccountRecord(
            id: id, provider: provider, accountKey: identity?.accountKey ?? id, authType: .oauth, source: AccountRecord.environmentSource,
            createdAt: time.now().wholeSeconds)
        account.email = identity?.email
        account.plan = identity?.plan
        account.providerAccountId = identity?.providerAccountId
        account.expiresAt = claims.flatMap { Claims.seconds($0["exp"]) }.map { Timestamp(seconds: $0) }
        if !TokenResponse.isToken(token) {
            account.status = .needsLogin
            account.statusReason = "\(variable) holds no token"
        } else if let expires = account.expiresAt, expires <= time.now() {
            account.status = .needsLogin
            account.statusReason = "the token in \(variable) is over"
        }
        return account
    }

    /// Tells one token of the environment from another, without saying anything of it; nil for every other account.
    func environmentDigest(_ account: AccountRecord) -> String? {
        guard account.owner == .environment, let token = environment.token(ProcessEnvironment.tokenVariable(of: account.provider)) else {
            return nil
        }
        let digest = token.withBytes { SHA256.hash($0) }
        return Hex.encode(digest.span)
    }

    /// - Throws: `loginRequired` for a token that is over or none: nobody here can renew it.
    func environmentToken(_ account: AccountRecord, _ demand: TokenManager.Demand) throws(OAuthError) -> HeldToken {
        let variable = ProcessEnvironment.tokenVariable(of: account.provider)
        let remedy = "set \(variable) to a new token, or log in: ai-usage-agent auth login \(account.provider)"
        guard let token = environment.token(variable), TokenResponse.isToken(token) else {
            throw OAuthError(.loginRequired, "\(variable) holds no token", remedy: remedy)
        }
        if demand == .new {
            throw OAuthError(
                .loginRequired, "the token in \(variable) cannot be renewed here: it came without a refresh token", remedy: remedy)
        }
        let now = time.now()
        if let expires = account.expiresAt, expires <= now {
            throw OAuthError(.loginRequired, "the token in \(variable) expired at \(expires)", remedy: remedy)
        }
        var facts = borrowedFacts(account, now)
        facts.expiresAt = account.expiresAt
        return HeldToken(
            borrowed: token, facts: facts, warning: shortness(account.expiresAt, demand, now, "whoever set \(variable) has to renew it"))
    }
}
