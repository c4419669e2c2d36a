import Testing

@testable import OAuth

/// What `RotationExplorationTests` shows to keep the promises is written down here step by step, so that a change of the machine that
/// keeps them, too, is seen all the same.
@Suite("The rotation machine, step by step")
struct RotationMachineTests {
    typealias Event = RotationMachine.Event
    typealias Step = RotationMachine.Step
    typealias Journal = RotationMachine.Journal

    struct History: Sendable, CustomTestStringConvertible {
        let name: String
        var demand = RotationMachine.Demand.live
        let events: [Event]
        /// Behind the first one, which always is to look.
        let steps: [Step]
        var testDescription: String { name }
    }

    static func saw(_ journal: Journal = .empty, _ change: (inout RotationMachine.Sight) -> Void = { _ in }) -> Event {
        var sight = RotationMachine.Sight()
        sight.journal = journal
        change(&sight)
        return .saw(sight)
    }

    private static func intent(_ attempt: Int, isYoung: Bool = false, holderLives: Bool = false) -> Journal {
        .intent(attempt: attempt, isYoung: isYoung, holderLives: holderLives)
    }

    @Test("Each event is answered by its step", arguments: sights + answers + writings)
    func history(_ history: History) {
        var machine = RotationMachine(history.demand)
        #expect(machine.next(.begin) == .look)
        #expect(history.events.map { machine.next($0) } == history.steps)
    }

    // MARK: what was found

    static let sights: [History] = [
        .init(name: "nothing stands in the way", events: [saw()], steps: [.intend(attempt: 1)]),
        .init(name: "the store has what is asked for", events: [saw { $0.isAnswered = true }], steps: [.end(.stored)]),
        .init(
            name: "it was granted no refresh token", events: [saw { $0.isRefreshable = false }], steps: [.end(.failure(.notRefreshable))]),
        .init(name: "it was refused earlier", events: [saw { $0.wasRefused = true }], steps: [.end(.failure(.refused))]),
        .init(name: "it is left alone for a while", events: [saw { $0.isPostponed = true }], steps: [.end(.failure(.postponed))]),
        .init(
            name: "a store that looks restored is suspected before anything else is said of it",
            events: [
                saw(intent(1, isYoung: true)) {
                    $0.isSuspicious = true
                    $0.isAnswered = true
                }
            ], steps: [.end(.failure(.suspicious))]),
        .init(
            name: "the store's own answer comes before a dead login",
            events: [
                saw {
                    $0.isAnswered = true
                    $0.wasRefused = true
                    $0.isRefreshable = false
                }
            ], steps: [.end(.stored)]),
        .init(
            name: "a result is committed, cleared, and then looked at again",
            events: [saw(.result), .done, .done, saw { $0.isAnswered = true }],
            steps: [.commitWaiting, .clear, .look, .end(.stored)]),
        .init(
            name: "a result that cannot be committed is served", events: [saw(.result), .failed], steps: [.commitWaiting, .end(.waiting)]),
        .init(name: "a result comes before suspicion", events: [saw(.result) { $0.isSuspicious = true }], steps: [.commitWaiting]),
        .init(name: "an overtaken result is cleared", events: [saw(.stale), .done, saw()], steps: [.clear, .look, .intend(attempt: 1)]),
        .init(
            name: "what cannot be cleared is not looked at twice", events: [saw(.stale), .failed, saw(.stale)],
            steps: [.clear, .look, .intend(attempt: 1)]),
        .init(
            name: "nor is a result that was committed", events: [saw(.result), .done, .failed, saw(.result) { $0.isAnswered = true }],
            steps: [.commitWaiting, .clear, .look, .end(.stored)]),
        .init(name: "a result of another store", events: [saw(.unfitting)], steps: [.end(.failure(.journalDoesNotFit))]),
        .init(
            name: "tokens of somebody else are remembered", events: [saw(.aside), .done],
            steps: [.rememberRefusal, .end(.failure(.stranger))]),
        .init(
            name: "tokens of somebody else that are remembered already", events: [saw(.aside) { $0.wasRefused = true }],
            steps: [.end(.failure(.refused))]),

        .init(name: "a young intent is tried at once", events: [saw(intent(1, isYoung: true))], steps: [.intend(attempt: 2)]),
        .init(
            name: "also where the stored token could still serve",
            events: [
                saw(intent(1, isYoung: true)) {
                    $0.isAnswered = true
                    $0.isAlive = true
                    $0.isPostponed = true
                }
            ], steps: [.intend(attempt: 2)]),
        .init(
            name: "not with a token that was refused", events: [saw(intent(1, isYoung: true)) { $0.wasRefused = true }],
            steps: [.end(.failure(.refused))]),
        .init(
            name: "nor without a token", events: [saw(intent(1, isYoung: true)) { $0.isRefreshable = false }],
            steps: [.end(.failure(.notRefreshable))]),
        .init(
            name: "a second young intent lets the stored token serve", events: [saw(intent(2, isYoung: true)) { $0.isAnswered = true }],
            steps: [.end(.stored)]),
        .init(name: "a holder that lives is waited for", events: [saw(intent(1, isYoung: true, holderLives: true))], steps: [.wait]),
        .init(
            name: "until it is done",
            events: [saw(intent(1, holderLives: true)), saw(intent(1, holderLives: true)), saw { $0.isAnswered = true }],
            steps: [.wait, .wait, .end(.stored)]),
        .init(
            name: "or the patience is over", events: [saw(intent(1, holderLives: true)), .patienceIsOver],
            steps: [.wait, .end(.failure(.busy))]),
        .init(name: "an old intent of a token that has ended", events: [saw(intent(1))], steps: [.intend(attempt: 2)]),
        .init(
            name: "an old intent of a token that still lives", events: [saw(intent(1)) { $0.isAlive = true }],
            steps: [.end(.failure(.unresolved))]
        ),
        .init(
            name: "a person who asks for a new one gets the next try", demand: .new, events: [saw(intent(1)) { $0.isAlive = true }],
            steps: [.intend(attempt: 2)]),
        .init(
            name: "a third try at once where the second is young", events: [saw(intent(2, isYoung: true)) { $0.isAlive = true }],
            steps: [.intend(attempt: 3)]),
        .init(
            name: "the first repetition waits for no pause", events: [saw(intent(1)) { $0.isPostponed = true }],
            steps: [.intend(attempt: 2)]),
        .init(name: "every further one does", events: [saw(intent(2)) { $0.isPostponed = true }], steps: [.end(.failure(.postponed))]),
        .init(name: "and goes on counting", events: [saw(intent(7))], steps: [.intend(attempt: 8)]),
    ]

    // MARK: what was answered

    private static let sent: [Event] = [saw(), .done]
    private static let asked: [Step] = [.intend(attempt: 1), .send]
    private static let sentAgain: [Event] = [saw(intent(1)), .done]
    private static let askedAgain: [Step] = [.intend(attempt: 2), .send]

    static let answers: [History] = [
        .init(name: "the intent cannot be written", events: [saw(), .failed], steps: [.intend(attempt: 1), .end(.failure(.preflight))]),
        .init(name: "the lock is lost before", events: [saw(), .lockLost], steps: [.intend(attempt: 1), .end(.failure(.busy))]),
        .init(name: "the lock is lost after", events: sent + [.lockLost], steps: asked + [.end(.failure(.busy))]),
        .init(
            name: "it never left, twice, and then is granted",
            events: sent + [.notSent(mayRetry: true), .notSent(mayRetry: true), .granted(isStranger: false)],
            steps: asked + [.sendAgain, .sendAgain, .record]),
        .init(
            name: "it never left", events: sent + [.notSent(mayRetry: false), .done], steps: asked + [.clear, .end(.failure(.notSent))]),
        .init(
            name: "it never left, and an earlier one may have", events: sentAgain + [.notSent(mayRetry: false), .done],
            steps: askedAgain + [.release, .end(.failure(.notSent))]),
        .init(
            name: "the client is refused", events: sent + [.clientRefused, .done], steps: asked + [.clear, .end(.failure(.clientRefused))]),
        .init(
            name: "the client is refused, after an outcome that nobody knows", events: sentAgain + [.clientRefused, .failed],
            steps: askedAgain + [.release, .end(.failure(.clientRefused))]),
        .init(
            name: "a useless answer", events: sent + [.transient, .done, .done],
            steps: asked + [.clear, .postpone, .end(.failure(.transient))]),
        .init(
            name: "a useless answer, after an outcome that nobody knows", events: sentAgain + [.transient, .failed, .failed],
            steps: askedAgain + [.release, .postpone, .end(.failure(.transient))]),
        .init(
            name: "no usable answer", events: sent + [.unknown, .done, .done],
            steps: asked + [.release, .postpone, .end(.failure(.unknown))]),
        .init(
            name: "no usable answer, and nothing can be written", events: sent + [.unknown, .failed, .failed],
            steps: asked + [.release, .postpone, .end(.failure(.unknown))]),
        .init(
            name: "refused", events: sent + [.refused, .tokenIsSame, .done, .done],
            steps: asked + [.compare, .rememberRefusal, .clear, .end(.failure(.refused))]),
        .init(
            name: "refused, and that cannot be remembered: the record stays", events: sent + [.refused, .tokenIsSame, .failed],
            steps: asked + [.compare, .rememberRefusal, .end(.failure(.refused))]),
        .init(
            name: "refused, because somebody else had replaced it",
            events: sent + [.refused, .tokenChanged, .done, saw { $0.isAnswered = true }],
            steps: asked + [.compare, .clear, .look, .end(.stored)]),
        .init(
            name: "refused twice, because it was replaced twice: no accident",
            events: sent + [.refused, .tokenChanged, .done] + sent + [.refused, .tokenChanged, .done],
            steps: asked + [.compare, .clear, .look] + asked + [.compare, .clear, .end(.failure(.refused))]),
        .init(
            name: "tokens of somebody else", events: sent + [.granted(isStranger: true), .done, .done],
            steps: asked + [.record, .rememberRefusal, .end(.failure(.stranger))]),
        .init(
            name: "tokens of somebody else that nothing takes", events: sent + [.granted(isStranger: true), .failed, .failed],
            steps: asked + [.record, .rememberRefusal, .end(.failure(.stranger))]),
    ]

    // MARK: what was written

    private static let granted: [Event] = sent + [.granted(isStranger: false)]
    private static let recorded: [Step] = asked + [.record]

    static let writings: [History] = [
        .init(name: "everything", events: granted + [.done, .done, .done], steps: recorded + [.commit, .clear, .end(.rotated)]),
        .init(
            name: "everything but the clearing", events: granted + [.done, .done, .failed],
            steps: recorded + [.commit, .clear, .end(.rotated)]),
        .init(name: "the journal alone", events: granted + [.done, .failed], steps: recorded + [.commit, .end(.waiting)]),
        .init(
            name: "the journal at the second try", events: granted + [.failed, .done, .failed],
            steps: recorded + [.record, .commit, .end(.waiting)]),
        .init(
            name: "the store alone", events: granted + [.failed, .failed, .done, .done],
            steps: recorded + [.record, .commit, .clear, .end(.rotated)]),
        .init(
            name: "nothing, and then the journal", events: granted + [.failed, .failed, .failed, .done, .done, .failed],
            steps: recorded + [.record, .commit, .hold, .record, .commit, .end(.waiting)]),
        .init(
            name: "nothing, and then the store", events: granted + [.failed, .failed, .failed, .done, .failed, .done, .done],
            steps: recorded + [.record, .commit, .hold, .record, .commit, .clear, .end(.rotated)]),
        .init(
            name: "nothing at all", events: granted + [.failed, .failed, .failed, .done, .failed, .failed, .patienceIsOver],
            steps: recorded + [.record, .commit, .hold, .record, .commit, .hold, .end(.failure(.writtenNowhere))]),
    ]
}
