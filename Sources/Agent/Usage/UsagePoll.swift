import Logging
import OAuth
import Platform
import Providers
import Vault

/// One account's turn: what is known of it, and one request to its provider where the plan wants one.
struct UsagePoll: Sendable {
    struct Outcome: Sendable {
        let account: AccountRecord
        var snapshot: UsageSnapshot
        /// Before and after a request of this process; nil where none was made.
        var change: (before: PollRecord, after: PollRecord)?
        /// When the tokens that were used had been obtained.
        var tokensObtainedAt: Timestamp?
        var wasAsked: Bool { change != nil }
    }

    let account: AccountRecord
    let provider: any Provider
    let plan: PollingPlan
    let name: String
    private let service: AgentService
    private let store: PollStore
    let endpoint: WebAddress?
    private var isWebSession: Bool { account.authType == .sessionKey }

    /// - Throws: `usage` or `configurationInvalid` where the account's provider is not there.
    init(_ usage: UsageService, _ account: AccountRecord) throws(OAuthError) {
        self.account = account
        service = usage.service
        store = usage.store
        provider = try usage.service.catalog.provider(account.provider)
        endpoint =
            account.authType == .sessionKey
            ? try usage.service.catalog.claudeWeb().usage(of: account.providerAccountId ?? "") : provider.usageEndpoint
        plan = PollingPlan(rule: provider.pollingRule, pollSeconds: usage.service.configuration.pollSeconds, chance: usage.chance)
        name = PollStore.name(account, token: usage.service.environmentDigest(account))
    }

    private var now: Timestamp { service.time.now() }

    func run(_ wish: PollingPlan.Wish, includeRaw: Bool) async -> Outcome {
        guard let endpoint else {
            var snapshot = UsageSnapshot(account)
            snapshot.reason = "no_usage_endpoint"
            snapshot.message = "config.json names no usage endpoint for \(account.provider)"
            return Outcome(account: account, snapshot: snapshot)
        }
        let known = store.read(name)
        if includeRaw { await waitForFloor(known) }
        // While somebody asks, their answer is waited for.
        guard known.isAsking || plan.isDue(known, wish, generation: account.generation, now: now) else { return shown(known) }
        do throws(FileError) {
            // As long as somebody else's requests and a refresh of the token may take.
            let patience = Duration.seconds(service.configuration.timeoutSeconds * 2 + 35)
            guard let turn = try await store.turn(name, patience: patience) else {
                return shown(store.read(name), because: failure("busy", "another process asks \(account.provider) and does not come back"))
            }
            // Whoever had the turn before may have asked already.
            let record = store.read(name)
            guard plan.isDue(record, wish, generation: account.generation, now: now) else { return shown(record) }
            return try await ask(endpoint, record, turn, includeRaw: includeRaw)
        } catch {
            let text = "the polling plan cannot be kept, so nothing was asked: \(error)"
            return shown(known, because: failure("storage", text, remedy: error.repair))
        }
    }

    /// A raw answer cannot be shown again; a floor of a second or two is waited for.
    private func waitForFloor(_ record: PollRecord) async {
        let wait = plan.wait(record, now: now)
        if (1...2).contains(wait) { await service.time.sleep(.seconds(wait)) }
    }

    private func failure(_ code: String, _ message: String, remedy: String? = nil) -> PollRecord.Failure {
        PollRecord.Failure(
            at: now.wholeSeconds, bucket: .unknown, reason: code, code: code, message: message, remedy: remedy ?? "try again later",
            retryAt: nil, isUnsent: true)
    }

    // MARK: - Asking

    /// - Throws: `FileError` before anything is sent, where the plan cannot be written.
    private func ask(_ endpoint: WebAddress, _ before: PollRecord, _ turn: borrowing PollStore.Turn, includeRaw: Bool)
        async throws(FileError) -> Outcome
    {
        var after = before
        var exchange: Exchange?
        do throws(OAuthError) {
            let held = try await service.credential(account, .live(minimum: nil))
            guard held.facts.origins["usage"] == endpoint.origin else { throw OAuthError.originChanged(account.provider, "usage endpoint") }
            exchange = Exchange(held: held)
        } catch {
            plan.failed(&after, PollRecord.Failure(error, at: now.wholeSeconds, isUnsent: true), retryAfter: nil, now: now)
            after.notBefore = before.notBefore
            after.generation = max(after.generation, account.generation)
        }
        if var sending = exchange {
            // Noted before the request: whoever dies from here on has asked.
            after.requestedAt = now
            after.isAsking = true
            try turn.write(after)
            await sending.run(self, endpoint)
            if !sending.isSent { after.requestedAt = before.requestedAt }
            settle(sending, &after)
            exchange = sending
        }
        after.isAsking = false
        do throws(FileError) { try turn.write(after) } catch {
            service.logger.warning("the usage of \(account.provider) was not kept: \(error)")
        }
        var outcome = shown(after)
        if includeRaw { outcome.snapshot.raw = exchange?.raw }
        outcome.change = (before, after)
        if account.owner == .vault { outcome.tokensObtainedAt = exchange?.held.facts.obtainedAt }
        return outcome
    }

    /// What the exchange means for the plan.
    private func settle(_ exchange: Exchange, _ record: inout PollRecord) {
        if account.owner == .vault { record.generation = exchange.held.facts.generation }
        let moment = now.wholeSeconds
        func failed(_ bucket: UsageSnapshot.Bucket, _ reason: String, _ code: String, _ message: String, _ remedy: String, _ wait: Int?) {
            let failure = PollRecord.Failure(
                at: moment, bucket: bucket, reason: reason, code: code, message: message, remedy: remedy,
                retryAt: wait.flatMap { $0 > 0 ? moment + $0 : nil }, isUnsent: false)
            plan.failed(&record, failure, retryAfter: wait, now: now)
        }
        switch exchange.ending {
        case .answered(.reading(let content)): plan.succeeded(&record, content, now: now)
        case .answered(.unauthorized(let message)):
            failed(
                .auth, "unauthorized", "login_required", message + " (also with a new token)",
                "ai-usage-agent auth login \(account.provider)", nil)
        case .answered(.failed(let bucket, let code, let message, let retryAfter)):
            let remedy =
                code == "scope_missing" ? "log in again with more scopes: ai-usage-agent auth login \(account.provider)" : "try again later"
            failed(bucket, code, code, message, remedy, retryAfter)
        case .broken(let error):
            let failure = PollRecord.Failure(error, at: moment, isUnsent: !exchange.isSent)
            plan.failed(&record, failure, retryAfter: error.retryAfter, now: now)
        }
    }

    /// The request of one poll; after a 401 a refresh and one more.
    private struct Exchange: Sendable {
        private(set) var held: HeldToken
        /// False while no server can have seen a request.
        private(set) var isSent = false
        private(set) var raw: JSONValue?
        private(set) var ending = Ending.answered(.unauthorized(message: ""))

        enum Ending: Sendable {
            case answered(UsageReading)
            case broken(OAuthError)
        }

        init(held: HeldToken) { self.held = held }

        mutating func run(_ poll: UsagePoll, _ endpoint: WebAddress) async {
            do throws(OAuthError) {
                var reading = try await request(poll, endpoint)
                if case .unauthorized = reading {
                    // The server knows better than our clock: one refresh, one more try.
                    held = try await poll.service.credential(poll.account, .new)
                    reading = try await request(poll, endpoint)
                }
                ending = .answered(reading)
            } catch { ending = .broken(error) }
        }

        private mutating func request(_ poll: UsagePoll, _ endpoint: WebAddress) async throws(OAuthError) -> UsageReading {
            var request = HTTPRequest(.get, endpoint.description, deadline: .seconds(poll.service.configuration.timeoutSeconds))
            request.bodyLimit = 1 << 20
            if poll.isWebSession {
                request.cookie = ClaudeWeb.cookie(held.accessToken)
            } else {
                request.bearer = held.accessToken.duplicate()
                request.headers = poll.provider.usageHeaders(
                    providerAccountId: held.facts.providerAccountId, accessClaims: Claims.decode(held.accessToken))
            }
            do throws(HTTPFailure) {
                let response = try await poll.service.http.send(request)
                isSent = true
                // A server that repeats the token must not get it printed.
                let echoes = response.body.withBytes { body in held.accessToken.withBytes { body.contains($0) } }
                let body = echoes ? SecretBytes(zeroes: 0) : response.body.duplicate()
                let now = poll.service.time.now()
                raw = (try? JSONValue(parsing: body))?.redacted
                return poll.provider.readUsage(
                    status: response.status, isHTML: response.isHTML, retryAfter: response.retryAfter(now: now), body: body, now: now)
            } catch {
                isSent = isSent || error.mayHaveBeenSent
                throw OAuthError(
                    .network, "\(poll.account.provider) could not be asked for its usage: \(error)",
                    remedy: "check the network and try again")
            }
        }
    }

    // MARK: - Showing

    /// The row: the last good reading, and what went wrong since.
    func shown(_ record: PollRecord, because failure: PollRecord.Failure? = nil) -> Outcome {
        var snapshot = UsageSnapshot(account)
        snapshot.nextPollAt = plan.next(record, generation: account.generation, now: now).wholeSeconds
        if let reading = record.reading { snapshot.show(reading) }
        // A login that is not the one that failed any more takes its error with it.
        if let failure = failure ?? (plan.hasNewLogin(record, account.generation) ? nil : record.failure) {
            snapshot.show(failure)
            if snapshot.fetchedAt == nil, !failure.isUnsent { snapshot.fetchedAt = failure.at }
        } else if record.reading == nil {
            snapshot.reason = "poll_pending"
            snapshot.message = "no answer is known yet; \(account.provider) is asked again when its floor allows it"
        }
        let isOver = record.reading?.content.windows.contains { $0.resetsAt.map { $0 <= now } ?? false } ?? false
        snapshot.stale = record.reading != nil && (snapshot.failure != nil || isOver)
        return Outcome(account: account, snapshot: snapshot)
    }
}

extension UsageSnapshot {
    fileprivate mutating func show(_ reading: PollRecord.Reading) {
        fetchedAt = reading.fetchedAt
        plan = reading.content.plan ?? plan
        confidence = reading.content.confidence
        bucket = reading.content.bucket
        reason = reading.content.reason
        message = reading.content.message
        windows = reading.content.windows
        credits = reading.content.credits
    }
}

extension JSONValue {
    /// The value without what names a person or could be a credential.
    fileprivate var redacted: JSONValue {
        switch self {
        case .object(let object):
            var kept = JSONObject()
            for member in object.members {
                let name = member.name.lowercased()
                let isPrivate = ["email", "user_id", "account_id", "token", "secret", "session", "cookie"].contains { name.contains($0) }
                kept[member.name] = isPrivate && member.value.string != nil ? "<redacted>" : member.value.redacted
            }
            return .object(kept)
        case .array(let elements): return .array(elements.map(\.redacted))
        default: return self
        }
    }
}
