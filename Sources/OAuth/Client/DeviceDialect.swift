package import Platform

/// How a server grants tokens to a program whose person confirms a code on another device.
package enum DeviceDialect: Sendable, Equatable {
    /// RFC 8628: polling the token endpoint gives the tokens.
    case standard
    /// JSON requests; polling gives an authorization code and its verifier, both made by the server, which are exchanged as in
    /// a browser login.
    ///
    /// - verification: where the person enters the code.
    /// - lifetime: seconds that a code is good for; its answers do not say.
    /// - errorPrefix: what may stand before the codes of RFC 8628 section 3.5.
    case exchangedCode(poll: WebAddress, verification: String, redirectURI: String, lifetime: Int, errorPrefix: String)
}
