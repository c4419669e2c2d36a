import Logging
import Platform
import Vault

/// One refresh of one account, from taking its lock to answering its waiters: does what `RotationMachine` says, with real
/// files and a real server.
struct RefreshFlight: Sendable {
    let vault: Vault
    let open: OpenVault
    let endpoint: TokenEndpoint
    let time: TimeSource
    let logger: Logger
    let account: AccountRecord

    /// All of a flight, retries of requests that never left included.
    static let patience = Duration.seconds(30)
    /// Of somebody who waits for another's flight.
    private static let waiterPatience = Duration.seconds(35)
    static let retryPause = Duration.milliseconds(250)
    private static let waitPause = Duration.milliseconds(250)
    static let holdPause = Duration.seconds(1)

    func run(
        _ demand: TokenManager.Demand, observedGeneration: Int?, _ client: @Sendable () async throws(OAuthError) -> OAuthClient
    ) async throws(OAuthError) -> HeldToken {
        let lock = try await onVault { () async throws(VaultError) in
            try await open.lock(provider: account.provider, accountKey: account.accountKey)
        }
        let flightLock = try await onVault { () async throws(VaultError) in try await open.flightLock() }
        var course = RefreshCourse(
            demand: demand, observedGeneration: observedGeneration, deadline: time.elapsed() + RefreshFlight.patience,
            waitsUntil: time.elapsed() + RefreshFlight.waiterPatience)
        defer {
            if course.defersInterrupts { Interrupts.end() }
            extendLifetime(flightLock)
            extendLifetime(lock)
        }
        var machine = RotationMachine(demand == .new ? .new : .live)
        var event = RotationMachine.Event.begin
        while true {
            let step = machine.next(event)
            if case .end(let ending) = step { return try conclude(ending, course) }
            event = try await perform(step, &course, lock, client)
        }
    }

    /// Does one step; what it throws happened before anything was sent, or changes nothing.
    private func perform(
        _ step: RotationMachine.Step, _ course: inout RefreshCourse, _ lock: borrowing FileLock,
        _ client: @Sendable () async throws(OAuthError) -> OAuthClient
    ) async throws(OAuthError) -> RotationMachine.Event {
        switch step {
        case .look: return .saw(try await look(&course))
        case .wait:
            guard time.elapsed() < course.waitsUntil else {
                course.failure = OAuthError(
                    .vault(.busy), "another process is refreshing \(account.displayName)", remedy: "run the command again")
                return .patienceIsOver
            }
            await time.sleep(RefreshFlight.waitPause)
            // The flight itself begins when the waiting is over.
            course.deadline = time.elapsed() + RefreshFlight.patience
            return .saw(try await look(&course))
        case .commitWaiting:
            return await attempt(&course) { course throws(VaultError) in
                if let waiting = course.waiting { try await recovery.commit(waiting.bundle) }
                logger.notice("a refresh that was interrupted was completed", metadata: ["account": "\(account.id)"])
            }
        case .intend(let attempt): return await intend(attempt, &course, lock, client)
        case .send, .sendAgain:
            if step == .sendAgain {
                await time.sleep(course.pause)
                course.pause = course.pause * 2
            }
            return await send(&course, lock)
        case .compare:
            let stored = try await onVault { () async throws(VaultError) in try await open.bundle(account.id) }
            guard let stored else { throw OAuthError.secretMissing(account) }
            return recovery.fingerprint(stored) == course.intent?.fingerprint ? .tokenIsSame : .tokenChanged
        case .record:
            return await attempt(&course) { course throws(VaultError) in
                if let next = course.next, let intent = course.intent { try open.journal.write(next.bundle, for: intent) }
            }
        case .commit:
            return await attempt(&course) { course throws(VaultError) in
                if let next = course.next { try await recovery.commit(next.bundle) }
            }
        case .hold: return await hold(course)
        case .clear: return await attempt(&course, keepingFailure: true) { _ throws(VaultError) in try open.journal.clear(account.id) }
        case .rememberRefusal:
            let reason = course.refusal
            let fingerprint = course.intent?.fingerprint ?? course.stored.flatMap { recovery.fingerprint($0.bundle) } ?? ""
            return await attempt(&course) { _ throws(VaultError) in try await remember(refusal: reason, fingerprint) }
        case .release:
            return await attempt(&course, keepingFailure: true) { course throws(VaultError) in
                if let intent = course.intent { try open.journal.release(intent, account.id) }
            }
        case .postpone:
            return await attempt(&course, keepingFailure: true) { course throws(VaultError) in
                try await postpone(course.retryAfter, isRateLimited: course.failure?.code == .rateLimited)
            }
        case .end: return .failed
        }
    }

    /// Runs a step that either happens or does not.
    private func attempt(
        _ course: inout RefreshCourse, keepingFailure: Bool = false, _ body: (RefreshCourse) async throws(VaultError) -> Void
    ) async -> RotationMachine.Event {
        do throws(VaultError) {
            try await body(course)
            return .done
        } catch {
            if !keepingFailure || course.failure == nil { course.failure = OAuthError(error) }
            logger.warning("a step of the refresh failed", metadata: ["account": "\(account.id)", "reason": "\(error.message)"])
            return .failed
        }
    }

    var recovery: JournalRecovery { JournalRecovery(open: open, time: time, logger: logger) }
}
