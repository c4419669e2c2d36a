package import OAuth
package import Platform

/// Any OpenID or OAuth server that config.json describes.
package struct OpenIDProvider: Provider {
    /// As it stands in config.json.
    package let name: String
    private let settings: ProviderSettings

    package init(name: String, settings: ProviderSettings) {
        self.name = name
        self.settings = settings
    }

    package var tokenVariable: String? { settings.environmentVariable }
    package var endpointOverrides: [String: WebAddress] { settings.endpoints }
    package var usageEndpoint: WebAddress? { settings.endpoints["usage"] }

    /// Without endpoints, and so to be discovered, unless config.json names authorization and token both.
    ///
    /// - Throws: `configurationInvalid` without a client id.
    package func client() throws(OAuthError) -> OAuthClient {
        guard let clientId = settings.clientId else {
            throw OAuthError(.configurationInvalid, "providers.\(name).clientId is missing", remedy: "ai-usage-agent config validate")
        }
        var endpoints: ServerEndpoints?
        if let authorization = settings.endpoints["authorization"], let token = settings.endpoints["token"] {
            var known = ServerEndpoints(authorization: authorization, token: token)
            known.deviceAuthorization = settings.endpoints["deviceAuthorization"]
            known.revocation = settings.endpoints["revocation"]
            known.usage = settings.endpoints["usage"]
            known.profile = settings.endpoints["profile"]
            endpoints = known
        }
        var client = OAuthClient(
            provider: name, clientId: clientId, scopes: settings.scopes ?? ["openid", "email", "offline_access"], issuer: settings.issuer,
            endpoints: endpoints, redirect: settings.redirect ?? RedirectRule(host: "127.0.0.1", path: "/callback", ports: []),
            identityReader: OpenIDIdentity(issuer: settings.issuer))
        client.isOpenID = true
        // A configured server may answer as Codex's does, as with its usage.
        client.refusalCodes = CodexProvider.refusalCodes
        return client
    }

    package func usageHeaders(providerAccountId: String?, accessClaims: JSONValue?) -> [(name: String, value: String)] { [] }

    package func readUsage(status: Int, isHTML: Bool, retryAfter: Int?, body: borrowing SecretBytes, now: Timestamp) -> UsageReading {
        if let failure = UsageReading.failure(status: status, isHTML: isHTML, retryAfter: retryAfter, body: body) { return failure }
        // A configured endpoint answers in our own shape or in Codex's; anything else is shown as unknown, not guessed at.
        return SnapshotUsage.read(body, now: now) ?? CodexUsage.read(body, retryAfter: retryAfter, now: now)
    }
}

/// Issuer and subject (OpenID Connect Core section 5.7): the pair is the only identity that never changes.
package struct OpenIDIdentity: IdentityReading {
    let issuer: String?

    /// - Parameter issuer: taken where the claims name none.
    package init(issuer: String?) { self.issuer = issuer }

    /// By the id token alone where there is one; nil without a subject.
    package func identity(idToken: JSONValue?, accessToken: JSONValue?) -> AccountIdentity? {
        guard let claims = idToken ?? accessToken, let subject = claims["sub"].string, !subject.isEmpty,
            let issuer = claims["iss"].string ?? issuer
        else { return nil }
        var identity = AccountIdentity(accountKey: "\(issuer)#\(subject)")
        identity.email = claims["email"].string
        identity.name = claims["preferred_username"].string ?? subject
        return identity
    }
}
