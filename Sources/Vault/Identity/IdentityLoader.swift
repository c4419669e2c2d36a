import Age
import KeyringProtocol
import Platform

/// Opens the identity from the source that auth.json names. It never makes one: a key that cannot be found must not be
/// replaced by a new one, or everything sealed to the old one would be lost.
struct IdentityLoader: Sendable {
    static let passphraseFileName = "identity.age"
    /// A passphrase file that asks for more would take gigabytes before we know that it is ours.
    static let acceptedWorkFactors = 14...20

    /// Stands behind the name of a file that a rekeying has prepared and auth.json may already name; see `VaultRekey`.
    static let waitingSuffix = ".next"

    let sources: VaultSources
    /// Where the passphrase is left, for whoever has to open again or to seal under it.
    var keeper: PassphraseKeeper?

    private var paths: VaultPaths { sources.paths }

    /// - Parameter fromWaiting: set when the identity is the one that a rekeying prepared: to the SHA-256 of the file under the
    ///   passphrase, to nothing for a key file, which says itself whose it is.
    /// - Throws: `locked`, `unavailable`, `wrongPassphrase`, `corrupt`, or `foreign` when the identity is not this vault's.
    func load(_ record: VaultRecord, fromWaiting: inout [UInt8]?) async throws(VaultError) -> VaultKeys {
        let identity = try await read(record, &fromWaiting)
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

    /// The identity as its source has it, compared with nothing yet.
    func read(_ record: VaultRecord, _ fromWaiting: inout [UInt8]?) async throws(VaultError) -> AgeIdentity {
        switch record.identitySource {
        case .keyFile: return try readKeyFile(record.keyFile ?? paths.defaultKeyFile, record.recipient, &fromWaiting)
        case .passphrase: return try await openPassphraseFile(record.recipient, &fromWaiting)
        case .keyring:
            guard let recipient = AgeRecipient(record.recipient) else {
                throw VaultError(
                    .corrupt, "the recipient in \(paths.metadataFile) is no age recipient", remedy: "restore auth.json; nothing was changed"
                )
            }
            return try await readKeyring(recipient)
        case .systemdCredential: return try readCredential()
        }
    }

    private func describe(_ record: VaultRecord) -> String {
        switch record.identitySource {
        case .keyFile: record.keyFile ?? paths.defaultKeyFile
        case .passphrase: paths.passphraseIdentityFile
        case .keyring: "the desktop keyring"
        case .systemdCredential: "the systemd credential"
        }
    }

    /// Puts a new identity into the keyring and reads it back before anything is sealed to it.
    func storeInKeyring(_ identity: borrowing AgeIdentity, for use: KeyringUse) async throws(VaultError) {
        let reference = IdentityLoader.reference(identity.recipient)
        var request = KeyringRequestWriter(unlock: sources.mayAskPerson)
        request.addPut(ref: reference, label: "AI Usage Agent: vault identity \(reference.prefix(4))", secret: identity.encoded())
        let answers = await sources.keyring.ask(request, mayAskPerson: sources.mayAskPerson)
        guard let answer = answers.first, answer.reply.result == .done else { throw IdentityLoader.keyringError(answers, for: use) }
        let isStored: Bool
        do throws(VaultError) { isStored = try await readKeyring(identity.recipient).recipient == identity.recipient } catch {
            guard error.code == .corrupt else { throw error }
            isStored = false
        }
        guard isStored else { throw VaultError.forgetfulKeyring(for: use) }
    }

    /// The item of an identity: named after its recipient, so that a new identity is a new item and the old one stays
    /// until it is no longer needed.
    static func reference(_ recipient: AgeRecipient) -> String {
        let digest = SHA256.hash(Array(recipient.text.utf8).span)
        return Random.uuid(from: digest)
    }

    func readKeyring(_ recipient: AgeRecipient) async throws(VaultError) -> AgeIdentity {
        let remedy = "restore the keyring from a backup: it holds the only key to the vault; \(paths.startingOver)"
        var request = KeyringRequestWriter(unlock: sources.mayAskPerson)
        request.add(.get, ref: IdentityLoader.reference(recipient))
        let answers = await sources.keyring.ask(request, mayAskPerson: sources.mayAskPerson)
        guard let answer = answers.first else { throw IdentityLoader.keyringError(answers) }
        switch answer.reply.result {
        case .found: break
        case .absent:
            throw VaultError(.unavailable, "the desktop keyring is open and does not hold this vault's identity", remedy: remedy)
        default: throw IdentityLoader.keyringError(answers)
        }
        guard let text = answer.reply.secret(at: 0) else {
            throw VaultError(.corrupt, "the keyring's identity item is no text", remedy: remedy)
        }
        do throws(AgeError) { return try text.withBytes { (bytes) throws(AgeError) in try AgeIdentity(parsing: bytes) } } catch {
            throw VaultError(.corrupt, "the keyring's identity item holds no age identity: \(error.detail)", remedy: remedy)
        }
    }

    private static func keyringError(_ answers: [KeyringAnswer], for use: KeyringUse = .vault) -> VaultError {
        guard let answer = answers.first else {
            return VaultError(.unavailable, "the keyring helper gave no answer", remedy: VaultError.askDoctor)
        }
        return VaultError.keyring(answer.reply, for: use)
    }

    func readCredential() throws(VaultError) -> AgeIdentity {
        guard let folder = sources.credentialsDirectory else {
            throw VaultError(
                .unavailable, "the vault's identity comes from systemd, but $CREDENTIALS_DIRECTORY is not set",
                remedy: "run it from a unit with LoadCredentialEncrypted=\(VaultSources.credentialName)")
        }
        let path = folder + "/" + VaultSources.credentialName
        let content: SecretBytes
        do throws(FileError) {
            // Read-only, and the unit user's own or, where an ACL lets that user in, root's.
            content = try PrivateDirectory.open(folder, trust: .handedOver).read(
                VaultSources.credentialName, limit: 65536, trust: .handedOver)
        } catch {
            if error.kind == .notFound {
                throw VaultError(
                    .unavailable, "systemd handed over no credential \(path)",
                    remedy: "add LoadCredentialEncrypted=\(VaultSources.credentialName):… to the unit")
            }
            throw VaultError(error)
        }
        do throws(AgeError) { return try content.withBytes { (bytes) throws(AgeError) in try AgeIdentity(identityFile: bytes) } } catch {
            throw VaultError(
                .corrupt, "the credential \(path) is no age identity file: \(error.detail)",
                remedy: "encrypt the vault's key file anew: systemd-creds encrypt --name=\(VaultSources.credentialName) identity.txt "
                    + "/etc/credstore.encrypted/\(VaultSources.credentialName)")
        }
    }

    /// The key file; or the one beside it that a rekeying prepared, where that is the one the vault is sealed to.
    private func readKeyFile(_ path: String, _ wanted: String, _ fromWaiting: inout [UInt8]?) throws(VaultError) -> AgeIdentity {
        if let identity = try? readKeyFile(path), identity.recipient.text == wanted { return identity }
        if let waiting = try? readKeyFile(path + IdentityLoader.waitingSuffix), waiting.recipient.text == wanted {
            fromWaiting = []
            return waiting
        }
        // Neither, unless the second took the first one's name between our two looks.
        return try readKeyFile(path)
    }

    private func readKeyFile(_ path: String) throws(VaultError) -> AgeIdentity {
        let (folder, name) = AbsolutePath.split(path)
        let content: SecretBytes
        do throws(FileError) {
            content = try PrivateDirectory.open(folder, trust: .notWritableByOthers).read(name, limit: 65536)
        } catch {
            if error.kind == .notFound {
                throw VaultError(
                    .unavailable, "the key file \(path) is missing",
                    remedy: "put it back (it is the only key to the vault); \(paths.startingOver)")
            }
            throw VaultError(error)
        }
        do throws(AgeError) { return try content.withBytes { (bytes) throws(AgeError) in try AgeIdentity(identityFile: bytes) } } catch {
            throw VaultError(
                .corrupt, "the key file \(path) is no age identity file: \(error.detail)",
                remedy: "restore \(path) from a backup (it is the only key to the vault); \(paths.startingOver)")
        }
    }

    private func openPassphraseFile(_ wanted: String, _ fromWaiting: inout [UInt8]?) async throws(VaultError) -> AgeIdentity {
        // First the one that a rekeying may give the other's name meanwhile: read second, it could be missed.
        let waitingName = IdentityLoader.passphraseFileName + IdentityLoader.waitingSuffix
        let waiting = try? readPassphraseFile(waitingName)
        let sealed = try readPassphraseFile(IdentityLoader.passphraseFileName)
        let given = try await readPassphrase()
        var failure: VaultError?
        do throws(VaultError) {
            let identity = try await open(sealed, IdentityLoader.passphraseFileName, given)
            if identity.recipient.text == wanted { return identity }
        } catch { failure = error }
        // Another identity, or another passphrase: that of a change which was cut short.
        if failure == nil || failure?.code == .wrongPassphrase {
            switch waiting {
            case .some(let waiting):
                do throws(VaultError) {
                    let identity = try await open(waiting, waitingName, given)
                    if identity.recipient.text == wanted {
                        fromWaiting = waiting.withBytes { SHA256.hash($0) }
                        return identity
                    }
                } catch  where failure == nil && error.code == .wrongPassphrase {
                    throw VaultError(
                        .wrongPassphrase, "the passphrase opens the key that the vault had before its last rekey",
                        remedy: "try the passphrase that was given to the rekey; nothing was changed")
                } catch {}
            case .none: break
            }
        }
        if let failure { throw failure }
        return try await open(sealed, IdentityLoader.passphraseFileName, given)
    }

    private func readPassphrase() async throws(VaultError) -> SecretBytes {
        if let kept = keeper?.copy() { return kept }
        let given = try await sources.passphrase.read()
        keeper?.keep(given)
        return given
    }

    private func readPassphraseFile(_ name: String) throws(VaultError) -> SecretBytes {
        let path = paths.data + "/" + name
        let sealed: SecretBytes
        do throws(FileError) { sealed = try PrivateDirectory.open(paths.data).read(name, limit: 65536) } catch {
            if error.kind == .notFound {
                throw VaultError(
                    .unavailable, "\(path) is missing",
                    remedy: "restore it from a backup (it holds the only key to the vault); \(paths.startingOver)")
            }
            throw VaultError(error)
        }
        let workFactor: Int?
        do throws(AgeError) { workFactor = try sealed.withBytes { (bytes) throws(AgeError) in try AgeFile.workFactor(of: bytes) } } catch {
            throw VaultError(
                .corrupt, "\(path) is no age file: \(error.detail)", remedy: "restore \(path) from a backup; \(paths.startingOver)")
        }
        guard let workFactor, IdentityLoader.acceptedWorkFactors.contains(workFactor) else {
            throw VaultError(
                .corrupt, "\(path) is not sealed with a passphrase of work factor 14 to 20",
                remedy: "restore it from a backup; nothing was changed")
        }
        return sealed
    }

    /// Opens a passphrase file of the data directory.
    ///
    /// - Throws: `wrongPassphrase`, `corrupt`, `storage` where scrypt gets no memory.
    func open(_ sealed: borrowing SecretBytes, _ name: String, _ passphrase: borrowing SecretBytes) async throws(VaultError) -> AgeIdentity
    {
        let path = paths.data + "/" + name
        // scrypt takes its time and memory on a thread of its own.
        let attempt = PassphraseAttempt(sealed: sealed.duplicate(), passphrase: passphrase.duplicate(), IdentityLoader.acceptedWorkFactors)
        let opened = await onOwnThread { attempt.open() }
        do throws(AgeError) {
            let content = try opened.get().take() ?? SecretBytes(zeroes: 0)
            return try content.withBytes { (bytes) throws(AgeError) in try AgeIdentity(identityFile: bytes) }
        } catch {
            switch error.failureClass {
            case .noMatch:
                throw VaultError(.wrongPassphrase, "the passphrase does not open \(path)", remedy: "try again; nothing was changed")
            case .memory:
                throw VaultError(
                    .storage, "there is not enough memory to check the passphrase: \(error.detail)",
                    remedy: "free 128 MiB, then run the command again")
            default:
                throw VaultError(.corrupt, "\(path) is damaged: \(error.detail)", remedy: "restore it from a backup; nothing was changed")
            }
        }
    }
}
