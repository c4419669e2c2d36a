import Foundation
import TestSupport

/// One system call of a refresh, and what is done to it.
struct FaultPoint: Sendable, CustomStringConvertible {
    let gate: FaultGate
    let threads: FaultThreads
    let call: String
    let ordinal: Int
    /// In the flight that was watched undisturbed; the flight that is hit says what it really was.
    let label: String
    /// Whether the undisturbed flight had its request behind it and its RESULT not yet, or just.
    let isNearWindow: Bool

    var description: String { "\(call) \(ordinal) of \(threads.rawValue) after \(gate.rawValue): \(label)" }

    /// What strace is told.
    func options(_ action: String) -> [String] {
        ["-e", "trace=\(call),sendto,pwrite64", "-e", "inject=\(call):\(action):when=\(ordinal)"]
    }

    static let watching = ["-e", "trace=file,desc,network"]
    /// More scenes than fit into `make test`.
    static let isLong = Soak.isOn

    /// Every call of an undisturbed flight that can be told by its name and number.
    ///
    /// At the lock strace counts for each thread: the loading of libcurl, in a thread of its own, shares its low numbers with
    /// calls before it, which are hit in its place; that thread is looked at alone at the answer.
    static func all(_ scene: Scene, _ sides: [(FaultGate, FaultThreads)]) async throws -> [FaultPoint] {
        var points: [FaultPoint] = []
        for (gate, threads) in sides {
            let (outcome, trace) = try await scene.strike(gate, threads, watching)
            guard outcome.status == 0 else { throw Scene.Failed(description: "\(outcome)") }
            var calls = trace.flight
            // Behind the answer the other gate sees more.
            if gate == .lock, let result = calls.firstIndex(where: { $0.text.contains("AUAJ-RESULT") }) { calls = calls[..<result] }
            let request = calls.firstIndex { $0.name == "sendto" }
            let durable = calls.firstIndex { $0.name == "fdatasync" && $0.text.contains("/journal/") }
            var seen: Set<String> = []
            for (index, call) in zip(calls.indices, calls) where seen.insert("\(call.name) \(call.ordinal)").inserted {
                let isNear = gate == .lock ? request.map { index >= $0 } ?? false : durable.map { index <= $0 + 4 } ?? true
                let label = call.text.replacingOccurrences(of: scene.home.path, with: "").prefix(70)
                points.append(
                    FaultPoint(
                        gate: gate, threads: threads, call: call.name, ordinal: call.ordinal, label: String(label), isNearWindow: isNear))
            }
        }
        return points
    }
}

/// Does the same in several scenes at once: a flight mostly waits.
func inLanes<Element: Sendable>(
    _ elements: [Element], _ count: Int = 3, _ body: @escaping @Sendable ([(index: Int, element: Element)]) async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for lane in 0..<min(count, elements.count) {
            let share = elements.enumerated().filter { $0.offset % count == lane }.map { (index: $0.offset, element: $0.element) }
            group.addTask { try await body(share) }
        }
        try await group.waitForAll()
    }
}
