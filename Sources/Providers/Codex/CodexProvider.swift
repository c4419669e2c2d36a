package import OAuth
package import Platform

/// OpenAI Codex with a ChatGPT subscription.
///
/// The wire facts were read from public sources and never promised by OpenAI (docs/providers.md); everything is parsed
/// leniently and fails closed.
package struct CodexProvider: Provider {
    /// What `iss` says, and where the endpoints are.
    package static let defaultIssuer = "https://auth.openai.com"
    static let defaultUsage = "https://chatgpt.com/backend-api/wham/usage"
    /// Observed in OpenAI's own public client; never given to this program (decision 0005).
    package static let observedClientId = "app_EMoamEEZ73f0CkXaXp7hrann"
    /// How its token endpoint says that a refresh token is dead; other servers may take the same words.
    package static let refusalCodes: Set<String> = [
        "refresh_token_reused", "refresh_token_expired", "refresh_token_invalidated", "token_expired", "invalid_refresh_token",
        "app_session_terminated",
    ]
    /// What it means by a login that it refused, where its word alone says nothing.
    package static let deniedHints = [
        DeniedHint(
            mark: "missing_codex_entitlement", message: "Codex is not enabled in that workspace",
            remedy: "choose another workspace, or ask its administrator")
    ]
    /// Our own honest name where the provider asks who is calling.
    static let originator = "ai-usage-agent"

    package let name = "codex"
    private let settings: ProviderSettings

    package init(_ settings: ProviderSettings) { self.settings = settings }

    package var tokenVariable: String? { settings.environmentVariable ?? "CODEX_ACCESS_TOKEN" }
    package var endpointOverrides: [String: WebAddress] { settings.endpoints }

    package var usageEndpoint: WebAddress? { settings.endpoints["usage"] ?? WebAddress(CodexProvider.defaultUsage) }

    /// With its endpoints, which need no discovery.
    ///
    /// - Throws: `configurationInvalid` for an issuer that is no address.
    package func client() throws(OAuthError) -> OAuthClient {
        let issuer = settings.issuer ?? CodexProvider.defaultIssuer
        let base = settings.base ?? CodexProvider.defaultIssuer
        guard let authorization = settings.endpoints["authorization"] ?? WebAddress(base + "/oauth/authorize"),
            let token = settings.endpoints["token"] ?? WebAddress(base + "/oauth/token"),
            let devicePoll = settings.endpoints["deviceToken"] ?? WebAddress(base + "/api/accounts/deviceauth/token")
        else {
            throw OAuthError(
                .configurationInvalid, "the issuer of codex is no usable address: \(issuer)", remedy: "ai-usage-agent config validate")
        }
        var endpoints = ServerEndpoints(authorization: authorization, token: token)
        endpoints.deviceAuthorization =
            settings.endpoints["deviceAuthorization"] ?? WebAddress(base + "/api/accounts/deviceauth/usercode")
        endpoints.revocation = settings.endpoints["revocation"] ?? WebAddress(base + "/oauth/revoke")
        endpoints.usage = usageEndpoint
        var client = OAuthClient(
            provider: name, clientId: settings.clientId ?? CodexProvider.observedClientId,
            scopes: settings.scopes ?? ["openid", "profile", "email", "offline_access"], issuer: issuer, endpoints: endpoints,
            // The server's allow-list knows exactly these two (docs/providers.md).
            redirect: settings.redirect ?? RedirectRule(host: "localhost", path: "/auth/callback", ports: [1455, 1457]),
            identityReader: CodexIdentity())
        client.clientIdIsObserved = settings.clientId == nil
        client.refusalCodes = CodexProvider.refusalCodes
        client.deniedHints = CodexProvider.deniedHints
        client.treats401AsRefusal = true
        client.revokesWithJSON = true
        // Not RFC 8628 (docs/providers.md): 15 minutes is what the server's own page says.
        client.deviceDialect = .exchangedCode(
            poll: devicePoll, verification: base + "/codex/device", redirectURI: base + "/deviceauth/callback", lifetime: 900,
            errorPrefix: "deviceauth_")
        client.authorizationParameters = [
            ("id_token_add_organizations", "true"), ("codex_cli_simplified_flow", "true"), ("originator", CodexProvider.originator),
        ]
        return client
    }

    /// The workspace, and what the token's claims say of where it is served (docs/providers.md).
    package func usageHeaders(providerAccountId: String?, accessClaims: JSONValue?) -> [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = [("originator", CodexProvider.originator)]
        if let providerAccountId { headers.append(("ChatGPT-Account-Id", providerAccountId)) }
        let claims = accessClaims?[CodexIdentity.namespace] ?? .null
        if claims["chatgpt_account_is_fedramp"].bool == true { headers.append(("X-OpenAI-Fedramp", "true")) }
        if let residency = claims["chatgpt_compute_residency"].string, ["us", "eu"].contains(residency) {
            headers.append(("x-openai-internal-codex-residency", residency))
        }
        return headers
    }

    package func readUsage(status: Int, isHTML: Bool, retryAfter: Int?, body: borrowing SecretBytes, now: Timestamp) -> UsageReading {
        if let failure = UsageReading.failure(status: status, isHTML: isHTML, retryAfter: retryAfter, body: body) { return failure }
        return CodexUsage.read(body, retryAfter: retryAfter, now: now)
    }
}
