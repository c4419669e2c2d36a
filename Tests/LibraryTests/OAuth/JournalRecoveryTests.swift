import Foundation
import Logging
import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("What a record of the journal means for the store beside it")
struct JournalRecoveryTests {
    typealias Verdict = RotationMachine.Journal

    /// A vault with one login of generation 1, and who judges.
    private static func with(_ body: (VaultHouse, AccountRecord, JournalRecovery) async throws -> Void) async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        try await body(house, account, JournalRecovery(open: try await house.vault.open(), time: house.clock.source, logger: logger))
    }

    private static func judge(_ recovery: JournalRecovery, _ account: AccountRecord, _ content: JournalContent) async throws -> Verdict {
        recovery.judge(content, stored: try await stored(recovery, account))
    }

    private static func stored(_ recovery: JournalRecovery, _ account: AccountRecord) async throws -> SecretBundle {
        guard let bundle = try await recovery.open.bundle(account.id) else {
            throw VaultError(.missing, "the account has no bundle", remedy: nil)
        }
        return bundle
    }

    struct Intent: Sendable, CustomTestStringConvertible {
        let name: String
        var generation = 1
        var token = "rt-1"
        var attempt = 1
        /// Nil: none is named.
        var holder: ProcessMark? = ProcessMark(pid: 1, started: 1)
        var boot = ProcessMark.boot
        var age = Duration.zero
        let verdict: Verdict
        var testDescription: String { name }
    }

    /// A process of this machine that surely lives: the parent of the tests.
    static let parent: ProcessMark? = {
        guard let stat = try? String(contentsOfFile: "/proc/\(getppid())/stat", encoding: .utf8), let end = stat.lastIndex(of: ")") else {
            return nil
        }
        return UInt64(stat[end...].split(separator: " ")[20]).map { ProcessMark(pid: getppid(), started: $0) }
    }()

    static let intents: [Intent] = [
        .init(name: "just written", verdict: .intent(attempt: 1, isYoung: true, holderLives: false)),
        .init(
            name: "the last moment of its youth", age: .milliseconds(59_999),
            verdict: .intent(attempt: 1, isYoung: true, holderLives: false)),
        .init(name: "a minute old", age: .seconds(60), verdict: .intent(attempt: 1, isYoung: false, holderLives: false)),
        .init(
            name: "a second ahead: another processor's clock", attempt: 3, age: .seconds(-1),
            verdict: .intent(attempt: 3, isYoung: true, holderLives: false)),
        .init(
            name: "further ahead: not of this boot, whatever it says", age: .milliseconds(-1001),
            verdict: .intent(attempt: 1, isYoung: false, holderLives: false)),
        .init(name: "of another boot", holder: parent, boot: "another", verdict: .intent(attempt: 1, isYoung: false, holderLives: false)),
        .init(name: "of no boot", holder: parent, boot: nil, verdict: .intent(attempt: 1, isYoung: false, holderLives: false)),
        .init(name: "of a flight that has ended", holder: nil, verdict: .intent(attempt: 1, isYoung: true, holderLives: false)),
        .init(
            name: "of this process, which has the lock now", holder: .own, verdict: .intent(attempt: 1, isYoung: true, holderLives: false)),
        .init(name: "of a process that lives", holder: parent, verdict: .intent(attempt: 1, isYoung: true, holderLives: true)),
        .init(
            name: "of a process that lives, at its last moment", holder: parent, age: .milliseconds(29_999),
            verdict: .intent(attempt: 1, isYoung: true, holderLives: true)),
        .init(
            name: "of a process that lives longer than a flight", holder: parent, age: RefreshFlight.patience,
            verdict: .intent(attempt: 1, isYoung: true, holderLives: false)),
        .init(name: "of a token that was replaced", token: "rt-0", verdict: .empty),
        .init(name: "of an earlier bundle with the same refresh token", generation: 0, verdict: .empty),
        .init(name: "of a later bundle with the same refresh token", generation: 2, verdict: .empty),
    ]

    @Test("An intent counts for the bundle that it names, by what has passed since the boot", arguments: intents)
    func intent(_ intent: Intent) async throws {
        try await Self.with { house, account, recovery in
            let written = RotationIntent(
                generation: intent.generation, fingerprint: recovery.open.keys.fingerprint(of: SecretBytes(intent.token)),
                attempt: intent.attempt, holder: intent.holder, boot: intent.boot, writtenAt: house.clock.source.elapsed() - intent.age,
                time: house.clock.now)
            let verdict = try await Self.judge(recovery, account, .intent(written))
            #expect(verdict == intent.verdict)
        }
        #expect(ProcessMark.boot != nil && Self.parent?.isAlive == true, "this machine tells boots and processes apart")
    }

    @Test(
        "A result counts by its generation, its account and the token that it was paid with",
        arguments: [
            (2, "rt-1", "ada", Verdict.result), (2, "rt-0", "ada", .unfitting), (3, "rt-1", "ada", .unfitting), (1, "rt-1", "ada", .stale),
            (1, "rt-0", "ada", .stale), (0, "rt-1", "ada", .stale), (2, "rt-1", "bob", .aside), (1, "rt-1", "bob", .aside),
            (2, "rt-0", "bob", .stale),
        ])
    func result(_ generation: Int, _ spent: String, _ owner: String, _ verdict: Verdict) async throws {
        try await Self.with { house, account, recovery in
            var next = try await Self.stored(recovery, account)
            next.facts.generation = generation
            next.facts.accountKey = owner
            next.accessToken = SecretBytes("at-2")
            next.refreshToken = SecretBytes("rt-2")
            let result = JournalResult(bundle: next, spentFingerprint: recovery.open.keys.fingerprint(of: SecretBytes(spent)))
            let judged = try await Self.judge(recovery, account, .result(result))
            #expect(judged == verdict)
        }
    }

    @Test("A result that the store has already is committed once more: auth.json may be behind")
    func alreadyStored() async throws {
        try await Self.with { house, account, recovery in
            let same = try await Self.stored(recovery, account)
            let judged = try await Self.judge(recovery, account, .result(JournalResult(bundle: same, spentFingerprint: "of rt-0")))
            #expect(judged == .result)
        }
    }

    @Test("No record says nothing")
    func empty() async throws {
        try await Self.with { _, account, recovery in
            let judged = try await Self.judge(recovery, account, .empty)
            #expect(judged == .empty)
        }
    }
}
