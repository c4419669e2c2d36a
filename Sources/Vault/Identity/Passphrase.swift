package import Platform

/// Where a passphrase comes from. Never from an argument or an environment variable.
package enum PassphraseSource: Sendable, Equatable {
    /// A prompt on the controlling terminal.
    case terminal
    /// Everything that an open descriptor gives.
    case descriptor(Int32)
    /// A descriptor that was named and is not open.
    case closed(Int32)
    /// The output of a program, started by argument vector.
    case command([String])
    /// A dialog of the pinentry program at that absolute path.
    case pinentry(String)
}

/// Gets a passphrase once and hands it on.
package struct PassphraseReader: Sendable {
    /// Characters (Unicode scalars) of a new one.
    package static let minimumLength = 12
    private static let limit = 4096

    /// A descriptor gives it once.
    package let source: PassphraseSource
    /// Of the program that is asked.
    package let environment: [String: String]
    /// The option that names another source, for the person who reads an error.
    private let option: String

    package init(source: PassphraseSource, environment: [String: String], option: String = "--passphrase-fd") {
        self.source = source
        self.environment = environment
        self.option = option
    }

    /// The passphrase of an existing vault.
    ///
    /// - Throws: `locked` when there is nobody to ask, `unavailable` when the source fails.
    package func read(_ question: String = "Passphrase of the vault: ") async throws(VaultError) -> SecretBytes {
        try await read(question, isNew: false)
    }

    private func read(_ question: String, isNew: Bool) async throws(VaultError) -> SecretBytes {
        switch source {
        case .terminal:
            let box = await onOwnThread { SecretBox(Terminal.askSecret(question)) }
            guard let passphrase = box.take() else {
                let isVault = option == "--passphrase-fd"
                if isNew {
                    throw VaultError(
                        .locked, "a new passphrase is needed, and there is no terminal to ask for it",
                        remedy: "give it with \(option) 3 3<file" + (isVault ? ", --passphrase-command or --pinentry" : ""))
                }
                throw VaultError(
                    .locked,
                    isVault
                        ? "the vault is locked and there is no terminal to ask for its passphrase"
                        : "there is no terminal to ask for a passphrase",
                    remedy: isVault
                        ? "give it with --passphrase-fd N, --passphrase-command or --pinentry, or vault.passphraseCommand in config.json"
                        : "give it with \(option) N")
            }
            return passphrase
        case .descriptor(let descriptor):
            let box = await onOwnThread { SecretBox(Terminal.readAll(from: descriptor, limit: PassphraseReader.limit)) }
            guard let content = box.take() else { throw silent(descriptor) }
            return try checked(
                content, "descriptor \(descriptor)", remedy: "write the passphrase to what stands behind it: \(option) 3 3<file")
        case .closed(let descriptor): throw silent(descriptor)
        case .command(let arguments):
            let output: SecretBytes
            do throws(ChildProcess.Failure) {
                output = try await ChildProcess.output(of: arguments, environment: environment, limit: PassphraseReader.limit)
            } catch {
                throw VaultError(
                    .unavailable, "the passphrase command failed: \(error)", remedy: "run it by hand: \(arguments.joined(separator: " "))")
            }
            return try checked(output, "the passphrase command", remedy: "run it by hand: \(arguments.joined(separator: " "))")
        case .pinentry(let program):
            return try await Pinentry(program: program, environment: environment).read(question)
        }
    }

    /// A passphrase for something new: typed twice, at least twelve characters. Who types none at a terminal gets one of six
    /// random words, shown there and nowhere else.
    ///
    /// - Parameter what: "vault", "export": what it will open.
    /// - Throws: `usage` for one that is too short or typed differently, and what `read` throws.
    package func readNew(_ what: String = "vault") async throws(VaultError) -> SecretBytes {
        let passphrase: SecretBytes
        var isTypedOnce = false
        let least = PassphraseReader.minimumLength
        switch source {
        case .terminal:
            passphrase = try await read(
                "New passphrase of the \(what) (at least \(least) characters; empty: six random words): ", isNew: true)
            if passphrase.isEmpty { return try await generate(what) }
            isTypedOnce = true
        case .pinentry(let program):
            var wasRepeated = false
            passphrase = try await Pinentry(program: program, environment: environment).readNew(
                "New passphrase of the \(what), at least \(least) characters", wasRepeated: &wasRepeated)
            isTypedOnce = !wasRepeated
        case .descriptor, .closed, .command: passphrase = try await read()
        }
        let length = passphrase.withBytes { bytes in bytes.indices.count { bytes[$0] & 0xC0 != 0x80 } }
        guard length >= least else {
            throw VaultError(
                .usage, "the passphrase has \(length) characters; at least \(least) are needed",
                remedy: "give a longer one; this makes one: openssl rand -base64 18")
        }
        if isTypedOnce {
            let again = try await read("The same once more: ")
            guard SecretBytes.equal(passphrase, again) else {
                throw VaultError(.usage, "the two passphrases differ; nothing was written", remedy: "run the command again")
            }
        }
        return passphrase
    }

    private func silent(_ descriptor: Int32) -> VaultError {
        VaultError(.unavailable, "descriptor \(descriptor) gives no passphrase", remedy: "open it for reading: \(option) 3 3<file")
    }

    private func generate(_ what: String) async throws(VaultError) -> SecretBytes {
        let passphrase = GeneratedPassphrase.make()
        guard
            Terminal.show(
                passphrase, before: "The passphrase of the \(what) is:\n\n    ", after: "\n\nWrite it down: it is not shown again.\n")
        else {
            throw VaultError(
                .locked, "there is no terminal to show a passphrase on",
                remedy: "make one and give it with \(option) 3 3<file: openssl rand -base64 18")
        }
        return passphrase
    }

    /// Drops one trailing newline, which `echo` and editors add.
    private func checked(_ content: consuming SecretBytes, _ name: String, remedy: String) throws(VaultError) -> SecretBytes {
        let trimmed = content.withBytes { bytes in
            var end = bytes.count
            if end > 0, bytes[end - 1] == UInt8(ascii: "\n") { end -= 1 }
            if end > 0, end < bytes.count, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
            return SecretBytes(copying: bytes.extracting(first: end))
        }
        guard !trimmed.isEmpty else { throw VaultError(.unavailable, "\(name) gives an empty passphrase", remedy: remedy) }
        return trimmed
    }
}
