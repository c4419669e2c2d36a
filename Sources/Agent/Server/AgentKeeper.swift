import Logging
import OAuth
import Platform
import Providers
import Vault

/// What the agent does by itself: renews tokens ahead of their end, asks for usage by the plan, commits what a crash left in the
/// journal, locks by the clock, writes what the audit log counted.
///
/// It sleeps until the next of these is due and never for longer than a minute, by the clock that goes on in suspend: whatever
/// the wall clock, the network or the machine did meanwhile is seen within a minute of being awake, and nothing spins.
package struct AgentKeeper: Sendable {
    static let longestSleep = Duration.seconds(60)
    private static let shortestSleep = Duration.seconds(1)
    private static let renewalsAtOnce = 8

    private let core: AgentCore

    package init(_ core: AgentCore) { self.core = core }

    /// Looks whether to lock where a turn does so every minute anyway.
    private static let lockSleep = Duration.seconds(600)

    /// Until the task is cancelled.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { while !Task.isCancelled { await core.time.sleep(await turn()) } }
            // Apart: a renewal may wait for a server for a minute, a lock for nobody.
            group.addTask {
                while !Task.isCancelled {
                    let untilLock = await core.lockInTime() ?? AgentKeeper.lockSleep
                    await core.time.sleep(max(AgentKeeper.shortestSleep, min(untilLock, AgentKeeper.lockSleep)))
                }
            }
        }
    }

    /// Does what is due.
    ///
    /// - Returns: how long there is nothing to do.
    func turn() async -> Duration {
        core.audit.sweep()
        let untilLock = await core.lockInTime()
        let untilRenewal = await core.renewWhatIsDue(atOnce: AgentKeeper.renewalsAtOnce)
        let untilPoll = await core.pollUsage()
        let next = [untilLock, untilRenewal, untilPoll, AgentKeeper.longestSleep].compactMap { $0 }.min() ?? AgentKeeper.longestSleep
        return max(next, AgentKeeper.shortestSleep)
    }
}

extension AgentCore {
    /// Renews every token that is about to end, several at once.
    ///
    /// - Returns: how long none is due; nil where none is planned.
    func renewWhatIsDue(atOnce: Int) async -> Duration? {
        guard lockedBecause == nil else { return nil }
        let service = current()
        let own: [AccountRecord]
        do throws(OAuthError) {
            own = try service.metadata().showingPending(paths).accounts.filter {
                $0.owner == .vault && $0.authType == .oauth && $0.status != .needsLogin
            }
        } catch {
            logger.debug("auth.json could not be read", metadata: ["reason": "\(error.message)"])
            return nil
        }
        plan.retain(own)
        let now = time.now()
        // What waits in the journal is committed by asking for its token.
        let due = own.filter { plan.isDue($0, at: now) || $0.status == .pendingCommit }
        await withTaskGroup(of: Void.self) { group in
            for (index, account) in due.enumerated() {
                if index >= atOnce { await group.next() }
                group.addTask { await self.renew(account, service) }
            }
        }
        // The first request loads libcurl and what it needs; half a day of waiting needs none of it.
        if !due.isEmpty { OwnProcess.releaseCode() }
        return plan.next.map { .seconds(max(0, $0 - time.now())) }
    }

    /// Asks for the usage of the accounts that are due by the plan that all processes share, and tells who watches.
    ///
    /// - Returns: how long none is due; nil where none can be asked.
    func pollUsage() async -> Duration? {
        guard lockedBecause == nil, !isEnding else { return nil }
        let service = current()
        guard let accounts = try? service.metadata().accounts.filter({ $0.status != .needsLogin }) else { return nil }
        let usage = UsageService(service)
        watchers.publish(await usage.pollDue(accounts).map(\.json))
        return usage.nextPollAt(accounts).map { .seconds(max(0, $0 - time.now())) }
    }

    private func renew(_ account: AccountRecord, _ service: AgentService) async {
        guard !isEnding else { return }
        // A token that is at hand and lives is planned for without being read again.
        if account.status != .pendingCommit, let entry = shelf.entry(account, minimum: RenewalPlan.minimum, now: time.now()) {
            _ = plan.plan(entry.facts, isRefreshable: account.refreshable, at: time.now())
            return
        }
        // Of before: what is locked or forgotten meanwhile is not put back.
        let epoch = shelf.look().epoch
        do throws(OAuthError) {
            let held = try await service.token(account, .live(minimum: RenewalPlan.minimum))
            guard lockedBecause == nil else { return }
            if held.warning == nil {
                if plan.plan(held.facts, isRefreshable: account.refreshable, at: time.now()) {
                    logger.notice("the token is renewed again", metadata: ["account": "\(account.id)"])
                }
                if account.isHandedOut { shelf.keep(held, epoch: epoch) }
            } else {
                note("refresh_failed", held.warning ?? "", of: account)
            }
        } catch { note(ErrorCode.name(error.code), error.message, of: account) }
    }

    /// One warning per change, however often it is tried.
    private func note(_ code: String, _ reason: String, of account: AccountRecord) {
        if plan.failed(account, code: code, at: time.now()) {
            logger.warning("a token could not be renewed", metadata: ["account": "\(account.id)", "reason": "\(reason)"])
        }
    }
}
