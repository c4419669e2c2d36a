/// One refresh of one account as a machine: it is told what was found and what happened, and says what to do next.
///
/// It knows no clock, no file and no socket, so that the exploration of all its histories (crashes, lost answers, two
/// processes) runs the code that ships. `RefreshFlight` does what it says. The promise is in the order: nothing is sent
/// before it is written down that it will be; nothing is handed out before it is durable; the secret is committed before the
/// metadata; and only an answer of the server ever ends a login.
package struct RotationMachine: Sendable, Hashable {
    /// What is to be done next; each step is answered by one event.
    package enum Step: Sendable, Hashable {
        /// Read bundle and journal.
        case look
        /// Put the result that waits in the journal into the store (R1).
        case commitWaiting
        /// Somebody else is in a flight: wait a moment and look again.
        case wait
        /// Make it durable that the token is about to be sent, and for which time.
        case intend(attempt: Int)
        /// Send the refresh token.
        case send
        /// It never left this machine: wait a moment and send it.
        case sendAgain
        /// Look whether the store still has the token that was refused (R5).
        case compare
        /// Make the new bundle durable in the journal.
        case record
        /// Put the new bundle into the store, read it back, then write the metadata.
        case commit
        /// Neither journal nor store took the new bundle: wait a moment and try again (R9).
        case hold
        /// Forget the journal's record.
        case clear
        /// Remember that this very token was refused for good.
        case rememberRefusal
        /// Leave the record of intent for the next flight: nobody knows what became of the token.
        case release
        /// Keep automatic refreshes away for a while.
        case postpone
        case end(Ending)
    }

    /// What came of a step.
    package enum Event: Sendable, Hashable {
        case begin
        case saw(Sight)
        case done
        case failed
        case granted(isStranger: Bool)
        case refused
        case clientRefused
        /// A whole answer that changes nothing.
        case transient
        /// Sent, and no usable answer.
        case unknown
        case notSent(mayRetry: Bool)
        /// The lock is not ours any more; nothing was sent.
        case lockLost
        case tokenIsSame
        case tokenChanged
        case patienceIsOver
    }

    /// What the caller gets.
    package enum Ending: Sendable, Hashable {
        /// The bundle in the store.
        case stored
        /// The new bundle.
        case rotated
        /// The bundle in the journal, which could not be committed (R2).
        case waiting
        case failure(Failure)
    }

    /// Why there is no new bundle.
    package enum Failure: Sendable, Hashable {
        /// The store looks restored or copied: its token is not spent.
        case suspicious
        /// The journal's result belongs to a newer store than the one that is here.
        case journalDoesNotFit
        /// The server granted no refresh token.
        case notRefreshable
        /// Refused for good, now or earlier.
        case refused
        /// Answered with the tokens of somebody else.
        case stranger
        /// A back-off is running; only the demand for a new token goes past it.
        case postponed
        /// Sent once by somebody who never wrote down an answer; the access token is used up first (R3).
        case unresolved
        case busy
        /// Something failed before the token was sent.
        case preflight
        case notSent
        case clientRefused
        case transient
        case unknown
        /// The new bundle exists in memory alone.
        case writtenNowhere
    }

    /// What the caller asked for.
    package enum Demand: Sendable, Hashable {
        case live
        /// A new token, whatever the old one is worth.
        case new
    }

    /// What `look` found, as far as it decides anything.
    package struct Sight: Sendable, Hashable {
        package var journal = Journal.empty
        /// The stored bundle is what the caller asked for.
        package var isAnswered = false
        /// The stored access token has not ended.
        package var isAlive = false
        /// Looks restored or copied: its token is not spent.
        package var isSuspicious = false
        /// There is a refresh token.
        package var isRefreshable = true
        /// This very token, for good.
        package var wasRefused = false
        /// A back-off is running.
        package var isPostponed = false

        package init() {}
    }

    /// What the journal holds, judged against the stored bundle.
    package enum Journal: Sendable, Hashable {
        case empty
        /// One generation ahead and paid with the stored token; or in the store already, with the metadata behind.
        case result
        /// Overtaken by the store.
        case stale
        /// Of a store that is not here.
        case unfitting
        /// Tokens of somebody else, paid with the stored token.
        case aside
        /// The stored token was about to be sent.
        case intent(attempt: Int, isYoung: Bool, holderLives: Bool)
    }

    private enum Phase: Sendable, Hashable {
        case new, looking, committingWaiting, clearingWaiting, waiting, intending, sending, comparing
        case recording(isLast: Bool)
        case committing(isDurable: Bool)
        case holding
        case recordingAside
        case remembering(Failure)
        /// The record is cleared or released.
        case settling(Ending)
        case settlingThenPostponing(Failure)
        case postponing(Failure)
        case ended
    }

    private let demand: Demand
    private var phase = Phase.new
    /// How often the refused token was found to have been replaced: twice would be no accident.
    private var replacements = 0
    private var clearFailed = false
    private var attempt = 0

    package init(_ demand: Demand) { self.demand = demand }

    /// A step that follows no event of the present phase would be a fault of the driver; the flight ends then.
    package mutating func next(_ event: Event) -> Step {
        switch (phase, event) {
        case (.new, .begin), (.clearingWaiting, .done): return go(.looking, .look)
        case (.clearingWaiting, .failed):
            clearFailed = true
            return go(.looking, .look)
        case (.looking, .saw(let sight)), (.waiting, .saw(let sight)): return judge(sight)
        case (.waiting, .patienceIsOver): return end(.failure(.busy))

        case (.committingWaiting, .done): return go(.clearingWaiting, .clear)
        case (.committingWaiting, .failed): return end(.waiting)

        case (.intending, .done): return go(.sending, .send)
        case (.intending, .failed): return end(.failure(.preflight))
        case (.intending, .lockLost), (.sending, .lockLost): return end(.failure(.busy))

        case (.sending, .notSent(mayRetry: true)): return .sendAgain
        case (.sending, .notSent(mayRetry: false)): return go(.settling(.failure(.notSent)), settle)
        case (.sending, .clientRefused): return go(.settling(.failure(.clientRefused)), settle)
        case (.sending, .transient): return go(.settlingThenPostponing(.transient), settle)
        case (.sending, .unknown): return go(.settlingThenPostponing(.unknown), .release)
        case (.sending, .refused): return go(.comparing, .compare)
        case (.sending, .granted(isStranger: false)): return go(.recording(isLast: false), .record)
        case (.sending, .granted(isStranger: true)): return go(.recordingAside, .record)

        case (.comparing, .tokenIsSame): return go(.remembering(.refused), .rememberRefusal)
        case (.comparing, .tokenChanged):
            replacements += 1
            return replacements > 1 ? go(.settling(.failure(.refused)), .clear) : go(.clearingWaiting, .clear)

        case (.recording, .done): return go(.committing(isDurable: true), .commit)
        case (.recording(isLast: false), .failed): return go(.recording(isLast: true), .record)
        case (.recording(isLast: true), .failed): return go(.committing(isDurable: false), .commit)
        case (.committing, .done): return go(.settling(.rotated), .clear)
        case (.committing(isDurable: true), .failed): return end(.waiting)
        case (.committing(isDurable: false), .failed): return go(.holding, .hold)
        case (.holding, .done): return go(.recording(isLast: true), .record)
        case (.holding, .patienceIsOver): return end(.failure(.writtenNowhere))

        // Kept aside for a person, in the journal if that takes it; the record stays.
        case (.recordingAside, .done), (.recordingAside, .failed): return go(.remembering(.stranger), .rememberRefusal)
        case (.remembering(.refused), .done): return go(.settling(.failure(.refused)), .clear)
        case (.remembering(let failure), .done), (.remembering(let failure), .failed): return end(.failure(failure))

        // A record that could not be cleared is found to be stale (R1), or its token is sent once more (R3).
        case (.settling(let ending), .done), (.settling(let ending), .failed): return end(ending)
        case (.settlingThenPostponing(let failure), .done), (.settlingThenPostponing(let failure), .failed):
            return go(.postponing(failure), .postpone)
        case (.postponing(let failure), .done), (.postponing(let failure), .failed): return end(.failure(failure))

        default:
            assertionFailure("\(event) in \(phase)")
            return end(.failure(.unknown))
        }
    }

    private mutating func judge(_ sight: Sight) -> Step {
        // What could not be cleared was dealt with already: looking at it again would be for ever.
        let journal = clearFailed ? .empty : sight.journal
        switch journal {
        case .result: return go(.committingWaiting, .commitWaiting)
        case .stale: return go(.clearingWaiting, .clear)
        case .unfitting: return end(.failure(.journalDoesNotFit))
        case .aside: return sight.wasRefused ? end(.failure(.refused)) : go(.remembering(.stranger), .rememberRefusal)
        case .empty, .intent: break
        }
        if sight.isSuspicious { return end(.failure(.suspicious)) }
        // A server's grace is a matter of seconds, also where the access token could still serve: after it the login is over.
        if case .intent(attempt: 1, isYoung: true, holderLives: false) = journal, sight.isRefreshable, !sight.wasRefused {
            return intend(attempt: 2)
        }
        if sight.isAnswered { return end(.stored) }
        if !sight.isRefreshable { return end(.failure(.notRefreshable)) }
        if sight.wasRefused { return end(.failure(.refused)) }
        guard case .intent(let attempt, let isYoung, let holderLives) = journal else {
            if sight.isPostponed { return end(.failure(.postponed)) }
            return intend(attempt: 1)
        }
        if holderLives { return go(.waiting, .wait) }
        // Later, what the access token is still good for is taken first: the next try may end the login.
        let isFirstRepeat = attempt == 1
        if !isYoung, sight.isAlive, demand == .live { return end(.failure(.unresolved)) }
        if sight.isPostponed, !isFirstRepeat { return end(.failure(.postponed)) }
        return intend(attempt: attempt + 1)
    }

    private mutating func intend(attempt: Int) -> Step {
        self.attempt = attempt
        return go(.intending, .intend(attempt: attempt))
    }

    /// What is done with the record when this sending changed nothing: an earlier one may have.
    private var settle: Step { attempt > 1 ? .release : .clear }

    private mutating func go(_ phase: Phase, _ step: Step) -> Step {
        self.phase = phase
        return step
    }

    private mutating func end(_ ending: Ending) -> Step { go(.ended, .end(ending)) }
}
