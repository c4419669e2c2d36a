package import Platform

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
    /// By the whole key; a provider whose keys have parts compares them itself.
    package func contradicts(_ storedKey: String, idToken: JSONValue?, accessToken: JSONValue?) -> Bool {
        identity(idToken: idToken, accessToken: accessToken).map { $0.accountKey != storedKey } ?? false
    }

    /// Nothing: tokens that can be read say it themselves.
    package func identity(owner: JSONValue?, profile: JSONValue?) -> AccountIdentity? { nil }
}
