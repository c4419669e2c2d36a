import Age
import Platform

/// Opens the identity from the source that auth.json names. It never makes one: a key that cannot be found must not be
/// replaced by a new one, or everything sealed to the old one would be lost.
package struct IdentityLoader: Sendable {
    package static let passphraseFileName = "identity.age"
    /// A passphrase file that asks for more would take gigabytes before we know that it is ours.
    static let acceptedWorkFactors = 14...20

    package let paths: VaultPaths
    package let passphrase: PassphraseReader

    package init(paths: VaultPaths, passphrase: PassphraseReader) {
        self.paths = paths
        self.passphrase = passphrase
    }

    /// - Throws: `locked`, `unavailable`, `wrongPassphrase`, `corrupt`, or `foreign` when the identity is not this vault's.
    package func load(_ record: VaultRecord) async throws(VaultError) -> VaultKeys {
        let identity: AgeIdentity
        switch record.identitySource {
        case .keyFile: identity = try readKeyFile(record.keyFile ?? paths.defaultKeyFile)
        case .passphrase: identity = try await openPassphraseFile()
        case .keyring, .systemdCredential:
            throw VaultError(
                .unavailable, "the vault's identity comes from \(record.identitySource.rawValue), which this version cannot read",
                remedy: "use the version of ai-usage-agent that made the vault")
        }
        let keys = VaultKeys(identity)
        guard keys.recipient.text == record.recipient else {
            throw VaultError(
                .foreign,
                "the identity from \(describe(record)) is not the one this vault is sealed to (\(keys.recipient.text), auth.json says \(record.recipient))",
                remedy: "put the vault's own identity back, or restore auth.json; nothing was changed")
        }
        guard constantTimeEqual(Array(keys.metadataMAC(record).utf8).span, Array(record.mac.utf8).span) else {
            throw VaultError(
                .corrupt, "the vault record in \(paths.metadataFile) was changed by something that does not have the vault's identity",
                remedy: "restore auth.json from a backup; nothing was changed")
        }
        return keys
    }

    private func describe(_ record: VaultRecord) -> String {
        switch record.identitySource {
        case .keyFile: record.keyFile ?? paths.defaultKeyFile
        case .passphrase: paths.passphraseIdentityFile
        case .keyring, .systemdCredential: record.identitySource.rawValue
        }
    }

    private func readKeyFile(_ path: String) throws(VaultError) -> AgeIdentity {
        let (folder, name) = IdentityLoader.split(path)
        let content: SecretBytes
        do throws(FileError) {
            content = try PrivateDirectory.open(folder, trust: .notWritableByOthers).read(name, limit: 65536)
        } catch {
            if error.kind == .notFound {
                throw VaultError(
                    .unavailable, "the key file \(path) is missing",
                    remedy: "put it back (it is the only key to the vault); ai-usage-agent vault status shows where it belongs")
            }
            throw VaultError(error)
        }
        do throws(AgeError) { return try content.withBytes { (bytes) throws(AgeError) in try AgeIdentity(identityFile: bytes) } } catch {
            throw VaultError(.corrupt, "the key file \(path) is no age identity file: \(error.detail)")
        }
    }

    private func openPassphraseFile() async throws(VaultError) -> AgeIdentity {
        let path = paths.passphraseIdentityFile
        let sealed: SecretBytes
        do throws(FileError) {
            sealed = try PrivateDirectory.open(paths.data).read(IdentityLoader.passphraseFileName, limit: 65536)
        } catch {
            if error.kind == .notFound {
                throw VaultError(.unavailable, "\(path) is missing", remedy: "restore it from a backup; it holds the only key to the vault")
            }
            throw VaultError(error)
        }
        let workFactor: Int?
        do throws(AgeError) { workFactor = try sealed.withBytes { (bytes) throws(AgeError) in try AgeFile.workFactor(of: bytes) } } catch {
            throw VaultError(.corrupt, "\(path) is no age file: \(error.detail)")
        }
        guard let workFactor, IdentityLoader.acceptedWorkFactors.contains(workFactor) else {
            throw VaultError(
                .corrupt, "\(path) is not sealed with a passphrase of work factor 14 to 20",
                remedy: "restore it from a backup; nothing was changed")
        }
        let given = try await passphrase.read()
        // scrypt takes its time and memory on a thread of its own.
        let attempt = PassphraseAttempt(sealed: sealed, passphrase: given)
        let opened = await onOwnThread { attempt.open() }
        do throws(AgeError) {
            let content = try opened.get().take() ?? SecretBytes(zeroes: 0)
            return try content.withBytes { (bytes) throws(AgeError) in try AgeIdentity(identityFile: bytes) }
        } catch {
            switch error.failureClass {
            case .noMatch:
                throw VaultError(.wrongPassphrase, "the passphrase does not open \(path)", remedy: "try again; nothing was changed")
            case .memory: throw VaultError(.storage, "there is not enough memory to check the passphrase: \(error.detail)")
            default:
                throw VaultError(.corrupt, "\(path) is damaged: \(error.detail)", remedy: "restore it from a backup; nothing was changed")
            }
        }
    }

    /// Directory and name of an absolute path.
    static func split(_ path: String) -> (folder: String, name: String) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[slash...].drop { $0 == "/" }))
    }
}

/// One opening of a passphrase file, handed to a thread.
private final class PassphraseAttempt: Sendable {
    private let sealed: SecretBytes
    private let passphrase: SecretBytes

    init(sealed: consuming SecretBytes, passphrase: consuming SecretBytes) {
        self.sealed = sealed
        self.passphrase = passphrase
    }

    func open() -> Result<SecretBox, AgeError> {
        sealed.withBytes { file in
            do throws(AgeError) {
                return .success(SecretBox(try AgeFile.open(file, passphrase: passphrase, workFactors: IdentityLoader.acceptedWorkFactors)))
            } catch { return .failure(error) }
        }
    }
}
