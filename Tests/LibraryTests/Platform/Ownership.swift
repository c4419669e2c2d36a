import Platform
import Testing

/// There was nothing where a test needs something.
struct NothingThere: Error {
    let place: SourceLocation
}

/// `#require` for values that cannot be copied, which the macros do not take.
func unwrap<Value: ~Copyable>(_ value: consuming Value?, _ place: SourceLocation = #_sourceLocation) throws -> Value {
    guard let value else { throw NothingThere(place: place) }
    return value
}

/// The bytes of a secret that may be missing.
func copy(optional secret: consuming SecretBytes?) -> [UInt8]? {
    guard let secret else { return nil }
    return copy(secret)
}

/// The bytes of a secret that somebody else goes on holding.
func copy(of secret: borrowing SecretBytes) -> [UInt8] { secret.withBytes { span in span.indices.map { span[$0] } } }

func copy(ofOptional secret: borrowing SecretBytes?) -> [UInt8]? {
    switch secret {
    case .some(let secret): copy(of: secret)
    case .none: nil
    }
}
