/// Numbers that are the same in every run (Knuth's MMIX constants).
package struct SeededNumbers: Sendable {
    private var state: UInt64

    package init(_ seed: UInt64) { state = seed }

    package mutating func next(below limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % limit
    }

    /// So many of the elements, in their order, spread evenly; all where there are no more.
    package static func sample<T>(_ elements: [T], _ count: Int) -> [T] {
        guard elements.count > count, count > 1 else { return elements }
        return (0..<count).map { elements[$0 * (elements.count - 1) / (count - 1)] }
    }
}
