package import Logging
package import OAuth
import Platform
import Providers
package import Vault

/// The agent's work apart from its socket: the same service that a command uses in process, kept open, with what was handed
/// out last at hand. Everything that may wait happens here; what is at hand is answered by `AgentServer` without it.
package actor AgentCore {
    package nonisolated let paths: VaultPaths
    nonisolated let shelf: TokenShelf
    nonisolated let audit: AuditLog
    nonisolated let watchers = UsageWatchers()
    nonisolated let time: TimeSource
    nonisolated let logger: Logger
    nonisolated let version: String
    nonisolated let startedAt: Timestamp
    /// When somebody last wanted a token: for the idle lock.
    nonisolated let lastWanted: Guarded<Duration>

    private(set) var service: AgentService
    private let configure: @Sendable () throws(ConfigurationError) -> AgentService
    private var configurationStamp: FileStamp?
    private var wasConfigurationBad = false
    /// Why nothing is handed out; nil while the vault can be opened.
    private(set) var lockedBecause: VaultError?
    private(set) var unlockedAt: Duration
    /// How often it was locked: a lock during an unlock wins.
    private var locks = 0
    private(set) var isEnding = false
    private var filling: Task<Void, Never>?
    private var notedUses: Set<String> = []
    private var isNotingUse = false
    var plan = RenewalPlan()

    /// - Parameters:
    ///   - service: over a vault that stays the same for as long as the agent runs.
    ///   - configure: reads config.json anew, over the same vault.
    package init(
        _ service: AgentService, version: String, logger: Logger,
        configure: @escaping @Sendable () throws(ConfigurationError) -> AgentService
    ) {
        self.service = service
        self.version = version
        self.configure = configure
        self.logger = logger
        paths = service.vault.paths
        time = service.time
        startedAt = time.now()
        unlockedAt = time.elapsed()
        lastWanted = Guarded(time.elapsed())
        shelf = TokenShelf(metadataFile: paths.metadataFile)
        audit = AuditLog(directory: paths.state, time: time, logger: logger)
        configurationStamp = FileStamp(paths.configurationFile)
    }

    /// The service by the configuration as it is now. One that became invalid is reported once, and the last good one stays.
    func current() -> AgentService {
        let stamp = FileStamp(paths.configurationFile)
        guard stamp != configurationStamp else { return service }
        configurationStamp = stamp
        do throws(ConfigurationError) {
            service = try configure()
            wasConfigurationBad = false
            logger.notice("config.json was read again")
        } catch {
            if !wasConfigurationBad { logger.error("config.json is invalid; the last good one stays in force: \(error)") }
            wasConfigurationBad = true
        }
        return service
    }

    // MARK: Locking

    /// Opens the vault before the first caller comes, or says why it stays locked.
    package func start() async -> VaultError? {
        do throws(VaultError) {
            if try service.vault.metadataStore.read().vault == nil { return nil }
            try await service.vault.unlock(nil)
            await fill()
            return nil
        } catch {
            if error.code == .locked || error.code == .wrongPassphrase { await lock(because: error) }
            return error
        }
    }

    /// Forgets the key and every token until `unlock`; a refresh that was sent is still stored.
    package func lock() async { await lock(because: Vault.held) }

    func lock(because reason: VaultError) async {
        locks += 1
        if lockedBecause == nil { logger.notice("locked") }
        lockedBecause = reason
        shelf.lock()
        plan = RenewalPlan()
        await service.vault.hold()
    }

    /// - Throws: what opening the vault throws; it stays as it was then.
    func unlock(_ passphrase: consuming SecretBytes?) async throws(OAuthError) {
        let before = locks
        let record: VaultRecord?
        do throws(VaultError) {
            record = try service.vault.metadataStore.read().vault
            let isGiven: Bool
            switch passphrase {
            case .some: isGiven = true
            case .none: isGiven = false
            }
            // Nobody sits at the agent's terminal; who asks to unlock has one.
            if !isGiven, record?.identitySource == .passphrase, service.vault.sources.passphrase.source == .terminal {
                throw VaultError(.locked, "the vault is opened by a passphrase", remedy: "ai-usage-agent vault unlock")
            }
            if record != nil { try await service.vault.unlock(passphrase) }
            guard locks == before else { throw Vault.held }
        } catch { throw OAuthError(error) }
        lockedBecause = nil
        unlockedAt = time.elapsed()
        lastWanted.withLock { $0 = time.elapsed() }
        shelf.unlock()
        logger.notice("unlocked")
        await fill()
    }

    /// - Throws: `locked`; `busy` when the agent is about to end, so that nothing is begun that would be cut in half.
    func checkUnlocked() throws(OAuthError) {
        if isEnding {
            throw OAuthError(.vault(.busy), "the agent is about to end", remedy: "run the command again; it works without an agent, too")
        }
        guard let lockedBecause else { return }
        throw OAuthError(.vault(.locked), lockedBecause.message, remedy: "ai-usage-agent vault unlock")
    }

    /// Locks by the clock, where config.json says so.
    ///
    /// - Returns: when to look again; nil where nothing is to happen.
    func lockInTime() async -> Duration? {
        guard lockedBecause == nil else { return nil }
        let configuration = current().configuration
        let now = time.elapsed()
        var next: Duration?
        if let limit = configuration.lifetimeSeconds { next = unlockedAt + .seconds(limit) }
        if let limit = configuration.idleLockSeconds {
            let end = lastWanted.withLock { $0 } + .seconds(limit)
            next = next.map { min($0, end) } ?? end
        }
        guard let next else { return nil }
        if next > now { return next - now }
        await lock(because: VaultError(.locked, "the agent locked itself, as config.json wants it", remedy: "ai-usage-agent vault unlock"))
        return nil
    }

    // MARK: Tokens

    /// The answer to `GetToken` where it is not at hand.
    func token(_ question: TokenShelf.Question, minimum: Int?, for peer: Peer) async throws(OAuthError) -> OutgoingMessage {
        try checkUnlocked()
        let service = current()
        let seen = shelf.look()
        let account = try service.account(question.provider, named: question.account)
        guard account.isHandedOut else { throw OAuthError.notHandedOut(account) }
        if let entry = shelf.entry(account, minimum: minimum, now: time.now()) {
            shelf.keep(entry, for: question, seen: seen)
            return handOut(entry, question, peer)
        }
        let held = try await service.token(account, .live(minimum: minimum))
        // Locked while a refresh was on its way: it is stored, and nobody gets it.
        try checkUnlocked()
        let entry = TokenShelf.Entry(held)
        if held.warning == nil, account.owner == .vault {
            shelf.keep(entry, for: question, seen: seen)
            fillSoon()
        }
        if held.facts.generation != account.generation { OwnProcess.releaseCode() }
        return handOut(entry, question, peer)
    }

    nonisolated func handOut(_ entry: TokenShelf.Entry, _ question: TokenShelf.Question, _ peer: Peer) -> OutgoingMessage {
        let now = time.now()
        lastWanted.withLock { $0 = time.elapsed() }
        audit.note(peer, provider: entry.facts.provider, accountId: entry.facts.accountId, at: now)
        if question.account != nil {
            let isDue = entry.lastNotedUse.withLock { last in
                if let noted = last, now - noted < 60, now >= noted { return false }
                last = now
                return true
            }
            // Not the entry itself: its token would live as long as the writing takes.
            let id = entry.facts.accountId
            if isDue { Task { await self.noteUse(of: id) } }
        }
        return entry.message
    }

    /// Written at once, and what comes within a second after that together: each write is a new auth.json. Not being able to
    /// write it down costs nobody a token.
    private func noteUse(of accountId: String) async {
        let isFirst = notedUses.isEmpty && !isNotingUse
        notedUses.insert(accountId)
        guard isFirst else { return }
        isNotingUse = true
        while !notedUses.isEmpty {
            let ids = notedUses
            notedUses = []
            do throws(OAuthError) { try await service.noteUse(of: ids) } catch {
                logger.warning("lastUsedAt was not written", metadata: ["reason": "\(error)"])
            }
            await time.sleep(.seconds(1))
        }
        isNotingUse = false
    }

    /// Puts every live token at hand, so that the first question for each is as quick as the second.
    private func fill() async {
        let epoch = shelf.look().epoch
        do throws(OAuthError) {
            var filling = TokenShelf.Filling()
            let accounts = try service.metadata().accounts
            let known = Dictionary(accounts.filter { $0.owner == .vault && $0.isHandedOut }.map { ($0.id, $0.generation) }) { a, _ in a }
            try await service.tokens.eachFresh { held in
                if known[held.facts.accountId] == held.facts.generation { filling.add(held) }
            }
            shelf.keep(filling, epoch: epoch)
            shelf.retain(Set(accounts.map(\.id)))
        } catch { logger.info("the tokens were not read ahead", metadata: ["reason": "\(error.message)"]) }
    }

    /// One reading of the store for all that are missing, once something was.
    private func fillSoon() {
        guard filling == nil, let count = try? service.metadata().accounts.count, count > shelf.count + 1 else { return }
        filling = Task {
            await fill()
            // Accounts without a live token are not read for each time.
            await time.sleep(.seconds(60))
            filling = nil
        }
    }

    // MARK: The rest

    func refresh(_ provider: String, _ name: String?) async throws(OAuthError) -> (AccountRecord, String?) {
        try checkUnlocked()
        let service = current()
        let account = try service.account(provider, named: name)
        let held = try await service.token(account, .new)
        shelf.forget(account.id)
        OwnProcess.releaseCode()
        return (try service.metadata().account(id: account.id) ?? account, held.warning)
    }

    func adopt(_ bundle: consuming SecretBytes, label: String?) async throws(OAuthError) -> TokenManager.Adoption {
        try checkUnlocked()
        let service = current()
        let login = try LoginBundle.decode(bundle, service.catalog)
        let adoption = try await service.tokens.adopt(login, label: label)
        shelf.forget(adoption.account.id)
        return adoption
    }

    func remove(_ provider: String, _ name: String?, revoke: Bool) async throws(OAuthError) -> (AccountRecord, String?) {
        try checkUnlocked()
        let service = current()
        let account = try service.account(provider, named: name)
        guard account.owner == .vault else {
            try await service.forget(account)
            return (account, revoke ? "it was not revoked: the login belongs to another program (\(account.source))" : nil)
        }
        let warning = try await service.remove(account, revoke: revoke)
        shelf.forget(account.id)
        return (account, warning)
    }

    /// Whether nothing is handed out: told to be locked, or in need of a passphrase that only a person can give.
    private func isLocked() async -> Bool {
        if lockedBecause != nil { return true }
        guard let record = try? service.vault.metadataStore.read().vault, record.identitySource == .passphrase else { return false }
        return await !service.vault.isOpen
    }

    func status() async -> JSONObject {
        let accounts = (try? service.metadata().accounts.count) ?? 0
        let isLocked = await isLocked()
        return [
            "version": .string(version), "pid": .number(JSONNumber(OwnProcess.pid)), "store": .string(paths.data),
            "locked": .bool(isLocked), "since": .string(startedAt.wholeSeconds.description),
            "accounts": .number(JSONNumber(accounts)), "nextRefreshAt": .optional(plan.next?.wholeSeconds.description),
            "resident": .number(JSONNumber(OwnProcess.resident)),
        ]
    }

    /// Waits for what must not be cut in half.
    package func finish() async {
        isEnding = true
        await service.tokens.settle()
        await audit.flush()
    }
}

extension AccountRecord {
    /// Whether the agent gives this account's token to callers: its own accounts, unless `agentAccess` says otherwise.
    package var isHandedOut: Bool { agentAccess ?? (owner == .vault) }
}

extension OAuthError {
    static func notHandedOut(_ account: AccountRecord) -> OAuthError {
        OAuthError(
            .accessDenied, "the agent does not hand out \(account.displayName) (\(account.provider), \(account.source))",
            remedy: "ai-usage-agent auth access \(account.provider) on --account \(account.id)")
    }
}

extension AgentService {
    /// Removes an account of the vault, after telling the provider where that is wanted.
    ///
    /// - Returns: why the provider was not told, or did not accept it.
    /// - Throws: as `TokenManager.remove`.
    package func remove(_ account: AccountRecord, revoke: Bool) async throws(OAuthError) -> String? {
        var revoking: OAuthClient?
        var warning: String?
        if revoke {
            // A server that cannot be found is no reason to keep the account here.
            do throws(OAuthError) { revoking = try await client(try catalog.provider(account.provider), withRevocation: true) } catch {
                warning = error.message
            }
        }
        let answer = try await tokens.remove(account, revokingAt: revoking)
        return warning ?? answer
    }
}
