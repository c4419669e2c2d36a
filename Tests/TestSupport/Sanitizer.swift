import Platform

/// What the programs and the tests were built with by `scripts/sanitize`.
package enum Sanitizer: String {
    case address, thread

    package static let chosen = ProcessEnvironment.current()["AUA_SANITIZER"].flatMap { Sanitizer(rawValue: $0) }

    /// For what cannot be measured in such a program; each test that asks for it stands in docs/testing.md with its reason.
    package static var isOff: Bool { chosen == nil }

    /// Such a program is some times slower.
    package static var slowness: Int {
        switch chosen {
        case nil: 1
        case .address: 3
        case .thread: 6
        }
    }
}
