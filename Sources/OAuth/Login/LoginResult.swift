package import Platform
package import Vault

/// What a login brought: tokens that no store has seen yet.
package struct LoginResult: ~Copyable, Sendable {
    package let tokens: TokenResponse
    /// Opaque where nothing says whose login it is.
    package let identity: AccountIdentity
    /// With the endpoints as they were: their origins are sealed with the tokens.
    package let client: OAuthClient
    /// By the clock of this machine; lifetimes count from here.
    package let receivedAt: Timestamp
    /// `sessionKey` where what was brought is the key of a web session and no token.
    package let authType: AuthType

    package init(
        tokens: consuming TokenResponse, identity: AccountIdentity, client: OAuthClient, receivedAt: Timestamp, authType: AuthType = .oauth
    ) {
        self.authType = authType
        self.tokens = tokens
        self.identity = identity
        self.client = client
        self.receivedAt = receivedAt
    }
}

extension LoginResult {
    /// Takes what a token endpoint answered to a login, whichever grant it was.
    ///
    /// - Parameters:
    ///   - nonce: of this login; nil where none was sent, as in the device flow.
    ///   - http: for the profile, where the tokens are opaque; one that cannot be read is noted, and costs no login.
    /// - Throws: `accessDenied` for a refused code, `clientRefused`, `rateLimited`, `network`, and `providerUnavailable` for an
    ///   answer of no use, such as an id_token that OpenID Connect Core 3.1.3.7 forbids.
    init(
        accepting outcome: consuming TokenOutcome, client: OAuthClient, nonce: String?, receivedAt now: Timestamp,
        http: any HTTPSending, note: (String) -> Void
    ) async throws(OAuthError) {
        let provider = client.provider
        switch consume outcome {
        case .granted(let tokens):
            let idClaims = Claims.decode(optional: tokens.idToken)
            if client.isOpenID, tokens.idToken != nil, idClaims == nil {
                throw OAuthError(.providerUnavailable, "the id_token of \(provider) cannot be read", remedy: "check issuer in config.json")
            }
            if client.isOpenID, client.scopes.contains("openid"), let claims = idClaims {
                let problem = Claims.problem(
                    idToken: claims, issuer: client.issuer, clientId: client.clientId, nonce: nonce, now: now)
                if let problem {
                    throw OAuthError(
                        .providerUnavailable, "the id_token of \(provider) was refused: \(problem)",
                        remedy: "check this machine's clock (date), and issuer and clientId in config.json")
                }
            }
            var profile: JSONValue?
            if client.asksProfile {
                do throws(OAuthError) { profile = try await ProfileRequest(http: http).ask(client, tokens.accessToken) } catch {
                    note("\(error.message); the login is kept all the same")
                }
            }
            let reader = client.identityReader
            let identity =
                reader.identity(idToken: idClaims, accessToken: Claims.decode(tokens.accessToken))
                ?? reader.identity(owner: tokens.owner, profile: profile)
                ?? .opaque()
            self.init(tokens: tokens, identity: identity, client: client, receivedAt: now)
        case .refused(let reason):
            throw OAuthError(
                .accessDenied, "\(provider) refused the code: \(reason)", remedy: "log in again: ai-usage-agent auth login \(provider)")
        case .clientRefused(let reason):
            throw OAuthError(
                .clientRefused, "\(provider) refused this client: \(reason)", remedy: "check clientId and redirectUri in config.json")
        case .transient(let reason, let retryAfter, let rateLimited):
            throw OAuthError(
                rateLimited ? .rateLimited : .providerUnavailable, "the exchange with \(provider) failed: \(reason)",
                remedy: "try again later: ai-usage-agent auth login \(provider)", retryAfter: retryAfter)
        case .ambiguous(let reason):
            throw OAuthError(
                .providerUnavailable, "the exchange with \(provider) ended without a usable answer: \(reason)",
                remedy: "log in again: ai-usage-agent auth login \(provider)")
        case .notSent(let reason):
            throw OAuthError(.network, "\(provider) could not be reached: \(reason)", remedy: "check the network, then log in again")
        }
    }
}
