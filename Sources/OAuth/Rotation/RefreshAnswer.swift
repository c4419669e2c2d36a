import Logging
import Platform
import Vault

/// The request, its answer, and what is remembered of it.
extension RefreshFlight {
    func send(_ course: inout RefreshCourse, _ lock: borrowing FileLock) async -> RotationMachine.Event {
        guard let stored = course.stored, let client = course.client else { return .notSent(mayRetry: false) }
        guard lock.isValid else { return lost(&course) }
        let left = course.deadline - time.elapsed()
        guard left > .zero else {
            course.failure = OAuthError(
                .network, "\(account.provider) could not be asked within \(RefreshFlight.patience)", remedy: "try again; nothing was lost")
            return .notSent(mayRetry: false)
        }
        if !course.defersInterrupts {
            Interrupts.begin()
            course.defersInterrupts = true
        }
        do throws(OAuthError) {
            switch stored.bundle.refreshToken {
            case .none: return .notSent(mayRetry: false)
            case .some(let token):
                return classify(try await endpoint.refresh(token, client: client, within: left), stored.bundle, client, &course)
            }
        } catch {
            course.failure = error
            return .notSent(mayRetry: false)
        }
    }

    private func classify(
        _ outcome: consuming TokenOutcome, _ stored: borrowing SecretBundle, _ client: OAuthClient, _ course: inout RefreshCourse
    ) -> RotationMachine.Event {
        switch consume outcome {
        case .granted(let tokens):
            let isStranger = accept(tokens, stored, client, &course)
            return .granted(isStranger: isStranger)
        case .refused(let reason):
            course.refusal = reason
            return .refused
        case .clientRefused(let reason):
            course.failure = OAuthError(
                .clientRefused, "\(account.provider) refuses this client: \(reason)",
                remedy: "check clientId and issuer in config.json; the login itself was not touched")
            return .clientRefused
        case .transient(let reason, let retryAfter, let rateLimited):
            course.retryAfter = retryAfter
            course.failure = OAuthError(
                rateLimited ? .rateLimited : .providerUnavailable, "\(account.provider) could not refresh now: \(reason)",
                remedy: "try again later; nothing was lost", retryAfter: retryAfter)
            return .transient
        case .ambiguous(let reason):
            course.failure = OAuthError(
                .providerUnavailable, "\(account.provider) may have refreshed, but no usable answer came: \(reason)",
                remedy: "run the command again; the stored token was kept")
            return .unknown
        case .notSent(let reason):
            course.failure = OAuthError(
                .network, "\(account.provider) could not be reached: \(reason)", remedy: "check the network; nothing was lost")
            // Nothing left this machine: trying again is safe, but not for longer than a flight may take.
            return .notSent(mayRetry: course.pause <= .seconds(1) && time.elapsed() + course.pause < course.deadline)
        }
    }

    /// Makes the next bundle of the answer.
    ///
    /// - Returns: whether the tokens are somebody else's.
    private func accept(
        _ tokens: borrowing TokenResponse, _ stored: borrowing SecretBundle, _ client: OAuthClient, _ course: inout RefreshCourse
    ) -> Bool {
        var next = stored.duplicate()
        let access = Claims.decode(tokens.accessToken)
        next.facts.generation += 1
        next.facts.obtainedAt = time.now().wholeSeconds
        next.facts.expiresAt = next.facts.obtainedAt + TokenLifetime.seconds(expiresIn: tokens.expiresIn, claims: access)
        next.facts.scopes = tokens.scopes ?? stored.facts.scopes
        next.accessToken = tokens.accessToken.duplicate()
        // R8: an answer without a refresh token leaves the old one in force.
        if tokens.refreshToken != nil { next.refreshToken = SecretBundle.duplicate(tokens.refreshToken) }
        if tokens.idToken != nil { next.idToken = SecretBundle.duplicate(tokens.idToken) }
        let claims = Claims.decode(optional: tokens.idToken)
        if let seconds = tokens.loginExpiresIn {
            let end = next.facts.obtainedAt + seconds
            // A login that ends does not end later because it was refreshed, whatever the answer counts from.
            next.facts.loginExpiresAt = min(stored.facts.loginExpiresAt ?? end, end)
        }
        let reader = client.identityReader
        if let identity = reader.identity(idToken: claims, accessToken: access) ?? reader.identity(owner: tokens.owner, profile: nil) {
            next.facts.email = identity.email ?? next.facts.email
            next.facts.plan = identity.plan ?? next.facts.plan
        }
        let other = stranger(tokens, access, client, stored: stored.facts.accountKey)
        if let other {
            next.facts.accountKey = other
            course.refusal = AccountRecord.identityMismatch
        }
        course.next = BundleBox(next)
        return other != nil
    }

    /// The account key that the new tokens name, if it is another one than the stored. Tokens that name nobody pass.
    private func stranger(_ tokens: borrowing TokenResponse, _ access: JSONValue?, _ client: OAuthClient, stored: String) -> String? {
        // What an id_token said at login is compared with an id_token alone: access tokens may name subjects differently.
        let claims = Claims.decode(optional: tokens.idToken)
        if client.isOpenID, claims == nil { return nil }
        if !AccountIdentity.isOpaque(stored), let owner = client.identityReader.identity(owner: tokens.owner, profile: nil) {
            return owner.accountKey == stored ? nil : owner.accountKey
        }
        guard !AccountIdentity.isOpaque(stored),
            client.identityReader.contradicts(stored, idToken: claims, accessToken: access)
        else {
            return nil
        }
        return client.identityReader.identity(idToken: claims, accessToken: access)?.accountKey
    }

    /// R9: the only copy is this process's memory. It stays, and says so, while there is time.
    func hold(_ course: RefreshCourse) async -> RotationMachine.Event {
        guard time.elapsed() + RefreshFlight.holdPause < course.deadline else { return .patienceIsOver }
        logger.error(
            "the new token cannot be written anywhere; make room on the disk now, or the login is lost",
            metadata: ["account": "\(account.id)", "reason": "\(course.failure?.message ?? "")"])
        await time.sleep(RefreshFlight.holdPause)
        return .done
    }

    func postpone(_ retryAfter: Int?, isRateLimited: Bool) async throws(VaultError) {
        let id = account.id
        let now = time.now()
        try await vault.metadataStore.update { metadata in
            metadata.updateAccount(id: id) { record in
                record.retryAt = now.wholeSeconds + RefreshBackoff.seconds(afterFailures: record.retryCount, retryAfter: retryAfter)
                record.retryCount += 1
                record.isRateLimited = isRateLimited
            }
        }
    }

    /// R5: remembered, with the bytes kept: a person decides what to do with a dead login.
    func remember(refusal reason: String, _ fingerprint: String) async throws(VaultError) {
        let id = account.id
        try await vault.metadataStore.update { metadata in
            metadata.updateAccount(id: id) { record in
                record.status = .needsLogin
                record.statusReason = TerminalText.escape(reason, limit: 100)
                record.refusedFingerprint = fingerprint
            }
        }
    }
}
