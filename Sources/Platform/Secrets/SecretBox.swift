import Synchronization

/// Carries a secret, which cannot be copied, through something that needs a copyable value (a continuation, a closure
/// that escapes). It is taken out once; whoever comes second finds nothing.
package final class SecretBox: Sendable {
    private let content: Mutex<SecretBytes?>

    package init(_ secret: consuming SecretBytes?) { content = Mutex(secret) }

    /// The secret; nil for everybody after the first.
    package func take() -> SecretBytes? {
        content.withLock { content in content.take() }
    }
}
