import Age
import Platform

/// Writes identities to where people and systemd keep them: a key file, or a file under a passphrase.
struct IdentityFiles: Sendable {
    /// log2 of scrypt's cost: about 0.6 s and 128 MiB.
    static let workFactor = 17
    /// Says that a key file opens this program's vault and nothing else, so that a rekeying may replace it.
    static let ownership = "made by ai-usage-agent for its vault"

    /// Added to one of ours when a second vault is made with it: what replaces it for one would lock the other for ever.
    static let shared = "opens more than one vault"

    let sources: VaultSources
    let time: TimeSource

    /// Checks that the path is one where a key may stand.
    func checkKeyFilePath(_ path: String) throws(VaultError) -> (folder: String, name: String) {
        guard path.hasPrefix("/") else {
            throw VaultError(
                .usage, "--key-file needs an absolute path, not \"\(path)\"",
                remedy: "begin it with a slash, or leave --key-file out: \(sources.paths.defaultKeyFile)")
        }
        let components = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        let isPlain = !components.contains { $0 == ".." || $0 == "." || $0.isEmpty }
        guard isPlain, !(path + "/").hasPrefix(sources.paths.data + "/") else {
            throw VaultError(
                .usage,
                "the key file must not stand in \(sources.paths.data), beside what it opens, and its path must be a plain one: \(path)",
                remedy: "leave --key-file out: \(sources.paths.defaultKeyFile)")
        }
        let parts = AbsolutePath.split(path)
        guard !parts.name.isEmpty else {
            throw VaultError(
                .usage, "--key-file names a directory: \(path)", remedy: "name a file in it: \(ShellWord.quote(path + "identity.txt"))")
        }
        return parts
    }

    /// Writes the identity as a standard age identity file, 0600. One that is there already is kept if it is the same.
    func writeKeyFile(_ identity: borrowing AgeIdentity, _ path: String, replacing: Bool = false) throws(VaultError) {
        let (folder, name) = try checkKeyFilePath(path)
        let directory = try translating { () throws(FileError) in
            try PrivateDirectory.open(folder, trust: .notWritableByOthers, create: true)
        }
        if !replacing, try translating({ () throws(FileError) in try directory.exists(name) }) {
            guard try IdentityFiles.read(directory, name).recipient == identity.recipient else {
                throw VaultError(
                    .usage, "\(path) exists and holds another identity; it was not changed", remedy: "choose another --key-file")
            }
            return
        }
        let content = identity.identityFile(created: time.now().wholeSeconds.description, comment: IdentityFiles.ownership)
        try translating { () throws(FileError) in
            // What a crash left of a key must not stay for ever.
            try directory.sweepTemporaries(of: name)
            try content.withBytes { (bytes: Span<UInt8>) throws(FileError) -> Void in try directory.replace(name, with: bytes) }
        }
    }

    static func read(_ directory: PrivateDirectory, _ name: String) throws(VaultError) -> AgeIdentity {
        let content = try translating { () throws(FileError) in try directory.read(name, limit: 65536) }
        do throws(AgeError) { return try content.withBytes { (bytes) throws(AgeError) in try AgeIdentity(identityFile: bytes) } } catch {
            throw VaultError(
                .corrupt, "\(directory.file(name)) is no age identity file: \(error.detail); it was not changed",
                remedy: "restore it from a copy, or name another file")
        }
    }

    /// Seals the identity under a passphrase, as `identity.age` or under another name.
    func writePassphraseFile(
        _ identity: borrowing AgeIdentity, _ passphrase: consuming SecretBytes, _ data: PrivateDirectory,
        name: String = IdentityLoader.passphraseFileName
    ) async throws(VaultError) {
        let content = identity.identityFile(created: time.now().wholeSeconds.description, comment: IdentityFiles.ownership)
        let bytes = try await IdentityFiles.seal(content, passphrase)
        try translating { () throws(FileError) in
            try data.sweepTemporaries(of: name)
            try data.replace(name, with: bytes.span)
        }
    }

    /// An age file under a passphrase.
    static func seal(_ content: consuming SecretBytes, _ passphrase: consuming SecretBytes) async throws(VaultError) -> [UInt8] {
        let work = PassphraseSealing(content, passphrase)
        switch await onOwnThread({ work.seal() }) {
        case .success(let bytes): return bytes
        case .failure(let error):
            throw VaultError(.storage, "the passphrase could not be stretched: \(error.detail)", remedy: "128 MiB of memory are needed")
        }
    }

    /// Whether the file says that this program made it for its vault alone.
    static func isOurs(_ directory: PrivateDirectory, _ name: String) throws(VaultError) -> Bool {
        let content = try translating { () throws(FileError) in try directory.read(name, limit: 65536) }
        let mark = Array("# \(ownership)".utf8)
        let sharing = Array("# \(shared)".utf8)
        return content.withBytes { $0.contains(mark.span) && !$0.contains(sharing.span) }
    }

    /// Notes in a file of ours that a second vault is made with its key; a person's own file says nothing and is left alone.
    static func noteSharing(_ directory: PrivateDirectory, _ name: String) throws(VaultError) {
        guard try isOurs(directory, name) else { return }
        try translating { () throws(FileError) in
            var content = SecretBuffer(capacity: 1024)
            content.append(try directory.read(name, limit: 65536))
            content.append("# \(shared)\n")
            try content.withBytes { (bytes: Span<UInt8>) throws(FileError) -> Void in try directory.replace(name, with: bytes) }
        }
    }
}
