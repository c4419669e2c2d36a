import Age
import Glibc
import KeyringProtocol
import Platform
import TestSupport
import Testing

@testable import Vault

/// A failure that a person can meet, and what its remedy must name.
enum RemediedFailure: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case pinentryFails, emptyPassphrase, shortPassphrase, malformedKeyFile, missingKeyFile, openKeyFile, linkedKeyFile
    case malformedCredential, missingPassphraseFile, malformedPassphraseFile, noExport, fileVaultWithKeyringKey
    case lostKeyringIdentity, personSaidNo, noHelper

    var testDescription: String { rawValue }

    func words(_ home: VaultHome) -> [String] {
        let startOver = "mv \(home.paths.data) \(home.paths.data).lost && ai-usage-agent vault init"
        return switch self {
        case .pinentryFails: ["echo GETPIN | " + home.folder.file("pinentry"), "--passphrase-fd"]
        case .emptyPassphrase: ["/bin/cat " + home.folder.file("passphrase")]
        case .shortPassphrase: ["openssl rand -base64 18"]
        case .malformedKeyFile, .missingKeyFile, .lostKeyringIdentity, .missingPassphraseFile, .malformedPassphraseFile: [startOver]
        case .openKeyFile: ["chmod 600 " + home.paths.defaultKeyFile]
        case .linkedKeyFile: ["ls -ld " + home.paths.defaultKeyFile]
        case .malformedCredential: ["systemd-creds encrypt --name=ai-usage-agent.identity"]
        case .noExport: ["ai-usage-agent vault export --passphrase --output"]
        case .fileVaultWithKeyringKey: ["ai-usage-agent vault migrate --to file --identity key-file"]
        case .personSaidNo: ["dismissed", "gnome-keyring-daemon --unlock"]
        case .noHelper: ["ai-usage-keyring", "make install"]
        }
    }

    /// Makes it happen.
    func error(_ home: VaultHome) async throws -> VaultError? {
        switch self {
        case .pinentryFails:
            let pinentry = try await ScriptedPinentry(.failure, at: home.folder.file("pinentry"))
            return await vaultError { _ = try await PassphraseReader(source: .pinentry(pinentry.path), environment: [:]).read() }
        case .emptyPassphrase:
            let reader = try home.passphrase("")
            return await vaultError { _ = try await reader.read() }
        case .shortPassphrase:
            let reader = try home.passphrase("short one")
            return await vaultError { _ = try await reader.readNew() }
        case .malformedKeyFile, .missingKeyFile, .openKeyFile, .linkedKeyFile:
            _ = try await home.initialise(.keyFile(path: home.paths.defaultKeyFile))
            if self == .openKeyFile { chmod(home.paths.defaultKeyFile, 0o644) } else { unlink(home.paths.defaultKeyFile) }
            if self == .malformedKeyFile { try home.folder.write("notes", VaultHome.keyFile) }
            if self == .linkedKeyFile { symlink("/dev/null", home.paths.defaultKeyFile) }
            return await vaultError { _ = try await home.open() }
        case .missingPassphraseFile, .malformedPassphraseFile:
            _ = try await home.initialise(.passphrase, home.passphrase())
            unlink(home.paths.passphraseIdentityFile)
            if self == .malformedPassphraseFile { try home.folder.write("notes", VaultHome.identityFile) }
            return await vaultError { _ = try await home.vault(home.passphrase()).open() }
        case .malformedCredential:
            try home.folder.makeFolder("credentials")
            try home.folder.write("notes", "credentials/" + VaultSources.credentialName)
            let loader = IdentityLoader(sources: sources(home, credentials: home.folder.file("credentials")))
            return await vaultError { _ = try loader.readCredential() }
        case .noExport:
            _ = try await home.initialise(.keyFile(path: home.paths.defaultKeyFile))
            let maintenance = try await VaultMaintenance(home.vault())
            let reader = ExportReader(passphrase: VaultHome.noPassphrase, identityFile: nil)
            return await vaultError { _ = try await maintenance.importing(SecretBytes("notes"), reader) }
        case .fileVaultWithKeyringKey:
            _ = try await home.initialise(.keyFile(path: home.paths.defaultKeyFile))
            let maintenance = try await VaultMaintenance(home.vault())
            return await vaultError { _ = try await maintenance.migrate(to: .file, .keyring) }
        case .lostKeyringIdentity:
            let loader = IdentityLoader(sources: sources(home, helper: try await helper(home, "absent")))
            return await vaultError { _ = try await loader.readKeyring(try home.recipientOfNobody()) }
        case .personSaidNo:
            let probe = KeyringProbe(sources(home, helper: try await helper(home, "locked")))
            return await vaultError { _ = try await probe.unlock() }
        case .noHelper: return await vaultError { _ = try await KeyringProbe(sources(home)).check(for: .vault) }
        }
    }

    private func sources(_ home: VaultHome, helper: String? = nil, credentials: String? = nil) -> VaultSources {
        VaultSources(
            paths: home.paths, passphrase: VaultHome.noPassphrase,
            keyring: KeyringHelper(program: helper, environment: ProcessEnvironment([:]), time: .system), credentialsDirectory: credentials,
            mayAskPerson: false)
    }

    private func helper(_ home: VaultHome, _ result: String) async throws -> String {
        let path = home.folder.file("helper")
        try await Executable.write("#!/bin/sh\nread -r request\necho '{\"result\":\"\(result)\"}'\n", to: path)
        return path
    }
}

extension VaultHome {
    /// Of an identity that no store holds.
    fileprivate func recipientOfNobody() throws -> AgeRecipient { AgeIdentity.generate().recipient }
}

@Suite("Every failure names the way out")
struct RemedyTests {
    @Test("with a command or a path in it", arguments: RemediedFailure.allCases)
    func remedy(_ failure: RemediedFailure) async throws {
        try await VaultHome.with { home in
            let error = try #require(try await failure.error(home), "it did not fail")
            for word in failure.words(home) { #expect(error.remedy?.contains(word) == true, "\(word) in \(error)") }
            // Who has just run it must not be sent round in a circle.
            if failure == .personSaidNo { #expect(error.remedy?.contains("ai-usage-agent vault unlock") == false, "\(error)") }
        }
    }
}
