package import Platform

/// Where a passphrase comes from. Never from an argument or an environment variable.
package enum PassphraseSource: Sendable, Equatable {
    /// A prompt on the controlling terminal.
    case terminal
    /// Everything that an open descriptor gives.
    case descriptor(Int32)
    /// The output of a program, started by argument vector.
    case command([String])
}

/// Gets a passphrase once and hands it on.
package struct PassphraseReader: Sendable {
    package static let minimumLength = 12
    private static let limit = 4096

    package let source: PassphraseSource
    package let environment: [String: String]

    package init(source: PassphraseSource, environment: [String: String]) {
        self.source = source
        self.environment = environment
    }

    /// The passphrase of an existing vault.
    ///
    /// - Throws: `locked` when there is nobody to ask, `unavailable` when the source fails.
    package func read(_ question: String = "Passphrase of the vault: ") async throws(VaultError) -> SecretBytes {
        switch source {
        case .terminal:
            let box = await onOwnThread { SecretBox(Terminal.askSecret(question)) }
            guard let passphrase = box.take() else {
                throw VaultError(
                    .locked, "the vault is locked and there is no terminal to ask for its passphrase",
                    remedy: "give it with --passphrase-fd N or --passphrase-command, or vault.passphraseCommand in config.json")
            }
            return passphrase
        case .descriptor(let descriptor):
            let box = await onOwnThread { SecretBox(Terminal.readAll(from: descriptor, limit: PassphraseReader.limit)) }
            guard let content = box.take() else {
                throw VaultError(
                    .unavailable, "descriptor \(descriptor) gives no passphrase", remedy: "open it for reading: --passphrase-fd 3 3<file")
            }
            return try checked(content, "descriptor \(descriptor)")
        case .command(let arguments):
            let output: SecretBytes
            do throws(ChildProcess.Failure) {
                output = try await ChildProcess.output(of: arguments, environment: environment, limit: PassphraseReader.limit)
            } catch {
                throw VaultError(
                    .unavailable, "the passphrase command failed: \(error)", remedy: "run it by hand: \(arguments.joined(separator: " "))")
            }
            return try checked(output, "the passphrase command")
        }
    }

    /// A passphrase for a new vault: asked twice on a terminal, at least twelve characters.
    package func readNew() async throws(VaultError) -> SecretBytes {
        let passphrase = try await read("New passphrase (at least \(PassphraseReader.minimumLength) characters): ")
        let length = passphrase.withBytes { bytes in bytes.indices.count { bytes[$0] & 0xC0 != 0x80 } }
        guard length >= PassphraseReader.minimumLength else {
            throw VaultError(.usage, "the passphrase has \(length) characters; at least \(PassphraseReader.minimumLength) are needed")
        }
        if source == .terminal {
            let again = try await read("The same once more: ")
            guard SecretBytes.equal(passphrase, again) else { throw VaultError(.usage, "the two passphrases differ; nothing was written") }
        }
        return passphrase
    }

    /// Drops one trailing newline, which `echo` and editors add.
    private func checked(_ content: consuming SecretBytes, _ name: String) throws(VaultError) -> SecretBytes {
        let trimmed = content.withBytes { bytes in
            var end = bytes.count
            if end > 0, bytes[end - 1] == UInt8(ascii: "\n") { end -= 1 }
            if end > 0, end < bytes.count, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
            return SecretBytes(copying: bytes.extracting(first: end))
        }
        guard !trimmed.isEmpty else { throw VaultError(.unavailable, "\(name) gives an empty passphrase") }
        return trimmed
    }
}
