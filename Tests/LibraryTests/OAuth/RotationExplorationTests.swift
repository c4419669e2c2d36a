import Foundation
import Testing

@testable import OAuth

@Suite("Every history of a rotation, within bounds")
struct RotationExplorationTests {
    @Test(
        "Two processes, crashes, power losses, lost answers and disk faults in any order break no promise",
        arguments: RotationWorld.Grace.allCases, [true, false])
    func everything(_ grace: RotationWorld.Grace, _ isAlive: Bool) throws {
        var seen: Set<RotationWorld> = []
        var first = RotationWorld(grace: grace, isAlive: isAlive)
        if ProcessInfo.processInfo.environment["AUA_SOAK"] != nil { first.budget = .large }
        var frontier = [first]
        var quiet = 0
        var windows = 0
        while let world = frontier.popLast() {
            guard seen.insert(world).inserted else { continue }
            try world.check()
            if world.processes.allSatisfy({ $0 == nil }) { quiet += 1 }
            if world.windowWasHit { windows += 1 }
            frontier += try world.successors()
        }
        print("explored grace=\(grace) alive=\(isAlive): \(seen.count) states, \(quiet) at rest, \(windows) behind the unavoidable window")
        #expect(seen.count > 10_000)
    }
}
