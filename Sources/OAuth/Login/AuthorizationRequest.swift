package import Platform

/// One login under way: its secrets (RFC 7636, state, nonce) and the address a browser is sent to.
package struct AuthorizationRequest: ~Copyable, Sendable {
    /// With its endpoints known, or `url` throws.
    package let client: OAuthClient
    /// With its port, as the exchange repeats it (RFC 6749 section 4.1.3).
    package let redirectURI: String
    /// 43 characters from 32 random bytes (RFC 7636 section 4.1).
    package let verifier: SecretBytes
    /// 32 random bytes of its own, never the verifier.
    package let state: String
    /// 32 random bytes for OpenID (OpenID Connect Core 3.1.2.1); nil for others.
    package let nonce: String?

    /// Makes a new verifier, state and nonce: each request is for one login.
    package init(client: OAuthClient, redirectURI: String) {
        self.client = client
        self.redirectURI = redirectURI
        verifier = Random.secret(32).withBytes { Base64.encode(secret: $0, .urlSafe) }
        state = Base64.encode(Random.bytes(32).span, .urlSafe)
        nonce = client.isOpenID ? Base64.encode(Random.bytes(32).span, .urlSafe) : nil
    }

    /// BASE64URL(SHA256(verifier)); there is no fallback to `plain` (RFC 7636 section 7.2).
    package var challenge: String {
        let digest = verifier.withBytes { SHA256.hash($0) }
        return Base64.encode(digest.span, .urlSafe)
    }

    /// Where the person has to go (RFC 6749 section 4.1.1, RFC 7636 section 4.3).
    ///
    /// - Throws: `configurationInvalid` where the endpoints are not known.
    package func url() throws(OAuthError) -> String {
        let endpoint = try client.knownEndpoints().authorization
        var fields: [(String, String)] = [
            ("response_type", "code"), ("client_id", client.clientId), ("redirect_uri", redirectURI),
            ("scope", client.scopes.joined(separator: " ")), ("code_challenge", challenge), ("code_challenge_method", "S256"),
            ("state", state),
        ]
        if let nonce { fields.append(("nonce", nonce)) }
        for parameter in client.authorizationParameters { fields.append((parameter.name, parameter.value)) }
        let query = fields.map { "\($0.0)=\(WebAddress.encode($0.1))" }.joined(separator: "&")
        return endpoint.description + (endpoint.query == nil ? "?" : "&") + query
    }
}

/// What came back from the authorization server through the browser.
package enum AuthorizationAnswer: Sendable {
    /// The code, boxed because it can be spent once; `stateChecked` is false only for a bare pasted code.
    case code(SecretBox, stateChecked: Bool)
    /// RFC 6749 section 4.1.2.1; both texts are made safe to show.
    case denied(error: String, description: String?)
}
