import Platform

/// What was put into the programs and the tests when they were built: by `scripts/sanitize`, or by `scripts/coverage`.
package enum Instrumentation: String {
    case address, thread, coverage

    package static let chosen = ProcessEnvironment.current()["AUA_INSTRUMENTATION"].flatMap { Instrumentation(rawValue: $0) }

    /// No sanitizer: for what cannot be measured under one. Each test that asks for it stands in docs/testing.md with its reason.
    package static var isOff: Bool { chosen == nil || chosen == .coverage }

    /// As it is installed: for what even a file of counters changes.
    package static var isNone: Bool { chosen == nil }

    /// Such a program is some times slower.
    package static var slowness: Int {
        switch chosen {
        case nil: 1
        case .coverage: 2
        case .address: 3
        case .thread: 6
        }
    }
}
