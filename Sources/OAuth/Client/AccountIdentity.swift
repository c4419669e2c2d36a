import Platform

/// Who an account is, read from what the server said at login.
package struct AccountIdentity: Sendable, Equatable {
    /// The provider's stable identity; never the e-mail address.
    package let accountKey: String
    /// What the provider's API wants in a header; nil where it wants nothing.
    package var providerAccountId: String?
    /// Unverified: shown, never what tells accounts apart.
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
    /// Nothing said whose login it is.
    package var isOpaque: Bool { AccountIdentity.isOpaque(accountKey) }
}
