package import Platform

/// What the journal holds of an account.
package enum JournalContent: Sendable {
    /// Nothing, or something torn or foreign: it was never durable, so nobody has acted on it.
    case empty
    case intent(RotationIntent)
    case result(JournalResult)
}

/// Written before a refresh token is sent: that it will be, by whom, and for which time.
package struct RotationIntent: Sendable, Hashable {
    /// Of the bundle whose token is sent.
    package let generation: Int
    /// Keyed fingerprint of that token.
    package let fingerprint: String
    /// 1 for the first time that this token is sent; one more each time after an outcome that nobody knows.
    package let attempt: Int
    /// Binds the RESULT to this request.
    package let nonce: [UInt8]
    /// Nil when the flight has ended without knowing what became of the request.
    package var holder: ProcessMark?
    /// The kernel's boot id; nil where it does not say.
    package let boot: String?
    /// Since the boot, sleep included.
    package let writtenAt: Duration
    /// By the wall clock, for people.
    package let time: Timestamp

    static let nonceSize = 32

    /// With a new nonce of 32 random bytes.
    package init(
        generation: Int, fingerprint: String, attempt: Int, holder: ProcessMark?, boot: String?, writtenAt: Duration, time: Timestamp
    ) {
        self.generation = generation
        self.fingerprint = fingerprint
        self.attempt = attempt
        nonce = Random.bytes(RotationIntent.nonceSize)
        self.holder = holder
        self.boot = boot
        self.writtenAt = writtenAt
        self.time = time
    }
}

extension RotationIntent {
    /// Everything but the nonce, which stands before it.
    var json: JSONValue {
        [
            "generation": .number(JSONNumber(generation)), "fingerprint": .string(fingerprint), "attempt": .number(JSONNumber(attempt)),
            "pid": .optional(holder.map { Int($0.pid) }), "started": .optional(holder.map { Int($0.started) }), "boot": .optional(boot),
            "writtenAt": .number(JSONNumber(Int(writtenAt.components.seconds))), "time": .string(time.description),
        ]
    }

    /// - Returns: nil for anything that is no record of intent.
    init?(_ value: JSONValue, nonce: [UInt8]) {
        guard let generation = value["generation"].number?.integer, let fingerprint = value["fingerprint"].string,
            let attempt = value["attempt"].number?.integer, (1...1_000_000).contains(attempt),
            let writtenAt = value["writtenAt"].number?.integer, let time = value["time"].string.flatMap(Timestamp.init)
        else { return nil }
        self.generation = generation
        self.fingerprint = fingerprint
        self.attempt = attempt
        self.nonce = nonce
        if let pid = value["pid"].number?.integer, let started = value["started"].number?.integer {
            holder = ProcessMark(pid: Int32(clamping: pid), started: UInt64(clamping: started))
        }
        boot = value["boot"].string
        self.writtenAt = .seconds(writtenAt)
        self.time = time
    }
}

/// A rotated bundle that is durable but not yet committed.
package final class JournalResult: Sendable {
    /// One generation above the bundle whose token paid for it.
    package let bundle: SecretBundle
    /// Keyed fingerprint of the refresh token that was spent for it.
    package let spentFingerprint: String

    init(bundle: consuming SecretBundle, spentFingerprint: String) {
        self.bundle = bundle
        self.spentFingerprint = spentFingerprint
    }
}
