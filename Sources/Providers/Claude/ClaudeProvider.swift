package import OAuth
package import Platform

/// Anthropic's Claude with a subscription.
///
/// The provider reserves its OAuth client for its own programs, so no client id is shipped (docs/providers.md): a login needs
/// one from the configuration. Tokens are opaque; whose they are is said by the token answer and the profile endpoint.
/// The facts were read in public sources (docs/providers.md); none of them is promised by Anthropic.
package struct ClaudeProvider: Provider {
    static let defaultAuthorization = "https://claude.ai/oauth/authorize"
    static let defaultServer = "https://platform.claude.com"
    static let defaultAPI = "https://api.anthropic.com"
    static let beta = "oauth-2025-04-20"

    package let name = "claude"
    private let settings: ProviderSettings

    package init(_ settings: ProviderSettings) { self.settings = settings }

    package var tokenVariable: String? { settings.environmentVariable ?? "CLAUDE_CODE_OAUTH_TOKEN" }
    package var endpointOverrides: [String: WebAddress] { settings.endpoints }

    package var usageEndpoint: WebAddress? { endpoint("usage", ClaudeProvider.defaultAPI, "/api/oauth/usage") }

    /// Measured by others: some 28 requests in an hour for each identity; a burst blocks for up to an hour.
    package var pollingRule: PollingRule { PollingRule(floorSeconds: 180, refusalSeconds: 360) }

    /// A configured issuer (a gateway, a test server) stands for all three of the provider's hosts.
    private func endpoint(_ key: String, _ base: String, _ path: String) -> WebAddress? {
        settings.endpoints[key] ?? WebAddress((settings.base ?? base) + path)
    }

    /// Without a client id where none is configured: `whyNoClientId` says so, and nothing is thrown.
    ///
    /// - Throws: `configurationInvalid` for an issuer that is no address.
    package func client() throws(OAuthError) -> OAuthClient {
        let authorizationBase = settings.base.map { $0 + "/oauth/authorize" } ?? ClaudeProvider.defaultAuthorization
        guard let authorization = settings.endpoints["authorization"] ?? WebAddress(authorizationBase),
            let token = endpoint("token", ClaudeProvider.defaultServer, "/v1/oauth/token")
        else {
            throw OAuthError(
                .configurationInvalid, "the issuer of claude is no usable address: \(settings.issuer ?? "")",
                remedy: "ai-usage-agent config validate")
        }
        var endpoints = ServerEndpoints(authorization: authorization, token: token)
        endpoints.revocation = endpoint("revocation", ClaudeProvider.defaultServer, "/v1/oauth/revoke")
        endpoints.profile = endpoint("profile", ClaudeProvider.defaultAPI, "/api/oauth/profile")
        endpoints.usage = usageEndpoint
        var client = OAuthClient(
            provider: name, clientId: settings.clientId ?? "",
            // The least that shows usage and the profile; tokens for inference ask for more by `scopes` or --scope.
            scopes: settings.scopes ?? ["user:profile", "user:inference"], issuer: settings.base, endpoints: endpoints,
            redirect: settings.redirect ?? RedirectRule(host: "localhost", path: "/callback", ports: []), identityReader: ClaudeIdentity())
        client.whyNoClientId =
            "no client id of claude comes with this program: Anthropic reserves its own for its own programs"
        // Nobody has written down its own; these mean the same from any server.
        client.refusalCodes = CodexProvider.refusalCodes
        client.sendsJSON = true
        client.revokesWithJSON = true
        client.asksProfile = true
        client.codePage = WebAddress((settings.base ?? ClaudeProvider.defaultServer) + "/oauth/code/callback")
        client.authorizationParameters = [("code", "true")]
        return client
    }

    package func usageHeaders(providerAccountId: String?, accessClaims: JSONValue?) -> [(name: String, value: String)] {
        [("anthropic-beta", ClaudeProvider.beta)]
    }

    package func readUsage(status: Int, isHTML: Bool, retryAfter: Int?, body: borrowing SecretBytes, now: Timestamp) -> UsageReading {
        if let failure = UsageReading.failure(status: status, isHTML: isHTML, retryAfter: retryAfter, body: body) { return failure }
        return ClaudeUsage.read(body, retryAfter: retryAfter, now: now)
    }
}
