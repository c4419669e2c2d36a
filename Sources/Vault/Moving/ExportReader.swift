import Age
import Platform

/// Opens an exported file: with the vault's own identity, another identity file, or a passphrase.
package struct ExportReader: Sendable {
    /// Bytes. A file of this much would hold 100,000 accounts.
    package static let limit = 64 << 20
    /// Above it, scrypt would take more than a gigabyte.
    private static let workFactors = 1...20

    private let passphrase: PassphraseReader
    /// Absolute path of an age identity file.
    private let identityFile: String?

    /// - Parameters:
    ///   - passphrase: asked only for a file that is sealed under one.
    ///   - identityFile: tried where the vault's own identity does not open the file.
    package init(passphrase: PassphraseReader, identityFile: String?) {
        self.passphrase = passphrase
        self.identityFile = identityFile
    }

    /// One exported file, opened.
    struct Content: Sendable {
        let bundles: [BundleBox]
        /// Whether this machine wrote it, as far as can be told.
        let isFromThisMachine: Bool
        /// The vault that it was exported from; nil where the file does not say.
        let vaultId: String?
    }

    /// - Throws: `foreign` for a file that is for somebody else or holds something else, `wrongPassphrase`, `corrupt`.
    func read(_ file: borrowing SecretBytes, _ keys: VaultKeys, machineId: String?) async throws(VaultError) -> Content {
        try ExportReader.content(try await decrypt(file, keys), machineId: machineId)
    }

    /// What an opened export says.
    static func content(_ plaintext: consuming SecretBytes, machineId: String?) throws(VaultError) -> Content {
        guard let document = try? JSONDocument(plaintext), document.text(at: "format") == ExportFormat.name,
            let version = document.integer(at: "version"), let salt = document.text(at: "machineSalt"),
            let machine = document.text(at: "machine"), let list = document.at("bundles"), document.isArray(list)
        else {
            throw VaultError(
                .foreign, "the file opens, but it is no export of ai-usage-agent", remedy: "ai-usage-agent vault export makes one")
        }
        guard version <= ExportFormat.version else {
            throw VaultError(
                .corrupt, "the export has version \(version); this program knows \(ExportFormat.version)",
                remedy: "use the newer ai-usage-agent that wrote it")
        }
        var bundles: [BundleBox] = []
        for node in document.elements(of: list) { bundles.append(BundleBox(try SecretBundle(document, node))) }
        // What is counted on from it must be readable as well (MetadataReader: below 2^53).
        guard bundles.allSatisfy({ $0.bundle.facts.generation < 1 << 40 }) else {
            throw VaultError(
                .corrupt, "the export names a generation that no vault reaches; nothing was imported", remedy: "take another copy of it")
        }
        let ids = bundles.map { $0.bundle.facts.accountId }
        guard Set(ids).count == ids.count, ids.allSatisfy(AccountRecord.isIdentifier) else {
            throw VaultError(
                .corrupt, "the export names an account twice, or with an id that is none; nothing was imported",
                remedy: "take another copy of it")
        }
        let here = ExportFormat.machine(machineId, salt: salt)
        return Content(bundles: bundles, isFromThisMachine: here != "none" && here == machine, vaultId: document.text(at: "vaultId"))
    }

    private func decrypt(_ file: borrowing SecretBytes, _ keys: VaultKeys) async throws(VaultError) -> SecretBytes {
        let workFactor: Int?
        do throws(AgeError) { workFactor = try file.withBytes { (bytes) throws(AgeError) in try AgeFile.workFactor(of: bytes) } } catch {
            throw VaultError(
                .foreign, "the file is no age file: \(error.detail)",
                remedy: "take the one that was written by: ai-usage-agent vault export --passphrase --output accounts.age")
        }
        guard workFactor != nil else { return try openWithIdentity(file, keys) }
        let given = try await passphrase.read("Passphrase of the export: ")
        let attempt = PassphraseAttempt(sealed: file.duplicate(), passphrase: given, ExportReader.workFactors)
        let opened = await onOwnThread { attempt.open() }
        do throws(AgeError) { return try opened.get().take() ?? SecretBytes(zeroes: 0) } catch {
            if error.failureClass == .noMatch {
                throw VaultError(.wrongPassphrase, "the passphrase does not open the export", remedy: "try again; nothing was changed")
            }
            if error.failureClass == .memory {
                throw VaultError(
                    .storage, "the passphrase could not be stretched: \(error.detail)", remedy: "free some memory; nothing was changed")
            }
            throw VaultError(.corrupt, "the export is damaged: \(error.detail)", remedy: "take another copy of it; nothing was changed")
        }
    }

    private func openWithIdentity(_ file: borrowing SecretBytes, _ keys: VaultKeys) throws(VaultError) -> SecretBytes {
        do throws(AgeError) {
            return try file.withBytes { (bytes) throws(AgeError) in try AgeFile.open(bytes, identity: keys.identity) }
        } catch {
            guard error.failureClass == .noMatch else {
                throw VaultError(.corrupt, "the export is damaged: \(error.detail)", remedy: "take another copy of it; nothing was changed")
            }
        }
        guard let identityFile else {
            throw VaultError(
                .foreign, "the export is sealed to another identity than this vault's",
                remedy: "name the identity it was made for: --identity-file PATH")
        }
        // What is no identity at all is told so before its mode is: the way to another mode is none for it.
        guard PublicFile.readLeniently(identityFile)?.contains("AGE-SECRET-KEY-1") != false else {
            throw VaultError(
                .usage, "\(identityFile) holds no age identity", remedy: "name the file that age-keygen made: --identity-file PATH")
        }
        let (folder, name) = AbsolutePath.split(identityFile)
        let directory = try translating { () throws(FileError) in try PrivateDirectory.open(folder, trust: .notWritableByOthers) }
        let identity = try IdentityFiles.read(directory, name)
        do throws(AgeError) {
            return try file.withBytes { (bytes) throws(AgeError) in try AgeFile.open(bytes, identity: identity) }
        } catch {
            if error.failureClass == .noMatch {
                throw VaultError(
                    .foreign, "\(identityFile) does not open the export",
                    remedy: "name the identity it was made for; whose this one is: age-keygen -y \(identityFile)")
            }
            throw VaultError(.corrupt, "the export is damaged: \(error.detail)", remedy: "take another copy of it; nothing was changed")
        }
    }
}
