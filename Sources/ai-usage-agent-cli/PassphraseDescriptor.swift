import ArgumentParser
import Platform
import Vault

/// A descriptor that a passphrase is to be read from.
///
/// Whether it is open is known when the line is read, and only then: later the number may be a descriptor of our own.
struct PassphraseDescriptor: ExpressibleByArgument, Equatable, Sendable {
    let number: Int32
    private let wasOpen: Bool

    init?(argument: String) {
        guard let number = Int32(argument) else { return nil }
        self.number = number
        wasOpen = Descriptor.isOpen(number)
    }

    var source: PassphraseSource { wasOpen ? .descriptor(number) : .closed(number) }
}
