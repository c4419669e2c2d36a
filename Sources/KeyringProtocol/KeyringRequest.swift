package import Platform

/// What `ai-usage-keyring` is asked on its standard input: one JSON object with a list of operations.
///
/// `{"version":1,"unlock":false,"requests":[{"op":"get","ref":"…"},…]}`. Each operation is answered by one line on
/// standard output (`KeyringReply`), in order, as soon as it is done: a parent sees progress or its absence.
package enum KeyringOperation: String, Sendable {
    /// Is there a service, a default keyring, and is it unlocked?
    case state
    /// Writes, reads, compares and removes an item of its own.
    case canary
    case get, put, delete, list
    /// Reads an item that another program keeps, by the attributes `service` and `username`. Only of `foreignServices`.
    case foreign

    /// Whose items this program may ask for besides its own: a helper that could read every password would be a wider door
    /// than anybody needs.
    package static let foreignServices = ["Codex Auth"]
    /// How the references of test items begin; one that was cut off stays behind.
    package static let canaryPrefix = "canary-"
}

/// Builds the request in protected memory; a `put` carries a secret.
package struct KeyringRequestWriter: ~Copyable {
    /// Of the protocol; a helper of another version refuses.
    package static let version = 1
    private var writer: SecretJSONWriter
    /// Operations so far, and so replies to expect.
    package private(set) var count = 0

    /// - Parameter unlock: may the service ask the person? Only when they asked for it.
    package init(unlock: Bool) {
        writer = SecretJSONWriter(capacity: 16384)
        writer.member("version", .number(JSONNumber(KeyringRequestWriter.version)))
        writer.member("unlock", .bool(unlock))
        writer.beginArray("requests")
    }

    /// - Parameter ref: the item, for all but `state`, `canary` and `list`.
    package mutating func add(_ operation: KeyringOperation, ref: String? = nil) {
        var element = SecretJSONWriter(capacity: 256)
        element.member("op", .string(operation.rawValue))
        if let ref { element.member("ref", .string(ref)) }
        append(element.finish())
    }

    /// Asks for another program's item; the helper refuses a service that is not in `foreignServices`.
    package mutating func addForeign(service: String, username: String) {
        var element = SecretJSONWriter(capacity: 256)
        element.member("op", .string(KeyringOperation.foreign.rawValue))
        element.member("service", .string(service))
        element.member("username", .string(username))
        append(element.finish())
    }

    /// - Parameter label: what a keyring program shows; nothing that names a person.
    package mutating func addPut(ref: String, label: String, secret: borrowing SecretBytes) {
        var element = SecretJSONWriter(capacity: secret.count * 2 + 256)
        element.member("op", .string(KeyringOperation.put.rawValue))
        element.member("ref", .string(ref))
        element.member("label", .string(label))
        element.member("secret", secret: secret)
        append(element.finish())
    }

    /// The whole request, for the helper's standard input.
    package consuming func finish() -> SecretBytes {
        writer.endArray()
        return writer.finish()
    }

    private mutating func append(_ element: consuming SecretBytes) {
        element.withBytes { writer.element(raw: $0) }
        count += 1
    }
}
