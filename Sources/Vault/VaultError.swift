import Platform

/// What can go wrong between a caller and the stores: one code, what happened, and the next command to run.
package struct VaultError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What a caller can act upon; docs/auth-cli.md has the name and exit code of each.
    package enum Code: String, Sendable, CaseIterable {
        /// There is no vault yet.
        case missing
        /// The identity is behind a passphrase (or keyring) that nobody gave.
        case locked
        /// A store or source that should be there is not, or does not answer.
        case unavailable
        case wrongPassphrase
        /// Sealed by somebody else, or belongs to another vault.
        case foreign
        /// A file of ours is malformed, cut, edited or newer than this program.
        case corrupt
        /// Older than what was written on this machine.
        case rollbackSuspected
        /// A refresh is durable in the journal and not yet in the store.
        case pendingCommit
        /// Sealed on, or imported from, another machine or vault.
        case clonedVault
        /// Another process holds the lock for longer than we wait.
        case busy
        /// The vault has another identity than the one in memory: it was rekeyed meanwhile, and must be opened again.
        case superseded
        case noSuchAccount
        case ambiguousAccount
        /// What was asked for cannot be right or cannot be done so: an option, a path, a second vault.
        case usage
        /// The disk, the kernel: nothing is lost, the old state is still there.
        case storage
    }

    package let code: Code
    /// One clause for people: what happened and why. No secret.
    package let message: String
    /// A command, or a sentence that holds one.
    package let remedy: String?

    /// - Parameter remedy: said for each error: nil only where somebody else's words are passed on.
    package init(_ code: Code, _ message: String, remedy: String?) {
        self.code = code
        self.message = message
        self.remedy = remedy
    }

    /// For what a person cannot see from outside.
    static let askDoctor = "run the command again; what is wrong: ai-usage-agent auth doctor"

    package var description: String { message + (remedy.map { " (\($0))" } ?? "") }

    /// A file operation's failure in the vault's words.
    init(_ error: FileError) {
        switch error.kind {
        case .unsafe, .notRegular, .tooLarge:
            self.init(.corrupt, error.description, remedy: error.repair ?? "see what stands there: ls -ld \(ShellWord.quote(error.path))")
        case .notFound, .system:
            self.init(.storage, error.description, remedy: "check the disk and the permissions, then run the command again")
        }
    }
}

/// Runs file operations and translates their failure.
func translating<R: ~Copyable>(_ body: () throws(FileError) -> R) throws(VaultError) -> R {
    do throws(FileError) { return try body() } catch { throw VaultError(error) }
}
