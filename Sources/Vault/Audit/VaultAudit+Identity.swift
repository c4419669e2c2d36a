import Age
import Platform

extension VaultAudit {
    /// A key file is small; nothing else is searched for one.
    private static let largestKeyFile = 65536

    /// Whether the source of the identity is there, whole and ours alone.
    mutating func checkSource(_ record: VaultRecord) async {
        switch record.identitySource {
        case .keyFile: checkKeyFile(record.keyFile ?? paths.defaultKeyFile)
        case .passphrase: checkPassphraseFile()
        case .systemdCredential: checkCredential()
        case .keyring:
            if let problem = await KeyringProbe(vault.sources).problem() {
                add(VaultFault(.identityUnavailable, problem.error.message, remedy: problem.error.remedy))
            }
        }
        if record.identitySource != .passphrase { skip([.weakPassphraseFile], "the vault has no passphrase") }
    }

    /// A rekeying that was cut off may have left the new one beside it, which is then the one that counts.
    private mutating func checkKeyFile(_ path: String) {
        guard let facts = look(path) else {
            if let why = FileFacts.obstacle(path) { return add(VaultFault(.identityUnavailable, "\(path): \(why)")) }
            if look(path + IdentityLoader.waitingSuffix) == nil { add(VaultFault(.identityMissing, "\(path) is not there")) }
            return
        }
        checkKey(path, facts)
        let folder = AbsolutePath.split(path).folder
        guard let facts = look(folder) else { return }
        if facts.owner != user { add(VaultFault(.keyFileOwner, "\(folder) belongs to user \(facts.owner)")) }
        if facts.mode & 0o022 != 0 {
            add(VaultFault(.keyFileMode, "\(folder) has mode \(facts.octal)", command: "chmod go-w \(ShellWord.quote(folder))"))
        }
    }

    private mutating func checkKey(_ path: String, _ facts: FileFacts) {
        guard facts.kind == .file else {
            return add(
                VaultFault(.identityMalformed, "\(path) is a symbolic link or no regular file", command: "ls -ld \(ShellWord.quote(path))"))
        }
        if facts.owner != user { add(VaultFault(.keyFileOwner, "\(path) belongs to user \(facts.owner)")) }
        if facts.mode & 0o077 != 0 || facts.lacks(0o400) {
            add(VaultFault(.keyFileMode, "\(path) has mode \(facts.octal)", command: "chmod 600 \(ShellWord.quote(path))"))
        }
    }

    private mutating func checkPassphraseFile() {
        let path = paths.passphraseIdentityFile
        guard let facts = look(path) else {
            if let why = FileFacts.obstacle(path) { return add(VaultFault(.identityUnavailable, "\(path): \(why)")) }
            if look(path + IdentityLoader.waitingSuffix) == nil { add(VaultFault(.identityMissing, "\(path) is not there")) }
            return
        }
        checkKey(path, facts)
        guard !has(.identityMalformed, .keyFileOwner, .keyFileMode), let data = try? PrivateDirectory.open(paths.data) else { return }
        do throws(FileError) {
            let file = try data.read(IdentityLoader.passphraseFileName, limit: VaultAudit.largestKeyFile)
            let factor: Result<Int?, AgeError> = file.withBytes { bytes in
                do throws(AgeError) { return .success(try AgeFile.workFactor(of: bytes)) } catch { return .failure(error) }
            }
            switch factor {
            case .success(let factor?) where IdentityLoader.acceptedWorkFactors.contains(factor):
                if factor < IdentityFiles.workFactor {
                    add(VaultFault(.weakPassphraseFile, "\(path) has work factor \(factor), the default is \(IdentityFiles.workFactor)"))
                }
            case .success(let factor?): add(VaultFault(.identityMalformed, "\(path) has work factor \(factor), 14 to 20 are accepted"))
            case .success(nil): add(VaultFault(.identityMalformed, "\(path) is not sealed with a passphrase"))
            case .failure(let error): add(VaultFault(.identityMalformed, "\(path) is no age file: \(error.detail)"))
            }
        } catch { add(VaultFault(.identityMalformed, error.description)) }
    }

    private mutating func checkCredential() {
        guard let folder = vault.sources.credentialsDirectory else {
            return add(
                VaultFault(
                    .identityUnavailable, "$CREDENTIALS_DIRECTORY is not set",
                    remedy: "run it from a unit with LoadCredentialEncrypted=\(VaultSources.credentialName)"))
        }
        let path = folder + "/" + VaultSources.credentialName
        if look(path) == nil { add(VaultFault(.identityMissing, "\(path) is not there")) }
    }

    /// Any age identity in clear, whether or not it is this vault's: a copy of the directory must not hold its key.
    mutating func checkKeysBesideVault() {
        for path in VaultAudit.files(below: paths.data, depth: 3) where VaultAudit.holdsKey(path) {
            add(VaultFault(.keyBesideVault, path, command: "mv -n \(ShellWord.quote(path)) \(ShellWord.quote(freePlace(for: path)))"))
        }
    }

    /// Where the configuration is, under a name that nobody has.
    private func freePlace(for path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? "identity"
        let candidates = (0..<100).lazy.map { [paths, name] in "\(paths.configuration)/\(name).found\($0 == 0 ? "" : "-\($0)")" }
        return candidates.first { look($0) == nil } ?? paths.configuration + "/\(name).found-\(Random.uuid())"
    }

    private static func files(below folder: String, depth: Int) -> [String] {
        ForeignFile.names(in: folder).flatMap { name -> [String] in
            let path = folder + "/" + name
            switch FileFacts.at(path)?.kind {
            case .file: return [path]
            case .directory: return depth > 1 ? files(below: path, depth: depth - 1) : []
            default: return []
            }
        }
    }

    /// Whether the file holds the identity of that recipient, whatever its mode.
    package static func holdsKey(_ path: String, of recipient: String) -> Bool {
        guard let content = try? ForeignFile.read(path, limit: largestKeyFile) else { return false }
        return content.withBytes { bytes in (try? AgeIdentity(identityFile: bytes))?.recipient.text == recipient }
    }

    static func holdsKey(_ path: String) -> Bool {
        guard let content = try? ForeignFile.read(path, limit: largestKeyFile) else { return false }
        let mark = Array("AGE-SECRET-KEY-1".utf8)
        return content.withBytes { $0.contains(mark.span) }
    }
}
