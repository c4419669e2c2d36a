package import Logging
package import Platform
package import Vault

/// Hands out live access tokens and owns everything that spends a refresh token.
///
/// In this process there is one flight per account, which no waiter can cancel and whose failure nobody remembers; between
/// processes the account lock sees to it. A token that is fresh costs no lock.
package actor TokenManager {
    package nonisolated let vault: Vault
    private let http: any HTTPSending
    private let deadline: Duration
    let time: TimeSource
    private let logger: Logger
    private var flights: [String: Task<Result<HeldToken, OAuthError>, Never>] = [:]

    /// - Parameter deadline: of one request to a token endpoint; more than 30 s is cut to 30 s.
    package init(vault: Vault, http: any HTTPSending, deadline: Duration, time: TimeSource, logger: Logger) {
        self.vault = vault
        self.http = http
        self.deadline = deadline
        self.time = time
        self.logger = logger
    }

    /// How urgently a caller needs a new token.
    package enum Demand: Sendable, Equatable {
        /// A token that lives at least `minimum` more seconds (clamped to half its lifetime).
        case live(minimum: Int?)
        /// A new one, whatever the old one is worth (`auth refresh`, a 401).
        case new
    }

    /// A live token of the account, refreshed if need be.
    ///
    /// - Parameter client: asked for only when a refresh is needed (it may cost a discovery).
    /// - Throws: `loginRequired`, `originChanged`, `network`, `providerUnavailable`, `rateLimited`, `clientRefused`, vault errors.
    package func token(
        _ account: AccountRecord, _ demand: Demand, client: @escaping @Sendable () async throws(OAuthError) -> OAuthClient
    ) async throws(OAuthError) -> HeldToken {
        // Recovery rule R4: what is borrowed is never spent, whoever asks.
        guard account.owner == .vault else { throw OAuthError.borrowed(account) }
        var reopenings = 0
        while true {
            do throws(OAuthError) {
                return try await fetch(account, demand, client)
            } catch {
                // Rekeyed or moved since it was opened, and nothing was sent: again with the vault as it is now.
                guard error.code == .vault(.superseded), reopenings < TokenManager.mostReopenings else { throw error }
                reopenings += 1
                await vault.lock()
            }
        }
    }

    /// Every token of the vault that can be handed out as it is, from one reading of the store: for a service that keeps them.
    ///
    /// - Throws: vault errors; an account that is not fresh is left out.
    package func eachFresh(_ body: (HeldToken) -> Void) async throws(OAuthError) {
        let open = try await onVault { () async throws(VaultError) in try await vault.open() }
        let journaled = try await onVault { () throws(VaultError) in try open.journal.recorded() }
        let now = time.now()
        try await onVault { () async throws(VaultError) in
            try await open.each { bundle in
                guard bundle.facts.authType == .oauth, !journaled.contains(bundle.facts.accountId), bundle.facts.awaitsBlanking == nil,
                    bundle.facts.isFresh(at: now, minimum: nil), (try? open.suspicion(bundle.facts)) == .some(.none)
                else { return }
                body(HeldToken(bundle))
            }
        }
    }

    /// Puts tokens that wait in the journal into the store. Sends nothing.
    ///
    /// - Throws: vault errors; the tokens go on waiting then.
    package func commitPending(_ account: AccountRecord) async throws(OAuthError) {
        let flight = try await beginFlight(account.provider, account.accountKey)
        defer { extendLifetime(flight) }
        let recovery = JournalRecovery(open: flight.vault, time: time, logger: logger)
        try await onVault { () async throws(VaultError) in try await recovery.complete(account.id) }
    }

    /// Waits for the flights that have begun.
    package func settle() async {
        while let flight = flights.values.first {
            _ = await flight.value
            // Whoever began it takes it off the list.
            await Task.yield()
        }
    }

    /// Somebody who rekeys in a loop is not waited for for ever.
    private static let mostReopenings = 5

    private func fetch(
        _ account: AccountRecord, _ demand: Demand, _ client: @escaping @Sendable () async throws(OAuthError) -> OAuthClient
    ) async throws(OAuthError) -> HeldToken {
        let open = try await onVault { () async throws(VaultError) in try await vault.open() }
        let mark = try await onVault { () throws(VaultError) in try open.journal.mark(account.id) }
        var seen: Int?
        if mark != .result {
            let bundle = try await onVault { () async throws(VaultError) in try await open.bundle(account.id) }
            guard let bundle else { throw await vault.noteMissingSecret(of: account, open) }
            await vault.noteFoundSecret(of: account)
            if let program = bundle.facts.awaitsBlanking { return try heldWhileMoving(bundle, demand, account, program) }
            let suspicion = try await onVault { () throws(VaultError) in try open.suspicion(bundle.facts) }
            // A vault that looks restored or copied is judged again under the lock: somebody may just have written it.
            if mark == .nothing, suspicion == nil, case .live(let minimum) = demand, bundle.facts.isFresh(at: time.now(), minimum: minimum)
            {
                return HeldToken(bundle)
            }
            seen = bundle.facts.generation
        }
        if let running = flights[account.id] {
            let held = try await running.value.get()
            // One that was content with what is there has not done what is asked for here.
            if demand == .new, held.facts.generation == seen { return try await fetch(account, demand, client) }
            return held
        }
        let flight = RefreshFlight(
            vault: vault, open: open, endpoint: TokenEndpoint(http: http, deadline: deadline), time: time, logger: logger, account: account)
        let observed = seen
        let task = Task { () async -> Result<HeldToken, OAuthError> in
            do throws(OAuthError) { return .success(try await flight.run(demand, observedGeneration: observed, client)) } catch {
                return .failure(error)
            }
        }
        flights[account.id] = task
        let result = await task.value
        flights[account.id] = nil
        return try result.get()
    }

    /// What a login left in the stores.
    package struct Adoption: Sendable {
        /// As auth.json has it now.
        package let account: AccountRecord
        /// No account of auth.json had this identity.
        package let isNew: Bool

        package init(account: AccountRecord, isNew: Bool) { (self.account, self.isNew) = (account, isNew) }
    }

    /// Makes a login's tokens durable: before anything about them is printed.
    ///
    /// - Parameters:
    ///   - label: names a new account; a label of an account with another identity is refused.
    ///   - origin: the login is being moved here from there, and is not refreshed before `confirmMove`.
    /// - Throws: `usage` for a label of another identity, before anything is stored; vault errors.
    package func adopt(
        _ login: consuming LoginResult, label: String?, movedFrom origin: MoveOrigin? = nil
    ) async throws(OAuthError) -> Adoption {
        let provider = login.client.provider
        let identity = try named(login.identity, label, provider)
        let flight = try await beginFlight(provider, identity.accountKey)
        defer { extendLifetime(flight) }
        let open = flight.vault
        let metadata = try await onVault { () throws(VaultError) in try vault.metadataStore.read() }
        let known = metadata.accounts.first { $0.provider == provider && $0.accountKey == identity.accountKey }
        if let label,
            let other = metadata.accounts.first(where: {
                $0.provider == provider && $0.label?.lowercased() == label.lowercased() && $0.id != known?.id
            })
        {
            throw OAuthError(
                .usage,
                "\"\(label)\" is the account \(other.email ?? other.accountKey), but the login was for \(identity.email ?? identity.accountKey)",
                remedy: "log in again and choose that account in the browser, or use another --account")
        }
        let id = known?.id ?? Random.uuid()
        let now = time.now()
        // Above every generation that was ever seen, so that no old record can look newer than this login.
        let stored =
            known == nil ? 0 : try await onVault { () async throws(VaultError) in try await open.bundle(id)?.facts.generation ?? 0 }
        let journaled = try await onVault { () throws(VaultError) in try open.journal.read(id)?.bundle.facts.generation ?? 0 }
        let endpoints = try login.client.knownEndpoints()

        var facts = BundleFacts(
            accountId: id, provider: provider, accountKey: identity.accountKey, authType: login.authType, clientId: login.client.clientId,
            issuer: login.client.issuer, origins: endpoints.origins, obtainedAt: login.receivedAt.wholeSeconds)
        facts.providerAccountId = identity.providerAccountId
        facts.email = identity.email
        facts.plan = identity.plan ?? known?.plan
        // Nothing that names a person: a name that only this vault can compute, so that two such accounts can be told apart.
        let keyed =
            identity.isOpaque ? "opaque-" + open.keys.fingerprint(of: login.tokens.accessToken).prefix(8) : nil
        facts.label = label ?? known?.label ?? (identity.email == nil ? identity.name ?? keyed : nil)
        facts.clientIdIsExplicit = login.client.clientIdIsExplicit
        facts.awaitsBlanking = origin?.program
        facts.scopes = login.tokens.scopes ?? login.client.scopes
        facts.generation = max(stored, journaled, known?.generation ?? 0) + 1
        facts.expiresAt =
            facts.obtainedAt + TokenLifetime.seconds(expiresIn: login.tokens.expiresIn, claims: Claims.decode(login.tokens.accessToken))
        facts.loginExpiresAt = login.tokens.loginExpiresIn.map { facts.obtainedAt + $0 }
        let bundle = SecretBundle(
            facts: facts, accessToken: login.tokens.accessToken.duplicate(),
            refreshToken: SecretBundle.duplicate(login.tokens.refreshToken),
            idToken: SecretBundle.duplicate(login.tokens.idToken))

        var record =
            known
            ?? AccountRecord(
                id: id, provider: provider, accountKey: identity.accountKey, authType: login.authType, source: AccountRecord.ownSource,
                createdAt: now.wholeSeconds)
        record.email = identity.email ?? record.email
        record.plan = identity.plan ?? record.plan
        record.source = origin.map { AccountRecord.importSource($0.program) } ?? AccountRecord.ownSource
        // What was a reference to another program's login is a login of this vault from now on.
        record.reference = origin?.reference
        record.status = origin == nil ? .active : .unknown
        record.statusReason = origin == nil ? nil : AccountRecord.unfinishedMove
        record.refusedFingerprint = nil
        record.retryAt = nil
        record.retryCount = 0
        record.lastUsedAt = now
        record.insecure = !endpoints.token.isSecure
        record.apply(bundle)
        let final = record
        try await onVault { () async throws(VaultError) in
            try await open.commit(bundle) { metadata in
                if metadata.account(id: id) == nil {
                    metadata.accounts.append(final)
                } else {
                    metadata.updateAccount(id: id) { $0 = final }
                }
            }
            // Only now: until this login is in the store, a result that waits there may be the newest token there is.
            try open.journal.clear(id)
        }
        logger.info("login stored", metadata: ["provider": "\(provider)", "account": "\(id)"])
        return Adoption(account: final, isNew: known == nil)
    }

    /// Removes an account from both stores, after telling the server (RFC 7009) if `client` is given. Nobody refreshes in
    /// between: the token that is revoked is the newest there is.
    ///
    /// - Returns: why the server did not accept the revocation; nil if it did or was not asked.
    /// - Throws: vault errors; the account, or its record alone, is still here then.
    @discardableResult
    package func remove(_ account: AccountRecord, revokingAt client: OAuthClient? = nil) async throws(OAuthError) -> String? {
        let flight = try await beginFlight(account.provider, account.accountKey)
        defer { extendLifetime(flight) }
        let open = flight.vault
        var warning: String?
        if let client {
            _ = try await onVault { () async throws(VaultError) in
                try await JournalRecovery(open: open, time: time, logger: logger).complete(account.id)
            }
            // A result that could not be committed holds the newest token.
            let waiting = try await onVault { () throws(VaultError) in try open.journal.read(account.id) }
            let stored = try await onVault { () async throws(VaultError) in try await open.bundle(account.id) }
            if let waiting {
                warning = try await Revocation(http: http).revoke(waiting.bundle, client: client)
            } else if let stored {
                warning = try await Revocation(http: http).revoke(stored, client: client)
            } else {
                warning = "there is no token left to revoke"
            }
        }
        try await onVault { () async throws(VaultError) in try await open.remove(account.id) }
        return warning
    }
}

extension OAuthError {
    static func borrowed(_ account: AccountRecord) -> OAuthError {
        OAuthError(
            .loginRequired,
            "the tokens of \(account.displayName) (\(account.provider)) are not this program's (\(account.source)): it never renews them",
            remedy: "let the program that they belong to renew them, or log in here: ai-usage-agent auth login \(account.provider)")
    }

    static func secretMissing(_ account: AccountRecord) -> OAuthError {
        OAuthError(
            .loginRequired, "the tokens of \(account.displayName) (\(account.provider)) are missing from the vault",
            remedy: "ai-usage-agent auth login \(account.provider)")
    }
}

/// One account's lock and the vault held as it is, in this order, until it ends.
struct AccountFlight: ~Copyable, Sendable {
    private let lock: FileLock
    private let flight: VaultFlight

    fileprivate init(_ lock: consuming FileLock, _ flight: consuming VaultFlight) {
        self.lock = lock
        self.flight = flight
    }

    var vault: OpenVault { flight.vault }
}

extension TokenManager {
    /// Waits until nobody refreshes, stores or removes that account, and keeps it so.
    func beginFlight(_ provider: String, _ accountKey: String) async throws(OAuthError) -> AccountFlight {
        do throws(VaultError) {
            let lock: FileLock
            do throws(VaultError) { lock = try await vault.open().lock(provider: provider, accountKey: accountKey) } catch {
                guard error.code == .superseded else { throw error }
                // Where the locks stood when it was opened is no place any more.
                await vault.lock()
                lock = try await vault.open().lock(provider: provider, accountKey: accountKey)
            }
            return AccountFlight(lock, try await vault.beginFlight())
        } catch { throw OAuthError(error) }
    }

    /// A login that says nothing of its owner is the one that the person names: nothing else can tell it from a new account.
    private func named(_ identity: AccountIdentity, _ label: String?, _ provider: String) throws(OAuthError) -> AccountIdentity {
        guard let label, identity.isOpaque else { return identity }
        let metadata: Metadata
        do throws(VaultError) { metadata = try vault.metadataStore.read() } catch { throw OAuthError(error) }
        let known = metadata.accounts.first {
            $0.provider == provider && $0.label?.lowercased() == label.lowercased() && AccountIdentity.isOpaque($0.accountKey)
        }
        return known.map { AccountIdentity(accountKey: $0.accountKey) } ?? identity
    }
}

extension AccountRecord {
    /// Takes over what a new bundle says.
    mutating func apply(_ bundle: borrowing SecretBundle) {
        label = bundle.facts.label ?? label
        providerAccountId = bundle.facts.providerAccountId
        scopes = bundle.facts.scopes
        expiresAt = bundle.facts.expiresAt
        loginExpiresAt = bundle.facts.loginExpiresAt
        generation = bundle.facts.generation
        switch bundle.refreshToken {
        case .some: refreshable = true
        case .none: refreshable = false
        }
    }
}
