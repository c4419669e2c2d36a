package import Platform

/// How an operation on the keyring ended.
package enum KeyringResult: String, Sendable {
    case found
    /// Done, for `put`, `delete`, `canary`, and for `state`: reachable and unlocked.
    case done
    /// Only an unlocked keyring may say so.
    case absent
    case locked
    case unavailable
    /// Never sent by the helper: its parent ran out of patience.
    case timeout
}

/// One line of the helper's standard output.
package struct KeyringReply: ~Copyable, Sendable {
    /// How the operation ended.
    package let result: KeyringResult
    /// Why it is unavailable, for people.
    package let why: String?
    /// What is in the way, where that is known.
    package let obstacle: KeyringObstacle?
    /// What the parent knows to be done about it, where the result alone does not say; nil in every line of the helper.
    package let remedy: String?
    /// For `list`.
    package let references: [String]
    private let document: JSONDocument?

    /// - Returns: nil if the line is none of the protocol's.
    package init?(_ line: consuming SecretBytes) {
        guard let document = try? JSONDocument(line), let text = document.text(at: "result"), let result = KeyringResult(rawValue: text)
        else { return nil }
        self.result = result
        why = document.text(at: "why")
        remedy = nil
        obstacle = document.text(at: "obstacle").flatMap(KeyringObstacle.init)
        var references: [String] = []
        if let list = document.at("references") {
            for element in document.elements(of: list) {
                if let reference = document.string(element) { references.append(reference) }
            }
        }
        self.references = references
        self.document = .some(document)
    }

    /// A reply that the parent makes itself.
    package init(_ result: KeyringResult, why: String?, obstacle: KeyringObstacle? = nil, remedy: String? = nil) {
        self.result = result
        self.why = why
        self.obstacle = obstacle
        self.remedy = remedy
        references = []
        document = nil
    }

    /// There is no service at all, rather than one that cannot be used now.
    package var isNobodyThere: Bool { obstacle?.isNobodyThere ?? false }

    /// How many items had the reference; more than one is a fault that doctor names.
    package var secretCount: Int {
        switch document {
        case .none: return 0
        case .some(let document):
            guard let list = document.at("secrets") else { return 0 }
            return document.elements(of: list).count
        }
    }

    /// The text of one item that was found, in protected memory; nil if there are not so many.
    package func secret(at index: Int) -> SecretBytes? {
        switch document {
        case .none: return nil
        case .some(let document):
            guard let list = document.at("secrets") else { return nil }
            let elements = document.elements(of: list)
            return index < elements.count ? document.secret(elements[index]) : nil
        }
    }
}

extension KeyringReply {
    /// The helper's first line, before it asks anybody: it runs and has read its request. What follows it is the service's time.
    package static let greeting = "ai-usage-keyring 1"
}

/// Builds one line of the helper's answer.
package struct KeyringReplyWriter: ~Copyable {
    private var writer = SecretJSONWriter(capacity: 4096)

    /// - Parameter why: for people; whoever shows it makes it safe.
    package init(_ result: KeyringResult, why: String?, obstacle: KeyringObstacle? = nil) {
        writer.member("result", .string(result.rawValue))
        writer.member("why", .optional(why))
        if let obstacle { writer.member("obstacle", .string(obstacle.rawValue)) }
    }

    /// For `list`.
    package mutating func references(_ references: [String]) { writer.member("references", .strings(references)) }

    /// For `get` and `foreign`: `secret` follows for each item, then `endSecrets`.
    package mutating func beginSecrets() { writer.beginArray("secrets") }

    /// A secret that is UTF-8 text; anything else is no item of ours and is left out.
    package mutating func secret(_ bytes: Span<UInt8>) {
        guard UTF8Text.isValid(bytes) else { return }
        writer.element(secret: bytes)
    }

    package mutating func endSecrets() { writer.endArray() }

    /// The line without its end.
    package consuming func finish() -> SecretBytes { writer.finish() }
}
