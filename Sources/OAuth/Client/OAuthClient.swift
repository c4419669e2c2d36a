package import Platform

/// Where an authorization server is asked for what.
package struct ServerEndpoints: Sendable, Equatable {
    package var authorization: WebAddress
    package var token: WebAddress
    /// Where a login with a code for another device begins (RFC 8628 section 3.1); nil where there is none.
    package var deviceAuthorization: WebAddress?
    /// RFC 7009; nil where there is none.
    package var revocation: WebAddress?
    /// Nil where the provider has no usage endpoint.
    package var usage: WebAddress?
    /// Where it is asked whose an opaque token is; nil where tokens say it themselves.
    package var profile: WebAddress?
    /// The server said that it sends `iss` on every authorization response (RFC 9207): its absence is then an attack.
    package var sendsIssuer = false

    package init(authorization: WebAddress, token: WebAddress) {
        self.authorization = authorization
        self.token = token
    }

    /// The origins that a bundle remembers: where its tokens may ever go.
    package var origins: [String: String] {
        var origins = ["token": token.origin]
        origins["revocation"] = revocation?.origin
        origins["usage"] = usage?.origin
        origins["profile"] = profile?.origin
        return origins
    }
}

/// What the redirect URI of a client looks like.
package struct RedirectRule: Sendable, Equatable {
    /// As it is registered: `localhost`, `127.0.0.1` or `[::1]`.
    package let host: String
    /// Compared exactly with that of the callback; begins with "/".
    package let path: String
    /// In order of preference; empty when the server allows any loopback port (RFC 8252 section 7.3).
    package let ports: [Int]

    package init(host: String, path: String, ports: [Int]) {
        self.host = host
        self.path = path
        self.ports = ports
    }

    /// What is sent as `redirect_uri`.
    package func uri(port: Int) -> String { "http://\(host):\(port)\(path)" }
}

/// How a server grants tokens to a program whose person confirms a code on another device.
package enum DeviceDialect: Sendable, Equatable {
    /// RFC 8628: polling the token endpoint gives the tokens.
    case standard
    /// JSON requests; polling gives an authorization code and its verifier, both made by the server, which are exchanged as in
    /// a browser login.
    ///
    /// - verification: where the person enters the code.
    /// - lifetime: seconds that a code is good for; its answers do not say.
    case exchangedCode(poll: WebAddress, verification: String, redirectURI: String, lifetime: Int)
}

/// Who an account is, read from what the server said at login.
package struct AccountIdentity: Sendable, Equatable {
    /// The provider's stable identity; never the e-mail address.
    package let accountKey: String
    /// What the provider's API wants in a header; nil where it wants nothing.
    package var providerAccountId: String?
    package var email: String?
    /// In the provider's own word.
    package var plan: String?
    /// A name for people where there is no e-mail address.
    package var name: String?

    package init(accountKey: String) { self.accountKey = accountKey }

    /// Nothing says who it is: a key of our own, kept with the account and compared with nothing.
    package static func opaque() -> AccountIdentity {
        AccountIdentity(accountKey: opaquePrefix + Hex.encode(Random.bytes(16).span))
    }

    private static let opaquePrefix = "opaque#"
    /// Whether the key is one of our own.
    package static func isOpaque(_ accountKey: String) -> Bool { accountKey.hasPrefix(opaquePrefix) }
    package var isOpaque: Bool { AccountIdentity.isOpaque(accountKey) }
}

/// How a provider's tokens tell who they belong to.
package protocol IdentityReading: Sendable {
    /// Nil when the claims do not say.
    func identity(idToken: JSONValue?, accessToken: JSONValue?) -> AccountIdentity?
    /// Whether refreshed tokens name somebody else than the stored account; saying less is no contradiction.
    func contradicts(_ storedKey: String, idToken: JSONValue?, accessToken: JSONValue?) -> Bool
    /// For opaque tokens: by what the token answer says beside them, and by the profile.
    func identity(owner: JSONValue?, profile: JSONValue?) -> AccountIdentity?
}

extension IdentityReading {
    package func contradicts(_ storedKey: String, idToken: JSONValue?, accessToken: JSONValue?) -> Bool {
        identity(idToken: idToken, accessToken: accessToken).map { $0.accountKey != storedKey } ?? false
    }

    package func identity(owner: JSONValue?, profile: JSONValue?) -> AccountIdentity? { nil }
}

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
