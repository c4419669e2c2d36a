import Logging
import Platform
import Vault

/// One refresh of one account, from taking its lock to answering its waiters (design: rotation, steps 1, 2 and 4 to 10).
///
/// The order is the promise: the new token is durable before anybody sees it, the secret is committed before the metadata,
/// and nothing but an answer of the server ever changes what is stored.
struct RefreshFlight: Sendable {
    let vault: Vault
    let open: OpenVault
    let endpoint: TokenEndpoint
    let time: TimeSource
    let logger: Logger
    let account: AccountRecord

    /// All of a flight, retries of requests that never left included.
    private static let patience = Duration.seconds(30)
    private static let retryPause = Duration.milliseconds(250)

    func run(
        _ demand: TokenManager.Demand, observedGeneration: Int?, _ client: @Sendable () async throws(OAuthError) -> OAuthClient
    ) async throws(OAuthError) -> HeldToken {
        let lock = try await onVault { () async throws(VaultError) in
            try await open.lock(provider: account.provider, accountKey: account.accountKey)
        }
        let flightLock = try await onVault { () async throws(VaultError) in try await open.flightLock() }
        defer {
            extendLifetime(flightLock)
            extendLifetime(lock)
        }
        try await refuseKeptAside()
        let waiting = try await onVault { () async throws(VaultError) in
            try await JournalRecovery(open: open, logger: logger).run(account.id)
        }
        if let waiting {
            if waiting.secondsLeft(at: time.now()) > 0 { return waiting }
            throw OAuthError(
                .vault(waiting.failure?.code ?? .storage), waiting.warning ?? "",
                remedy: waiting.failure?.remedy ?? "make the vault writable again; nothing was lost")
        }
        guard let bundle = try await onVault({ () async throws(VaultError) in try await open.bundle(account.id) }) else {
            throw OAuthError.secretMissing(account)
        }
        let suspicion = try await onVault { () throws(VaultError) in try open.suspicion(bundle.facts) }
        if let suspicion {
            // Its refresh token may be spent or somebody else's and is not touched; a live access token is good all the same.
            guard case .live = demand, bundle.facts.secondsLeft(at: time.now()) > 0 else { throw OAuthError(suspicion) }
            return HeldToken(bundle, warning: suspicion.description)
        }
        switch demand {
        case .live(let minimum):
            if bundle.facts.isFresh(at: time.now(), minimum: minimum) { return HeldToken(bundle) }
        case .new:
            // Somebody else refreshed between our look and our lock: theirs is the new one.
            if let observedGeneration, bundle.facts.generation != observedGeneration { return HeldToken(bundle) }
        }
        do throws(OAuthError) {
            return try await refresh(bundle, demand, lock, try await client())
        } catch {
            // Whatever a refresh came to, a token that still lives stays usable.
            guard case .live = demand, bundle.facts.secondsLeft(at: time.now()) > 0 else { throw error }
            logger.warning(
                "refresh failed, the current token is still good", metadata: ["account": "\(account.id)", "reason": "\(error.message)"])
            let end = bundle.facts.expiresAt?.description ?? "it is refused"
            return HeldToken(bundle, warning: "the refresh failed (\(error.message)); the current token is good until \(end)")
        }
    }

    private func refresh(
        _ bundle: borrowing SecretBundle, _ demand: TokenManager.Demand, _ lock: borrowing FileLock, _ client: OAuthClient
    ) async throws(OAuthError) -> HeldToken {
        switch bundle.refreshToken {
        case .none:
            throw OAuthError(
                .loginRequired, "\(account.displayName) (\(account.provider)) was granted no refresh token",
                remedy: "ai-usage-agent auth login \(account.provider)")
        case .some(let refreshToken):
            return try await spend(refreshToken, of: bundle, demand, lock, client)
        }
    }

    private func spend(
        _ refreshToken: borrowing SecretBytes, of bundle: borrowing SecretBundle, _ demand: TokenManager.Demand,
        _ lock: borrowing FileLock, _ client: OAuthClient
    ) async throws(OAuthError) -> HeldToken {
        let fingerprint = open.keys.fingerprint(of: refreshToken)
        let metadata = try await onVault { () throws(VaultError) in try vault.metadataStore.read() }
        if let record = metadata.account(id: account.id), record.refusedFingerprint == fingerprint {
            throw OAuthError.dead(account, record.statusReason ?? "refused")
        }
        if case .live = demand { try RefreshBackoff.check(metadata.account(id: account.id), now: time.now()) }
        var client = client
        if bundle.facts.clientIdIsExplicit { client.clientId = bundle.facts.clientId }
        try checkOrigins(bundle.facts, client)
        try await onVault { () throws(VaultError) in try vault.checkFilesystem() }
        let nonce = try await onVault { () throws(VaultError) in
            try open.journal.prepare(account.id, tokenSizes: bundle.tokenSizes)
        }
        guard lock.isValid else {
            throw OAuthError(.vault(.busy), "the account's lock file was removed while it was held", remedy: "run the command again")
        }

        // From here on a signal waits: between the server's answer and our disk lies the login.
        Interrupts.begin()
        defer { Interrupts.end() }
        let deadline = time.elapsed() + RefreshFlight.patience
        var pause = RefreshFlight.retryPause
        while true {
            switch try await endpoint.refresh(refreshToken, client: client, within: deadline - time.elapsed()) {
            case .granted(let tokens):
                return try await keep(tokens, after: bundle, spent: fingerprint, nonce, client)
            case .notSent(let reason):
                // Nothing left this machine: trying again is safe, but not for longer than a flight may take.
                guard pause <= .seconds(1), time.elapsed() + pause < deadline else {
                    throw OAuthError(
                        .network, "\(account.provider) could not be reached: \(reason)", remedy: "check the network; nothing was lost")
                }
                await time.sleep(pause)
                pause = pause * 2
            case .refused(let reason):
                try await remember(refusal: reason, fingerprint)
                throw OAuthError.dead(account, reason)
            case .clientRefused(let reason):
                throw OAuthError(
                    .clientRefused, "\(account.provider) refuses this client: \(reason)",
                    remedy: "check clientId and issuer in config.json; the login itself was not touched")
            case .transient(let reason, let retryAfter, let rateLimited):
                try await postpone(retryAfter)
                throw OAuthError(
                    rateLimited ? .rateLimited : .providerUnavailable, "\(account.provider) could not refresh now: \(reason)",
                    remedy: "try again later; nothing was lost", retryAfter: retryAfter)
            case .ambiguous(let reason):
                throw OAuthError(
                    .providerUnavailable, "\(account.provider) may have refreshed, but no usable answer came: \(reason)",
                    remedy: "run the command again; the stored token was kept")
            }
        }
    }

    /// Steps 6 to 9: durable, committed, then visible.
    private func keep(
        _ tokens: borrowing TokenResponse, after old: borrowing SecretBundle, spent fingerprint: String, _ nonce: [UInt8],
        _ client: OAuthClient
    ) async throws(OAuthError) -> HeldToken {
        var next = old.duplicate()
        let access = Claims.decode(tokens.accessToken)
        next.facts.generation += 1
        next.facts.obtainedAt = time.now().wholeSeconds
        next.facts.expiresAt = next.facts.obtainedAt + TokenLifetime.seconds(expiresIn: tokens.expiresIn, claims: access)
        next.facts.scopes = tokens.scopes ?? old.facts.scopes
        next.accessToken = tokens.accessToken.duplicate()
        // R8: an answer without a refresh token leaves the old one in force.
        if tokens.refreshToken != nil { next.refreshToken = SecretBundle.duplicate(tokens.refreshToken) }
        if tokens.idToken != nil { next.idToken = SecretBundle.duplicate(tokens.idToken) }
        let claims = Claims.decode(optional: tokens.idToken)
        if let identity = client.identityReader.identity(idToken: claims, accessToken: access) {
            next.facts.email = identity.email ?? next.facts.email
            next.facts.plan = identity.plan ?? next.facts.plan
        }
        if let other = stranger(tokens, access, client, stored: old.facts.accountKey) { next.facts.accountKey = other }

        let journal = open.journal
        var journalFailure: VaultError?
        do throws(VaultError) {
            try journal.write(next, spentFingerprint: fingerprint, nonce: nonce)
        } catch {
            // R9: a failed sync proves nothing about the pages; write it all again before giving up on the journal.
            do throws(VaultError) { try journal.write(next, spentFingerprint: fingerprint, nonce: nonce) } catch { journalFailure = error }
        }
        if next.facts.accountKey != old.facts.accountKey {
            try await remember(refusal: "identity_mismatch", fingerprint)
            throw OAuthError(
                .loginRequired,
                "\(account.provider) answered the refresh of \(account.displayName) with tokens of another account; they were kept aside",
                remedy: "ai-usage-agent auth login \(account.provider)")
        }
        let committer = JournalRecovery(open: open, logger: logger)
        do throws(VaultError) {
            try await committer.commit(next, refreshedAt: next.facts.obtainedAt)
        } catch {
            if let journalFailure {
                // Neither the journal nor the store took it: the only copy is this process's memory.
                throw OAuthError(
                    .vault(.storage),
                    "the provider rotated the token, and it could be written nowhere: \(journalFailure.message); \(error.message)",
                    remedy: "make room on the disk and log in again: ai-usage-agent auth login \(account.provider)")
            }
            // R2: durable in the journal; the next command commits it. Never a second request.
            logger.warning(
                "commit failed, the result waits in the journal", metadata: ["account": "\(account.id)", "reason": "\(error.message)"])
            return HeldToken(next, warning: "the new token is safe in the journal, but the vault could not be written: \(error.message)")
        }
        try await onVault { () throws(VaultError) in try journal.clear(account.id) }
        logger.info("refreshed", metadata: ["account": "\(account.id)", "generation": "\(next.facts.generation)"])
        return HeldToken(next)
    }

    /// Tokens of another account that an earlier flight kept aside: the token they were paid with is spent, whether or not
    /// that flight could still write it down.
    private func refuseKeptAside() async throws(OAuthError) {
        guard let result = try await onVault({ () throws(VaultError) in try open.journal.read(account.id) }),
            result.bundle.facts.accountKey != account.accountKey,
            let stored = try await onVault({ () async throws(VaultError) in try await open.bundle(account.id) })
        else { return }
        switch stored.refreshToken {
        case .some(let token) where open.keys.fingerprint(of: token) == result.spentFingerprint:
            let metadata = try await onVault { () throws(VaultError) in try vault.metadataStore.read() }
            if metadata.account(id: account.id)?.refusedFingerprint != result.spentFingerprint {
                try await remember(refusal: "identity_mismatch", result.spentFingerprint)
            }
        default: break
        }
    }

    /// The account key that the new tokens name, if it is another one than the stored. Tokens that name nobody pass.
    private func stranger(_ tokens: borrowing TokenResponse, _ access: JSONValue?, _ client: OAuthClient, stored: String) -> String? {
        // What an id_token said at login is compared with an id_token alone: access tokens may name subjects differently.
        let claims = Claims.decode(optional: tokens.idToken)
        if client.isOpenID, claims == nil { return nil }
        guard !stored.hasPrefix("opaque#"), client.identityReader.contradicts(stored, idToken: claims, accessToken: access) else {
            return nil
        }
        return client.identityReader.identity(idToken: claims, accessToken: access)?.accountKey
    }

    private func postpone(_ retryAfter: Int?) async throws(OAuthError) {
        let id = account.id
        let now = time.now()
        try await onVault { () async throws(VaultError) in
            try await vault.metadataStore.update { metadata in
                metadata.updateAccount(id: id) { record in
                    record.retryAt = now.wholeSeconds + RefreshBackoff.seconds(afterFailures: record.retryCount, retryAfter: retryAfter)
                    record.retryCount += 1
                }
            }
        }
    }

    /// R5: remembered, with the bytes kept: a person decides what to do with a dead login.
    private func remember(refusal reason: String, _ fingerprint: String) async throws(OAuthError) {
        let id = account.id
        try await onVault { () async throws(VaultError) in
            try await vault.metadataStore.update { metadata in
                metadata.updateAccount(id: id) { record in
                    record.status = .needsLogin
                    record.statusReason = TerminalText.escape(reason, limit: 100)
                    record.refusedFingerprint = fingerprint
                }
            }
        }
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

extension OAuthError {
    static func dead(_ account: AccountRecord, _ reason: String) -> OAuthError {
        OAuthError(
            .loginRequired, "the login of \(account.displayName) (\(account.provider)) is over: \(TerminalText.escape(reason))",
            remedy: "ai-usage-agent auth login \(account.provider)")
    }

    package static func originChanged(_ provider: String, _ what: String) -> OAuthError {
        OAuthError(
            .originChanged, "config.json names another \(what) for \(provider) than at login; no token was sent there",
            remedy: "log in again: ai-usage-agent auth login \(provider), or undo the change in config.json")
    }
}
