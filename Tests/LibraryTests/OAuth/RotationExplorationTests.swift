import Foundation
import Testing

@testable import OAuth

@Suite("Every history of a rotation, within bounds")
struct RotationExplorationTests {
    private static let isLong = ProcessInfo.processInfo.environment["AUA_SOAK"] != nil
    private static let budgets: [RotationWorld.Budget] = [.crashing, .failing] + (isLong ? [.large] : [])

    @Test(
        "Two processes, crashes, power losses, lost answers and disk faults in any order break no promise",
        arguments: RotationWorld.Grace.allCases, budgets)
    func everything(_ grace: RotationWorld.Grace, _ budget: RotationWorld.Budget) throws {
        var seen: Set<RotationWorld> = []
        var frontier = [true, false].map { RotationWorld(grace: grace, isAlive: $0, budget: budget) }
        var resting = 0
        var windows = 0
        while let world = frontier.popLast() {
            guard seen.insert(world).inserted else { continue }
            try world.check()
            if world.processes.allSatisfy({ $0 == nil }) { resting += 1 }
            if world.windowWasHit { windows += 1 }
            frontier += try world.successors()
        }
        print("explored: grace \(grace), \(seen.count) states, \(resting) at rest, \(windows) behind the unavoidable window")
        #expect(seen.count > 10_000)
    }
}
