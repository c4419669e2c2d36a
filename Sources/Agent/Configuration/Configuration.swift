import Platform
package import Providers
package import Vault

/// What config.json says, checked; every value has a default, so that no file is needed.
package struct Configuration: Sendable, Equatable {
    package static let schemaVersion = 1

    package enum Backend: String, Sendable {
        case auto, keyring, file
    }

    package var backend = Backend.auto
    /// In the order of trying. Nil when the file does not name any: nothing is then chosen without a person.
    package var identity: [IdentitySource]?
    package var keyFile: String?
    package var passphraseCommand: [String]?
    /// Absolute path of a pinentry program that asks for the passphrase.
    package var pinentry: String?
    package var allowNetworkFilesystem = false
    package var proxy: String?
    package var caFile: String?
    package var timeoutSeconds = 30
    package var idleLockSeconds: Int?
    package var lifetimeSeconds: Int?
    package var pollSeconds = 300
    package var historyDays = 90
    package var providers: [String: ProviderSettings] = [:]

    package init() {}
}

/// Why a configuration cannot be used: the file, the line or key, and what would be right.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    package let path: String
    /// `providers.acme.issuer`, or nil when the file is no JSON.
    package let key: String?
    package let reason: String
    /// It names a setting that there is none of.
    package var isUnknownKey = false

    package var description: String { "\(path): \(key.map { "\($0) " } ?? "")\(reason)" }
}
