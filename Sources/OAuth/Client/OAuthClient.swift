package import Platform

/// This program as one server knows it. Everything a vendor does differently is data here, not code elsewhere.
package struct OAuthClient: Sendable {
    /// Its canonical name.
    package let provider: String
    /// Empty where none is configured and none may be shipped; `whyNoClientId` then says so.
    package var clientId: String
    /// The client id was seen in use and never given to us: dry runs and docs say so.
    package var clientIdIsObserved = false
    /// Given by the person for this login, not by configuration.
    package var clientIdIsExplicit = false
    /// Asked for at login; a refresh asks for none, so that what was granted stays.
    package var scopes: [String]
    /// Exactly as the server calls itself; nil where endpoints are configured without one.
    package var issuer: String?
    /// Nil until discovery.
    package var endpoints: ServerEndpoints?
    /// Where the browser is sent back to.
    package var redirect: RedirectRule
    /// How `--device` is done.
    package var deviceDialect = DeviceDialect.standard
    /// Vendor parameters of the authorization request.
    package var authorizationParameters: [(name: String, value: String)] = []
    /// OpenID: send a nonce and hold the id_token to OpenID Connect Core 3.1.3.7.
    package var isOpenID = false
    /// Lower-case codes that end a login for good, besides `invalid_grant` (RFC 6749 section 5.2).
    package var refusalCodes: Set<String> = []
    /// A 401 of the token endpoint means that the refresh token is dead, whatever its body says.
    package var treats401AsRefusal = false
    /// RFC 7009 wants a form; some servers want JSON.
    package var revokesWithJSON = false
    /// RFC 6749 wants forms at the token endpoint; some servers want JSON objects, the exchange's with the state in it.
    package var sendsJSON = false
    /// Where the server shows the code for copying: the redirect when nothing listens here. Nil: the listener's own address.
    package var codePage: WebAddress?
    /// The tokens are opaque: whose they are is said by the token answer and the profile endpoint.
    package var asksProfile = false
    /// What its words for a denied login mean; the first that fits is said.
    package var deniedHints: [DeniedHint] = []
    /// For people, where no client id is configured and none may be shipped.
    package var whyNoClientId: String?
    /// How its tokens tell who they belong to.
    package let identityReader: any IdentityReading

    package init(
        provider: String, clientId: String, scopes: [String], issuer: String?, endpoints: ServerEndpoints?, redirect: RedirectRule,
        identityReader: any IdentityReading
    ) {
        self.provider = provider
        self.clientId = clientId
        self.scopes = scopes
        self.issuer = issuer
        self.endpoints = endpoints
        self.redirect = redirect
        self.identityReader = identityReader
    }

    /// The endpoints, which discovery must have filled in.
    ///
    /// - Throws: `configurationInvalid` where it has not.
    package func knownEndpoints() throws(OAuthError) -> ServerEndpoints {
        guard let endpoints else {
            throw OAuthError(
                .configurationInvalid, "the endpoints of \(provider) are not known without asking its server",
                remedy: "name endpoints.authorization and endpoints.token in config.json")
        }
        return endpoints
    }
}
