import OAuth
package import Platform
package import Providers
package import Vault

/// How much of each account's quota is used, asked for by one plan that every process of this user shares (`PollingPlan`).
///
/// A failing account is a row with an error, never missing; its last good reading stays in the row, marked stale.
package struct UsageService: Sendable {
    let service: AgentService
    let store: PollStore
    /// Between 0 and 1, for the plan's jitter.
    var chance = PollingPlan.anyChance
    /// More than so many are not asked at once.
    private static let mostAtOnce = 32

    /// Makes nothing on the disk.
    package init(_ service: AgentService) {
        self.service = service
        store = PollStore(folder: service.vault.paths.usage, time: service.time)
    }

    /// Snapshots of the accounts, in their order; those that are due are asked, side by side.
    ///
    /// - Parameters:
    ///   - refresh: asks also where the plan would not, as far as the provider's floor allows.
    ///   - includeRaw: adds the provider's answer to what was asked now; implies `refresh`.
    ///   - onProgress: called with the number of accounts that are done.
    package func readings(
        of accounts: [AccountRecord], refresh: Bool = false, includeRaw: Bool = false, onProgress: (@Sendable (Int) -> Void)? = nil
    ) async -> [UsageSnapshot] {
        let wish: PollingPlan.Wish = refresh || includeRaw ? .refresh(askedAt: service.time.now()) : .look
        return await poll(accounts, wish, includeRaw: includeRaw, onProgress: onProgress).map(\.snapshot)
    }

    /// Asks those accounts that are due by the plan, and nobody else.
    ///
    /// - Returns: the snapshots of those that were asked. Sleep until `nextPollAt` and call it again.
    package func pollDue(_ accounts: [AccountRecord]) async -> [UsageSnapshot] {
        let due = accounts.filter { account in
            guard let (poll, record) = planned(account) else { return false }
            return poll.plan.isDue(record, .scheduled, generation: account.generation, now: service.time.now())
        }
        return await poll(due, .scheduled).filter(\.wasAsked).map(\.snapshot)
    }

    /// When the first of the accounts is due again; never before the next second, so that nobody can spin on it. Nil where no
    /// account can be asked.
    package func nextPollAt(_ accounts: [AccountRecord]) -> Timestamp? {
        let now = service.time.now()
        let next = accounts.compactMap { account in
            planned(account).map { poll, record in poll.plan.next(record, generation: account.generation, now: now) }
        }.min()
        return next.map { max($0, now + 1) }
    }

    /// What is known of the accounts, without asking anybody.
    package func lastReadings(of accounts: [AccountRecord]) -> [UsageSnapshot] {
        accounts.map { account in
            guard let poll = try? UsagePoll(self, account), poll.endpoint != nil else { return UsageSnapshot(account) }
            return poll.shown(store.read(poll.name)).snapshot
        }
    }

    private func planned(_ account: AccountRecord) -> (UsagePoll, PollRecord)? {
        guard let poll = try? UsagePoll(self, account), poll.endpoint != nil else { return nil }
        return (poll, store.read(poll.name))
    }

    private func poll(
        _ accounts: [AccountRecord], _ wish: PollingPlan.Wish, includeRaw: Bool = false, onProgress: (@Sendable (Int) -> Void)? = nil
    ) async -> [UsagePoll.Outcome] {
        let results = await withTaskGroup(of: (Int, UsagePoll.Outcome).self) { group in
            var waiting = accounts.enumerated().makeIterator()
            func start() {
                guard let (index, account) = waiting.next() else { return }
                group.addTask { (index, await result(account, wish, includeRaw: includeRaw)) }
            }
            for _ in 0..<min(UsageService.mostAtOnce, accounts.count) { start() }
            var found: [(Int, UsagePoll.Outcome)] = []
            while let result = await group.next() {
                found.append(result)
                onProgress?(found.count)
                start()
            }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
        await UsageRecorder(service).record(results)
        if results.contains(where: \.wasAsked) {
            store.sweep(Set(accounts.compactMap { try? UsagePoll(self, $0).name }))
        }
        return results
    }

    private func result(_ account: AccountRecord, _ wish: PollingPlan.Wish, includeRaw: Bool) async -> UsagePoll.Outcome {
        do throws(OAuthError) {
            return await (try UsagePoll(self, account)).run(wish, includeRaw: includeRaw)
        } catch {
            // A provider that is switched off or no longer configured.
            var snapshot = UsageSnapshot(account)
            snapshot.show(PollRecord.Failure(error, at: service.time.now().wholeSeconds, isUnsent: true))
            return UsagePoll.Outcome(account: account, snapshot: snapshot)
        }
    }
}

extension UsageSnapshot {
    /// An account of which nothing is known yet.
    init(_ record: AccountRecord) {
        self.init(
            provider: record.provider,
            account: Account(id: record.id, accountKey: record.accountKey, email: record.email, label: record.label),
            source: record.source, authType: record.authType.rawValue)
        plan = record.plan
    }

    mutating func show(_ failure: PollRecord.Failure) {
        bucket = failure.bucket
        reason = failure.reason
        self.failure = Failure(code: failure.code, message: failure.message, remedy: failure.remedy, retryAt: failure.retryAt)
    }
}

extension PollRecord.Failure {
    /// A failure of the layers below, before or between requests.
    init(_ error: OAuthError, at moment: Timestamp, isUnsent: Bool) {
        let code = ErrorCode.name(error.code)
        self.init(
            at: moment, bucket: PollRecord.Failure.bucket(error.code), reason: code, code: code, message: error.message,
            remedy: error.remedy, retryAt: error.retryAfter.map { moment + $0 }, isUnsent: isUnsent)
    }

    private static func bucket(_ code: OAuthError.Code) -> UsageSnapshot.Bucket {
        switch code {
        case .loginRequired, .accessDenied, .scopeMissing, .clientRefused: .auth
        case .rateLimited: .rateLimit
        case .providerUnavailable: .overloaded
        default: .unknown
        }
    }
}
