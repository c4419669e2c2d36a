import Age
import Platform

/// What changes a vault as a whole. Every operation holds the flight lock exclusively, so that no refresh runs, and refuses
/// while a refresh waits in the journal: sealing it to a forgotten identity would lose a login.
package struct VaultMaintenance: Sendable {
    let vault: Vault
    let open: OpenVault

    /// - Throws: what opening the vault can fail with.
    package init(_ vault: Vault) async throws(VaultError) { try await self.init(vault, keeping: nil) }

    init(_ vault: Vault, keeping keeper: PassphraseKeeper?) async throws(VaultError) {
        self.vault = vault
        open = try await vault.open(keeping: keeper)
    }

    var paths: VaultPaths { vault.paths }

    /// Runs `body` with nobody else writing.
    ///
    /// - Parameter refusingPending: not while a RESULT waits in the journal.
    func exclusively<R: Sendable>(
        refusingPending: Bool = true, _ body: (VaultRecord, VaultLocks) async throws(VaultError) -> R
    ) async throws(VaultError) -> R {
        let locks = try VaultLocks(paths: paths, time: vault.time)
        let flightLock = try await locks.take(.flight(.exclusive))
        let vaultLock = try await locks.take(.vault)
        defer {
            extendLifetime(vaultLock)
            extendLifetime(flightLock)
        }
        // Another rekeying or a move may have come first: what was opened is then an empty store, or another's key.
        try open.checkCurrent()
        let metadata = try vault.metadataStore.read()
        guard let record = metadata.vault else { throw VaultError.superseded(paths) }
        if refusingPending, let pending = VaultError.pending(metadata, paths) { throw pending }
        return try await body(record, locks)
    }

    /// Call it with everybody else kept away, before anything is changed.
    ///
    /// - Throws: `rollbackSuspected` or `clonedVault`; what reading the store can fail with, for one that is damaged.
    func refuseDistrusted() async throws(VaultError) {
        let facts = try await open.backend.list()
        if let suspicion = try open.suspicion(store: facts) { throw suspicion }
    }

    /// Replaces the vault object of auth.json: the one moment at which a change of the whole vault happens.
    func pin(_ change: @Sendable (inout VaultRecord) -> Void, _ keys: VaultKeys, _ state: SealedState?) async throws(VaultError) {
        try await vault.metadataStore.update { metadata in
            guard var record = metadata.vault else { return }
            change(&record)
            record.take(state, keys)
            metadata.vault = record
        }
        try await rememberAll(state)
    }

    /// Makes the memory outside the data directory what the stores are now.
    ///
    /// - Parameter accepting: a person took the stores for the right ones; else what is remembered of a keyring's account is
    ///   never lowered, so that a restored copy still shows.
    func rememberAll(_ state: SealedState?, accepting: Bool = false) async throws(VaultError) {
        let memory = StateMemory(paths: paths, vaultId: open.id)
        let metadata = try vault.metadataStore.read()
        switch metadata.vault?.backend {
        case .file:
            // A change of the key's source alone leaves the file as it is.
            guard let state = state ?? metadata.vault?.sealedState else { return }
            try memory.write(.init(state: state))
        case .keyring:
            let known = accepting ? [:] : memory.read()?.generations ?? [:]
            let generations = metadata.accounts.map { ($0.id, max($0.generation, known[$0.id] ?? 0)) }
            try memory.write(.init(generations: Dictionary(generations) { max($0, $1) }))
        case nil: break
        }
    }

    /// Takes a restored or copied vault for the right one (`vault adopt`).
    ///
    /// - Returns: the accounts whose next refresh may find its token spent.
    /// - Throws: `busy`, `superseded`, and what reading and writing the store can fail with.
    package func adopt() async throws(VaultError) -> [AccountRecord] {
        try await exclusively(refusingPending: false) { (_, _) async throws(VaultError) -> [AccountRecord] in try await adoptAlone() }
    }

    private func adoptAlone() async throws(VaultError) -> [AccountRecord] {
        let backend = open.backend
        try await clearForeignRecords()
        var state: SealedState?
        // Of these the record is made anew; what is known of the others is as true as before.
        var anew: Set<String> = []
        for facts in try await backend.list() {
            if facts.awaitsAdoption { anew.insert(facts.accountId) }
            if try open.suspicion(store: [facts]) != nil { anew.insert(facts.accountId) }
        }
        if let file = backend as? SealedFileBackend {
            state = try file.adopt()
            try await pin({ _ in }, open.keys, state)
        }
        // An imported account stops waiting; its bundle is written again without the mark.
        var cleared: [BundleBox] = []
        let all = try await backend.getAll()
        for box in all where box.bundle.facts.awaitsAdoption {
            var bundle = box.bundle.duplicate()
            bundle.facts.awaitsAdoption = false
            bundle.facts.generation += 1
            cleared.append(BundleBox(bundle))
        }
        if !cleared.isEmpty { state = try await backend.putAll(cleared) }
        let keys = open.keys
        let found = (try await backend.getAll()).map {
            (AccountRecord(rebuilding: $0.bundle), keys.fingerprint(ofRefreshTokenIn: $0.bundle))
        }
        let (sealed, distrusted) = (state, anew)
        try await vault.metadataStore.update { metadata in
            metadata.vault?.take(sealed, keys)
            for (rebuilt, fingerprint) in found {
                guard metadata.account(id: rebuilt.id) != nil else {
                    metadata.accounts.append(rebuilt)
                    continue
                }
                metadata.updateAccount(id: rebuilt.id) { $0.adopt(rebuilt, fingerprint, anew: distrusted.contains(rebuilt.id)) }
            }
        }
        try await rememberAll(state, accepting: true)
        // A reference has no token here that could be spent.
        return try vault.metadataStore.read().accounts.filter { $0.owner == .vault }
    }
}

extension VaultMaintenance {
    /// Forgets refreshes that belong to the copy that was put aside. One that was paid with the token that is here now is
    /// no such thing: it waits to be committed.
    private func clearForeignRecords() async throws(VaultError) {
        for account in try vault.metadataStore.read().accounts {
            guard let result = try open.journal.read(account.id) else { continue }
            var fits = false
            if let stored = try await open.bundle(account.id), result.bundle.facts.generation == stored.facts.generation + 1 {
                fits = open.keys.fingerprint(ofRefreshTokenIn: stored) == result.spentFingerprint
            }
            if !fits { try open.journal.clear(account.id) }
        }
    }
}

extension AccountRecord {
    /// Takes over what the adopted secrets say. A refused token is not tried again: adopting does not make it another one.
    ///
    /// - Parameters:
    ///   - fingerprint: of the refresh token that is there now.
    ///   - anew: what was known of the account was of another copy.
    fileprivate mutating func adopt(_ rebuilt: AccountRecord, _ fingerprint: String?, anew: Bool) {
        let isOther = anew || generation != rebuilt.generation || statusReason == AccountRecord.secretMissing
        generation = rebuilt.generation
        expiresAt = rebuilt.expiresAt
        let isRefused = fingerprint != nil && refusedFingerprint == fingerprint
        guard isOther, !isRefused else { return }
        status = rebuilt.status
        statusReason = rebuilt.statusReason
        refusedFingerprint = nil
    }

    /// A record made from what the secrets themselves say (recovery rule R7).
    init(rebuilding bundle: borrowing SecretBundle) {
        let facts = bundle.facts
        self.init(
            id: facts.accountId, provider: facts.provider, accountKey: facts.accountKey, authType: facts.authType, source: "agent-store",
            createdAt: facts.obtainedAt)
        providerAccountId = facts.providerAccountId
        email = facts.email
        label = facts.label
        plan = facts.plan
        scopes = facts.scopes
        expiresAt = facts.expiresAt
        loginExpiresAt = facts.loginExpiresAt
        generation = facts.generation
        insecure = facts.origins["token"]?.hasPrefix("http://") ?? false
        if let program = facts.awaitsBlanking {
            source = AccountRecord.importSource(program)
            status = .unknown
            statusReason = AccountRecord.unfinishedMove
        }
        switch bundle.refreshToken {
        case .some: refreshable = true
        case .none: refreshable = false
        }
    }
}
