package import Vault

/// What went wrong between us and an authorization server (or the vault behind us), with the next command to run.
package struct OAuthError: Error, Sendable, CustomStringConvertible {
    /// What a caller can act upon; docs/auth-cli.md has the name and exit code of each.
    package enum Code: Sendable, Equatable {
        /// A person has to log in: no account, a dead refresh token, an account that cannot be refreshed.
        case loginRequired
        /// The person, or the server in their place, said no.
        case accessDenied
        /// Nobody finished the login in time.
        case loginTimeout
        /// Every port that the server would send the browser to is taken.
        case portBusy
        /// A pasted callback or an option that cannot be right.
        case usage
        /// The server does not know or want this client: every account of the provider is hit.
        case clientRefused
        /// The server answered something that is no use now (5xx, HTML, a broken answer); try later.
        case providerUnavailable
        /// There was no answer: name, connection, TLS, time.
        case network
        /// Asked too often, by the server's word.
        case rateLimited
        /// The login was granted less than the endpoint wants: log in again, a refresh does not help.
        case scopeMissing
        /// Configuration now names another issuer, client or endpoint than at login: no token goes there.
        case originChanged
        /// config.json, or what the server says of itself, cannot be used.
        case configurationInvalid
        case vault(VaultError.Code)
    }

    package let code: Code
    /// One clause for people: what happened and why. No secret, and nothing of a server's that a terminal would obey.
    package let message: String
    /// A command, or a sentence that holds one.
    package let remedy: String?
    /// Seconds after which the server wants to be asked again.
    package var retryAfter: Int?

    /// - Parameter remedy: said for each error: nil only where somebody else's words are passed on.
    package init(_ code: Code, _ message: String, remedy: String?, retryAfter: Int? = nil) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.retryAfter = retryAfter
    }

    /// Keeps message and remedy word for word.
    package init(_ error: VaultError) {
        self.init(.vault(error.code), error.message, remedy: error.remedy)
    }

    package var description: String { message + (remedy.map { " (\($0))" } ?? "") }
}

/// Runs vault operations and carries their failure on.
func onVault<R: ~Copyable>(_ body: () async throws(VaultError) -> R) async throws(OAuthError) -> R {
    do throws(VaultError) { return try await body() } catch { throw OAuthError(error) }
}
