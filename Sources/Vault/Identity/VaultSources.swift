package import Platform

/// Where a vault's identity can come from on this host: everything that an unlock may ask.
package struct VaultSources: Sendable {
    package let paths: VaultPaths
    package let passphrase: PassphraseReader
    package let keyring: KeyringHelper
    /// $CREDENTIALS_DIRECTORY, where systemd puts what LoadCredentialEncrypted= names.
    package let credentialsDirectory: String?
    /// May the Secret Service ask the person to unlock it? Only in the foreground and when they asked for it.
    package let mayAskPerson: Bool

    package init(
        paths: VaultPaths, passphrase: PassphraseReader, keyring: KeyringHelper, credentialsDirectory: String?, mayAskPerson: Bool
    ) {
        self.paths = paths
        self.passphrase = passphrase
        self.keyring = keyring
        self.credentialsDirectory = credentialsDirectory
        self.mayAskPerson = mayAskPerson
    }

    /// A host without a keyring and without systemd's credentials.
    package static func headless(paths: VaultPaths, passphrase: PassphraseReader, time: TimeSource) -> VaultSources {
        VaultSources(
            paths: paths, passphrase: passphrase,
            keyring: KeyringHelper(program: nil, environment: ProcessEnvironment([:]), time: time), credentialsDirectory: nil,
            mayAskPerson: false)
    }

    /// The name of the credential in a unit file.
    package static let credentialName = "ai-usage-agent.identity"
}
