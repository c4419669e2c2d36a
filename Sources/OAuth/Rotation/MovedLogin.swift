import Platform
package import Vault

/// Where a login stands that is being moved here.
package struct MoveOrigin: Sendable {
    /// Its name on the command line (`ImportSource`).
    package let program: String
    package let reference: AccountReference

    package init(program: String, reference: AccountReference) {
        self.program = program
        self.reference = reference
    }
}

/// A login on its way here from another program: sealed first, blanked there, and only then refreshed. In between both
/// programs hold the same single-use token, and this one does not spend it.
extension TokenManager {
    /// The access token lives on; a refresh waits until somebody has made sure that the other program let go.
    func heldWhileMoving(
        _ bundle: borrowing SecretBundle, _ demand: Demand, _ account: AccountRecord, _ program: String
    ) throws(OAuthError) -> HeldToken {
        let error = OAuthError.moving(account, from: program)
        guard demand != .new, bundle.facts.secondsLeft(at: time.now()) > 0 else { throw error }
        return HeldToken(bundle, warning: error.message + ": " + (error.remedy ?? ""))
    }

    /// Lets the login be refreshed: the other program's store is known to be blank.
    ///
    /// - Throws: `loginRequired` where the tokens are gone; vault errors.
    package func confirmMove(_ account: AccountRecord) async throws(OAuthError) -> AccountRecord {
        let flight = try await beginFlight(account.provider, account.accountKey)
        defer { extendLifetime(flight) }
        let open = flight.vault
        guard let stored = try await onVault({ () async throws(VaultError) in try await open.bundle(account.id) }) else {
            throw OAuthError.secretMissing(account)
        }
        var bundle = stored.duplicate()
        bundle.facts.awaitsBlanking = nil
        bundle.facts.generation += 1
        let generation = bundle.facts.generation
        let id = account.id
        try await onVault { () async throws(VaultError) in
            try await open.commit(bundle) { metadata in
                metadata.updateAccount(id: id) { record in
                    record.status = .active
                    record.statusReason = nil
                    record.reference = nil
                    record.generation = generation
                }
            }
        }
        return try await onVault { () throws(VaultError) in try vault.metadataStore.read() }.account(id: id) ?? account
    }
}

extension OAuthError {
    static func moving(_ account: AccountRecord, from program: String) -> OAuthError {
        OAuthError(
            .loginRequired,
            "the move of \(account.displayName) from \(program) was interrupted: \(program) may still hold the same login, so it is not renewed here",
            remedy: "finish the move: ai-usage-agent auth import \(program) --move")
    }
}
