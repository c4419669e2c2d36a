package import KeyringProtocol
import Platform

/// Whether the desktop keyring can be the backend of a new vault.
package struct KeyringProbe: Sendable {
    /// What the test round trip came to.
    package enum Finding: Sendable {
        /// It took a test item, gave it back and removed it.
        case ready
        /// There is nobody to ask: no bus, no service, no helper.
        case absent(String)
        /// Somebody is there and cannot be used now: locked, silent, forgetful.
        case unusable(VaultError)
    }

    private let sources: VaultSources

    package init(_ sources: VaultSources) { self.sources = sources }

    /// Lets the service ask the person.
    ///
    /// - Throws: `locked` when they did not unlock it, `unavailable`.
    package func unlock() async throws(VaultError) {
        var request = KeyringRequestWriter(unlock: true)
        request.add(.state)
        let answers = await sources.keyring.ask(request, mayAskPerson: true)
        guard let answer = answers.first else {
            throw VaultError(.unavailable, "the keyring helper gave no answer", remedy: VaultError.askDoctor)
        }
        if answer.reply.result != .done { throw VaultError.keyring(answer.reply) }
    }

    /// Why a keyring cannot be used now.
    package struct Problem: Sendable {
        /// `locked` or `unavailable`, with the next command where one is known.
        package let error: VaultError
        /// Nil where the keyring is locked, or failed in its own way.
        package let obstacle: KeyringObstacle?
    }

    /// Why the keyring cannot be used now, without asking anybody; nil if it can.
    package func problem() async -> Problem? {
        var request = KeyringRequestWriter(unlock: false)
        request.add(.state)
        let answers = await sources.keyring.ask(request)
        guard let answer = answers.first else {
            return Problem(
                error: VaultError(.unavailable, "the keyring helper gave no answer", remedy: VaultError.askDoctor), obstacle: nil)
        }
        return answer.reply.result == .done ? nil : Problem(error: VaultError.keyring(answer.reply), obstacle: answer.reply.obstacle)
    }

    /// Tries it, for `--backend auto`; at most some seconds where nobody answers.
    package func run() async -> Finding {
        guard let answer = await canary() else { return .absent("the helper gave no answer") }
        switch answer.reply.result {
        case .done: return .ready
        case .unavailable where answer.reply.isNobodyThere: return .absent(TerminalText.escape(answer.reply.why ?? "no reason given"))
        default: return .unusable(VaultError.keyring(answer.reply, for: .newVault))
        }
    }

    /// The canary round trip: a keyring that cannot keep a test item must not be trusted with a login.
    ///
    /// - Throws: `locked`, `unavailable`.
    package func check(for use: KeyringUse) async throws(VaultError) {
        guard let answer = await canary() else {
            throw VaultError(.unavailable, "the keyring helper gave no answer", remedy: VaultError.askDoctor)
        }
        if answer.reply.result != .done { throw VaultError.keyring(answer.reply, for: use) }
    }

    private func canary() async -> KeyringAnswer? {
        var request = KeyringRequestWriter(unlock: sources.mayAskPerson)
        request.add(.canary)
        return await sources.keyring.ask(request, mayAskPerson: sources.mayAskPerson).first
    }
}
