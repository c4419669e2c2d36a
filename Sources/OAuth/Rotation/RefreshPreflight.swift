import Platform
import Vault

/// Before the request: everything that can fail for free.
extension RefreshFlight {
    func look(_ course: inout RefreshCourse) async throws(OAuthError) -> RotationMachine.Sight {
        let content = try await onVault { () throws(VaultError) in try open.journal.look(account.id) }
        if case .result(let result) = content,
            try await onVault({ () async throws(VaultError) in try await open.hasDamagedItem(of: result.bundle.facts) })
        {
            // Only the put of this result can have left the keyring's item so: the record is the whole login now.
            course.waiting = result
            var sight = RotationMachine.Sight()
            sight.journal = .result
            return sight
        }
        guard let stored = try await onVault({ () async throws(VaultError) in try await open.bundle(account.id) }) else {
            let failure = await vault.noteMissingSecret(of: account, open)
            // Logged out since; what the journal holds is of no use to anybody.
            if failure.code == .loginRequired { try? open.journal.clear(account.id) }
            throw failure
        }
        let facts = stored.facts
        // Moved here since the first look, and perhaps not yet away from there.
        if let program = facts.awaitsBlanking { throw OAuthError.moving(account, from: program) }
        var sight = RotationMachine.Sight()
        sight.journal = recovery.judge(content, stored: stored)
        if case .result(let result) = content { course.waiting = result }
        if sight.journal == .aside { course.refusal = AccountRecord.identityMismatch }
        switch course.demand {
        case .live(let minimum): sight.isAnswered = facts.isFresh(at: time.now(), minimum: minimum)
        // Somebody else refreshed between the first look and the lock: theirs is the new one.
        case .new: sight.isAnswered = course.observedGeneration.map { $0 != facts.generation } ?? false
        }
        sight.isAlive = facts.secondsLeft(at: time.now()) > 0
        course.suspicion = try await onVault { () throws(VaultError) in try open.suspicion(facts) }
        sight.isSuspicious = course.suspicion != nil
        let fingerprint = recovery.fingerprint(stored)
        sight.isRefreshable = fingerprint != nil
        let record = try await onVault { () throws(VaultError) in try vault.metadataStore.read() }.account(id: account.id)
        if let record, record.refusedFingerprint != nil, record.refusedFingerprint == fingerprint {
            sight.wasRefused = true
            course.refusal = record.statusReason ?? "refused"
        }
        if case .live = course.demand {
            do throws(OAuthError) { try RefreshBackoff.check(record, now: time.now()) } catch {
                course.postponement = error
                sight.isPostponed = true
            }
        }
        course.stored = BundleBox(stored)
        return sight
    }

    /// Everything that can fail for free, and the record of what is about to be done.
    func intend(
        _ attempt: Int, _ course: inout RefreshCourse, _ lock: borrowing FileLock,
        _ client: @Sendable () async throws(OAuthError) -> OAuthClient
    ) async -> RotationMachine.Event {
        guard let stored = course.stored, let fingerprint = recovery.fingerprint(stored.bundle) else { return .failed }
        do throws(OAuthError) {
            var client = try await client()
            if stored.bundle.facts.clientIdIsExplicit { client.clientId = stored.bundle.facts.clientId }
            try checkOrigins(stored.bundle.facts, client)
            course.client = client
            try await onVault { () throws(VaultError) in try vault.checkFilesystem() }
            guard lock.isValid else { return lost(&course) }
            let intent = RotationIntent(
                generation: stored.bundle.facts.generation, fingerprint: fingerprint, attempt: attempt, holder: .own,
                boot: ProcessMark.boot,
                writtenAt: time.elapsed(), time: time.now().wholeSeconds)
            let sizes = stored.bundle.tokenSizes
            try await onVault { () throws(VaultError) in try open.journal.begin(intent, account.id, tokenSizes: sizes) }
            course.intent = intent
            return .done
        } catch {
            course.failure = error
            return .failed
        }
    }

    func lost(_ course: inout RefreshCourse) -> RotationMachine.Event {
        course.failure = OAuthError(.vault(.busy), "the account's lock file was removed while it was held", remedy: "run the command again")
        return .lockLost
    }

    /// The origins were sealed at login: configuration that names others must not redirect a token.
    private func checkOrigins(_ facts: BundleFacts, _ client: OAuthClient) throws(OAuthError) {
        if facts.origins["token"] != (try client.knownEndpoints().token.origin) {
            throw OAuthError.originChanged(account.provider, "token endpoint")
        }
        if facts.issuer != client.issuer { throw OAuthError.originChanged(account.provider, "issuer") }
        if facts.clientId != client.clientId { throw OAuthError.originChanged(account.provider, "client id") }
    }
}
