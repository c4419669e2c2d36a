import Platform
package import Providers
package import Vault

/// What config.json says, checked; every value has a default, so that no file is needed.
package struct Configuration: Sendable, Equatable {
    /// The only layout there is; another one is refused.
    package static let schemaVersion = 1

    /// Where a new vault keeps its secrets; `auto` tries the keyring.
    package enum Backend: String, Sendable {
        case auto, keyring, file
    }

    package var backend = Backend.auto
    /// In the order of trying. Nil when the file does not name any: nothing is then chosen without a person.
    package var identity: [IdentitySource]?
    /// Absolute; nil is the usual place.
    package var keyFile: String?
    /// A program and its arguments; never empty.
    package var passphraseCommand: [String]?
    /// Absolute path of a pinentry program that asks for the passphrase.
    package var pinentry: String?
    /// Locks between machines do not hold there: a token may be spent twice.
    package var allowNetworkFilesystem = false
    /// Nil leaves it to the proxy variables.
    package var proxy: String?
    /// Absolute; PEM.
    package var caFile: String?
    /// Of usage and token requests; token requests never wait longer than 30.
    package var timeoutSeconds = 30
    /// Since a token was last wanted; nil never locks.
    package var idleLockSeconds: Int?
    /// Since the last unlock; nil never locks.
    package var lifetimeSeconds: Int?
    /// Between two good polls of an account's usage; a provider's floor counts before it.
    package var pollSeconds = 300
    /// 0 keeps no history.
    package var historyDays = 90
    /// By canonical name.
    package var providers: [String: ProviderSettings] = [:]

    package init() {}
}

/// Why a configuration cannot be used: the file, the line or key, and what would be right.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Of the file, or of the directory that others may write.
    package let path: String
    /// `providers.acme.issuer`, or nil when the file is no JSON.
    package let key: String?
    /// What is wrong and what would be right, for people.
    package let reason: String
    /// It names a setting that there is none of.
    package var isUnknownKey = false

    package var description: String { "\(path): \(key.map { "\($0) " } ?? "")\(reason)" }
}
