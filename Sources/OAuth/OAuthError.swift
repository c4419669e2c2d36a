package import Vault

/// What went wrong between us and an authorization server (or the vault behind us), with the next command to run.
package struct OAuthError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// A person has to log in: no account, a dead refresh token, an account that cannot be refreshed.
        case loginRequired
        case accessDenied
        case loginTimeout
        case portBusy
        /// A pasted callback or an option that cannot be right.
        case usage
        /// The server does not know or want this client: every account of the provider is hit.
        case clientRefused
        /// The server answered something that is no use now (5xx, HTML, a broken answer); try later.
        case providerUnavailable
        case network
        case rateLimited
        case scopeMissing
        /// Configuration now names another issuer, client or endpoint than at login: no token goes there.
        case originChanged
        case configurationInvalid
        case vault(VaultError.Code)
    }

    package let code: Code
    package let message: String
    package let remedy: String?
    /// Seconds after which the server wants to be asked again.
    package var retryAfter: Int?

    package init(_ code: Code, _ message: String, remedy: String? = nil, retryAfter: Int? = nil) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.retryAfter = retryAfter
    }

    package init(_ error: VaultError) {
        self.init(.vault(error.code), error.message, remedy: error.remedy)
    }

    package var description: String { message + (remedy.map { " (\($0))" } ?? "") }
}

/// Runs vault operations and carries their failure on.
func onVault<R: ~Copyable>(_ body: () async throws(VaultError) -> R) async throws(OAuthError) -> R {
    do throws(VaultError) { return try await body() } catch { throw OAuthError(error) }
}
