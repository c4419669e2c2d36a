package import Platform

/// Where an authorization server is asked for what.
package struct ServerEndpoints: Sendable, Equatable {
    /// RFC 6749 section 3.1.
    package var authorization: WebAddress
    /// RFC 6749 section 3.2; its origin is sealed at login.
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
