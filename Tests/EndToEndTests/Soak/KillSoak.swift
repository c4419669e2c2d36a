import Glibc
import Platform
import TestSupport
import Testing

/// One account that is refreshed and killed, again and again, while others are in the same vault.
struct KillSoak {
    let scene: Scene
    let person: String
    let plan: Plan
    /// Whether the server answers a spent token again for a while.
    let hasGrace: Bool

    struct Plan: Sendable {
        let refreshes: Int
        let kills: Int
    }

    /// What one kill was found to have left.
    private struct Kill {
        let hit: Bool
        let journal: JournalFile
        /// The server rotated for the killed process, and no whole RESULT is there.
        let isInWindow: Bool
    }

    private var email: String { person + "@example.org" }

    /// Kills and refreshes until both numbers are reached.
    func run(seed: UInt64) async throws -> SoakTally {
        var tally = SoakTally()
        var random = SeededNumbers(seed)
        var pace = SoakPace()
        for _ in 0..<5 { pace.note(try await refresh(&tally).length) }
        let id = try await accountId()
        var known = scene.home.journal(of: id).nonce
        while tally.kills < plan.kills || tally.grants < plan.refreshes {
            guard tally.unexplained < 3 else { break }
            var wasInWindow = false
            if tally.kills < plan.kills {
                // Now and then the recovery is killed as well.
                repeat {
                    let kill = try await kill(id, after: .microseconds(random.next(below: pace.microseconds)), &tally)
                    tally.note(kill.hit, kill.journal.content)
                    if kill.journal.content == .intent, kill.journal.nonce != known {
                        tally.unknown += 1
                        known = kill.journal.nonce
                    }
                    if kill.isInWindow {
                        tally.windows += 1
                        wasInWindow = true
                    }
                    if kill.journal.content == .result, random.next(below: 2) == 0 { try await completeWithoutRequest(&tally) }
                } while random.next(below: 5) == 0
            }
            let outcome = try await refresh(&tally)
            if outcome.status == 0 {
                pace.note(outcome.length)
                tally.recoveries.note(outcome.length)
                try await compareTokens(&tally)
            } else {
                tally.lost += 1
                let isExplained = outcome.status == 3 && wasInWindow && !hasGrace
                if !isExplained { tally.unexplained += 1 }
                #expect(isExplained, "\(person): lost without need: \(outcome.text)")
                try await scene.login("codex", as: person)
            }
        }
        tally.pace = pace.microseconds
        // Nothing of all this is left.
        #expect(try await refresh(&tally).status == 0)
        #expect(scene.home.journal(of: id).content == .empty)
        return tally
    }

    private func accountId() async throws -> String {
        let accounts = try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
        return try #require(accounts.first { $0["email"].string == email }?["id"].string)
    }

    private struct Refresh {
        let status: Int32?
        let length: Duration
        let text: String
    }

    /// A refresh that nobody kills.
    private func refresh(_ tally: inout SoakTally) async throws -> Refresh {
        let before = try await scene.provider.family(of: email)
        let begin = TimeSource.system.elapsed()
        let outcome = await (try scene.start(["auth", "refresh", "codex", "--account", email])).finish()
        let length = TimeSource.system.elapsed() - begin
        let after = try await scene.provider.family(of: email)
        tally.refreshes += 1
        tally.grants += after.rotations + after.replays - before.rotations - before.replays
        #expect(after.requests - before.requests <= 1, "one process, one POST")
        return Refresh(status: outcome.status, length: length, text: "\(outcome)")
    }

    private func kill(_ id: String, after delay: Duration, _ tally: inout SoakTally) async throws -> Kill {
        let before = try await scene.provider.family(of: email)
        let child = try scene.start(["auth", "refresh", "codex", "--account", email])
        _ = await child.end(within: delay)
        child.signal(SIGKILL)
        let hit = await child.finish().ending == .signalled(SIGKILL)
        // The process is gone: what is on the disk now is all there is.
        let journal = scene.home.journal(of: id)
        let after = try await scene.provider.family(of: email)
        tally.refreshes += 1
        tally.grants += after.rotations + after.replays - before.rotations - before.replays
        #expect(after.requests - before.requests <= 1, "one process, one POST")
        return Kill(hit: hit, journal: journal, isInWindow: journal.content == .intent && after.rotations > before.rotations)
    }

    /// A RESULT that waits is handed out and committed by `token` alone.
    private func completeWithoutRequest(_ tally: inout SoakTally) async throws {
        let before = try await scene.provider.family(of: email)
        try await compareTokens(&tally)
        let after = try await scene.provider.family(of: email)
        #expect(after.requests == before.requests, "committed from the journal")
        tally.completed += 1
    }

    /// What is handed out is the server's latest.
    private func compareTokens(_ tally: inout SoakTally) async throws {
        let outcome = await (try scene.start(["token", "codex", "--account", email])).finish()
        let latest = try await scene.provider.family(of: email).latestAccess
        if outcome.status != 0 || outcome.text != latest { tally.unexplained += 1 }
        #expect(outcome.status == 0 && outcome.text == latest, "\(person): not the latest token: \(outcome.ending) \(outcome.errorText)")
    }
}
