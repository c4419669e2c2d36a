package import Synchronization

/// A value behind a lock that closures may capture (a bare `Mutex` cannot be).
///
/// Inlined, because a generic of another module costs a search for its type at every use, and the agent uses it for every token.
package final class Guarded<Value: Sendable>: Sendable {
    @usableFromInline let mutex: Mutex<Value>

    package init(_ value: Value) { mutex = Mutex(value) }

    /// Looks and changes; the body must not wait and must not come back here.
    @inlinable package func withLock<R>(_ body: (inout Value) -> R) -> R {
        mutex.withLock { value in
            var copy = value
            defer { value = copy }
            return body(&copy)
        }
    }

    /// The same in place: a collection within is changed where it stands.
    @inlinable package func change<R: Sendable>(_ body: (inout Value) -> R) -> R { mutex.withLock { body(&$0) } }

    /// Looks without changing.
    @inlinable package func peek<R: Sendable>(_ body: (Value) -> R) -> R { mutex.withLock { body($0) } }
}
