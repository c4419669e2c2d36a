@testable import OAuth

/// A model of disk, server and two processes around the rotation machine that ships, small enough to try everything.
///
/// Tokens are numbers: the login's is 1, each rotation makes the next. A token of the model stands for the whole bundle.
struct RotationWorld: Hashable {
    enum Record: Hashable {
        case empty
        case intent(token: Int, attempt: Int)
        case result(token: Int, paidWith: Int)
    }

    struct Running: Hashable {
        var machine: RotationMachine
        var step: RotationMachine.Step
        /// The token that was read from the store, and the one that the server gave.
        var stored = 0
        var next: Int?
        var holdsLock = false
    }

    enum Grace: Hashable, CaseIterable {
        case none
        /// The token before the current one is answered with the current one until the time is over (any moment).
        case seconds
        /// The same until the current one is used.
        case untilUse
    }

    /// What may still go wrong, so that the number of histories is finite.
    struct Budget: Hashable {
        var starts = 3
        var crashes = 2
        var powerLosses = 1
        var lostAnswers = 1
        var diskFaults = 1
        var badAnswers = 1

        static let crashing = Budget()
        /// A disk that fails more often than anything tries again.
        static let failing = Budget(crashes: 1, powerLosses: 0, diskFaults: 4, badAnswers: 0)
        /// Everything once or twice more, for `make soak`.
        static let large = Budget(starts: 5, lostAnswers: 2, diskFaults: 2)
    }

    let grace: Grace
    /// Whether the stored access token of the login lives; a rotated one always does.
    let isAlive: Bool
    var budget = Budget()

    // The disk.
    var stored = 1
    var metadata = 1
    var record = Record.empty
    /// What the record may become again when the power fails: clearing it is not synced.
    var recordBeforeClear: Record?
    var refused: Int?
    var isPostponed = false

    // The server.
    var current = 1
    var graceIsOver = false
    var isRevoked = false

    // History that the promises are about.
    var posts: [Int: Int] = [:]
    var unknownOutcomes: [Int: Int] = [:]
    /// Whole answers that changed nothing: after them the same token may be sent again.
    var uselessAnswers: [Int: Int] = [:]
    /// The server had rotated, and nothing on the disk said so: the window that cannot be closed.
    var windowWasHit = false

    var processes: [Running?] = [nil, nil]

    /// The token that a login can go on with.
    var best: Int {
        if case .result(let token, let paidWith) = record, paidWith == stored { return token }
        return stored
    }
}

/// A promise that a history has broken.
struct BrokenPromise: Error, CustomStringConvertible {
    let description: String
}

// MARK: - What can happen next

extension RotationWorld {
    /// Every world that one event leads to.
    func successors() throws -> [RotationWorld] {
        var worlds: [RotationWorld] = []
        for index in processes.indices {
            if let running = processes[index] {
                if running.holdsLock {
                    worlds += try advance(index, running)
                } else if !processes.contains(where: { $0?.holdsLock == true }) {
                    worlds.append(changed { $0.processes[index]?.holdsLock = true })
                }
                if budget.crashes > 0 { worlds.append(killed(index, running)) }
            } else if budget.starts > 0, index == processes.firstIndex(of: nil) {
                for demand in [RotationMachine.Demand.live, .new] {
                    worlds.append(
                        changed { world in
                            world.budget.starts -= 1
                            var machine = RotationMachine(demand)
                            let step = machine.next(.begin)
                            world.processes[index] = Running(machine: machine, step: step)
                        })
                }
            }
        }
        if budget.powerLosses > 0 { worlds.append(powerLoss()) }
        if grace == .seconds, !graceIsOver { worlds.append(changed { $0.graceIsOver = true }) }
        if isPostponed { worlds.append(changed { $0.isPostponed = false }) }
        return worlds
    }

    private func changed(_ change: (inout RotationWorld) -> Void) -> RotationWorld {
        var world = self
        change(&world)
        return world
    }

    /// The process dies where it stands; the kernel frees its lock.
    private func killed(_ index: Int, _ running: Running) -> RotationWorld {
        changed { world in
            world.budget.crashes -= 1
            world.forget(running)
            world.processes[index] = nil
        }
    }

    private func powerLoss() -> RotationWorld {
        changed { world in
            world.budget.powerLosses -= 1
            for index in world.processes.indices {
                if let running = world.processes[index] { world.forget(running) }
                world.processes[index] = nil
            }
            if let before = world.recordBeforeClear { world.record = before }
            world.recordBeforeClear = nil
        }
    }

    /// What dies with a process: a token that only it had, and the knowledge of what became of a request.
    private mutating func forget(_ running: Running) {
        guard running.holdsLock else { return }
        if case .intent(let token, _) = record { unknownOutcomes[token, default: 0] += 1 }
        if let next = running.next, best != next, stored != next { windowWasHit = true }
    }

    private func advance(_ index: Int, _ running: Running) throws -> [RotationWorld] {
        switch running.step {
        case .look:
            return [true, false].map { isYoung in
                var after = running
                after.stored = stored
                return told(index, after, .saw(sight(isYoung: isYoung)))
            }
        case .wait: return [told(index, running, .patienceIsOver)]
        case .commitWaiting:
            guard case .result(let token, _) = record else { throw BrokenPromise(description: "a result that is not there is committed") }
            return store(index, running, token)
        case .intend(let attempt):
            let token = running.stored
            // Whoever sends a token again knows that it is again: the server may have seen it.
            if attempt < 1 + posts[token, default: 0] - uselessAnswers[token, default: 0] {
                throw BrokenPromise(description: "token \(token) was sent before, and attempt \(attempt) does not know")
            }
            let record = Record.intent(token: token, attempt: attempt)
            return onDisk(index, running) { world in
                world.record = record
                world.recordBeforeClear = nil
            }
        case .send, .sendAgain: return try send(index, running)
        case .compare: return [told(index, running, stored == running.stored ? .tokenIsSame : .tokenChanged)]
        case .record:
            guard let next = running.next else { throw BrokenPromise(description: "a result without an answer") }
            return onDisk(index, running) { world in
                world.record = .result(token: next, paidWith: running.stored)
                world.recordBeforeClear = nil
            }
        case .commit:
            guard let next = running.next else { throw BrokenPromise(description: "a commit without an answer") }
            return store(index, running, next)
        case .hold: return [told(index, running, .done), told(index, running, .patienceIsOver)]
        case .clear:
            let before = record
            return onDisk(index, running) { world in
                world.recordBeforeClear = before
                world.record = .empty
            }
        case .rememberRefusal:
            var worlds = onDisk(index, running) { $0.refused = running.stored }
            // What could not be written down is not known to the next one, who may send the dead token again.
            for position in worlds.indices where worlds[position].refused != running.stored {
                worlds[position].uselessAnswers[running.stored, default: 0] += 1
            }
            return worlds
        case .release: return onDisk(index, running) { _ in }
        case .postpone: return onDisk(index, running) { $0.isPostponed = true }
        case .end(let ending): return [try ended(index, running, ending)]
        }
    }

    private func sight(isYoung: Bool) -> RotationMachine.Sight {
        var sight = RotationMachine.Sight()
        switch record {
        case .empty: break
        case .intent(let token, let attempt):
            if token == stored { sight.journal = .intent(attempt: attempt, isYoung: isYoung, holderLives: false) }
        case .result(let token, let paidWith):
            sight.journal = paidWith == stored || token == stored ? .result : token < stored ? .stale : .unfitting
        }
        sight.isAnswered = stored > 1
        sight.isAlive = stored > 1 || isAlive
        sight.wasRefused = refused == stored
        sight.isPostponed = isPostponed
        return sight
    }

    /// The process has learnt what became of its step.
    private func told(_ index: Int, _ running: Running, _ event: RotationMachine.Event) -> RotationWorld {
        changed { world in
            var running = running
            running.step = running.machine.next(event)
            world.processes[index] = running
        }
    }

    /// A step on the disk: done, or failed without an effect.
    private func onDisk(_ index: Int, _ running: Running, _ effect: (inout RotationWorld) -> Void) -> [RotationWorld] {
        var worlds = [changed(effect).told(index, running, .done)]
        if budget.diskFaults > 0 {
            worlds.append(changed { $0.budget.diskFaults -= 1 }.told(index, running, .failed))
        }
        return worlds
    }

    /// Secret first, then metadata: it can end between the two.
    private func store(_ index: Int, _ running: Running, _ token: Int) -> [RotationWorld] {
        var worlds = onDisk(index, running) { world in
            world.stored = token
            world.metadata = token
        }
        if budget.diskFaults > 0 {
            worlds.append(
                changed { world in
                    world.budget.diskFaults -= 1
                    world.stored = token
                }.told(index, running, .failed))
        }
        return worlds
    }
}

// MARK: - The server

extension RotationWorld {
    private func send(_ index: Int, _ running: Running) throws -> [RotationWorld] {
        let token = running.stored
        var worlds: [RotationWorld] = []
        // It never left.
        if budget.badAnswers > 0 {
            for mayRetry in [true, false] {
                worlds.append(changed { $0.budget.badAnswers -= 1 }.told(index, running, .notSent(mayRetry: mayRetry)))
            }
        }
        let arrived = changed { $0.posts[token, default: 0] += 1 }
        if arrived.posts[token, default: 0] > 1 + unknownOutcomes[token, default: 0] + uselessAnswers[token, default: 0] {
            throw BrokenPromise(description: "token \(token) was sent \(arrived.posts[token] ?? 0) times")
        }
        if budget.badAnswers > 0 {
            for event in [RotationMachine.Event.transient, .clientRefused] {
                worlds.append(
                    arrived.changed { world in
                        world.budget.badAnswers -= 1
                        world.uselessAnswers[token, default: 0] += 1
                    }.told(index, running, event))
            }
        }
        let answered = arrived.answering(token)
        if let next = answered.next {
            var after = running
            after.next = next
            worlds.append(answered.world.told(index, after, .granted(isStranger: false)))
        } else {
            worlds.append(answered.world.told(index, running, .refused))
        }
        if budget.lostAnswers > 0 {
            worlds.append(
                answered.world.changed { world in
                    world.budget.lostAnswers -= 1
                    world.unknownOutcomes[token, default: 0] += 1
                    if answered.next != nil { world.windowWasHit = true }
                }.told(index, running, .unknown))
            // It never arrived, and nobody can tell.
            worlds.append(
                changed { world in
                    world.budget.lostAnswers -= 1
                    world.unknownOutcomes[token, default: 0] += 1
                }.told(index, running, .unknown))
        }
        return worlds
    }

    /// A strict server: single-use tokens, the family revoked on reuse, with or without grace.
    private func answering(_ token: Int) -> (world: RotationWorld, next: Int?) {
        var world = self
        if isRevoked { return (world, nil) }
        if token == current {
            world.current += 1
            world.graceIsOver = false
            return (world, world.current)
        }
        if token == current - 1, grace == .untilUse || grace == .seconds && !graceIsOver { return (world, current) }
        world.isRevoked = true
        return (world, nil)
    }
}

// MARK: - The promises

extension RotationWorld {
    private func ended(_ index: Int, _ running: Running, _ ending: RotationMachine.Ending) throws -> RotationWorld {
        switch ending {
        case .rotated, .waiting:
            let served: Int
            if let next = running.next {
                served = next
            } else if case .result(let token, _) = record {
                served = token
            } else {
                served = stored
            }
            let isDurable = stored == served || record == .result(token: served, paidWith: running.stored)
            if !isDurable { throw BrokenPromise(description: "token \(served) was handed out before it was durable") }
        case .failure(.refused):
            if !windowWasHit, grace != .none || unknownOutcomes.isEmpty {
                throw BrokenPromise(description: "a login has ended although no answer was lost")
            }
        case .failure(.journalDoesNotFit), .failure(.stranger), .failure(.suspicious):
            throw BrokenPromise(description: "\(ending) in a world without such a thing")
        case .stored, .failure: break
        }
        return changed { world in
            if let next = running.next, world.best != next, world.stored != next {
                // Written nowhere, and said so: as if the answer had been lost.
                world.windowWasHit = true
                world.unknownOutcomes[running.stored, default: 0] += 1
            }
            world.processes[index] = nil
        }
    }

    /// When nobody runs, the disk has the newest token of the server, unless its answer died in the window.
    func check() throws {
        guard processes.allSatisfy({ $0 == nil }), !windowWasHit, !isRevoked else { return }
        if best != current { throw BrokenPromise(description: "the server is at token \(current), the disk at \(best)") }
    }
}
