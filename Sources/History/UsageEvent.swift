package import Platform

/// A change worth recording (docs/schemas/usage-event.schema.json).
package struct UsageEvent: Sendable, Equatable {
    /// Of its JSON form.
    package static let schemaVersion = 1

    /// What changed.
    package enum Kind: String, Sendable, CaseIterable {
        /// What limits the account is another thing than before.
        case bucketChanged = "bucket_changed"
        /// A window began anew.
        case windowReset = "window_reset"
        /// The use of a window rose over one of `thresholds`.
        case thresholdCrossed = "threshold_crossed"
        /// A person has to log in again.
        case loginDied = "login_died"
        /// The tokens are others than at the poll before.
        case tokenRefreshed = "token_refreshed"
    }

    /// Percent.
    package static let thresholds: [Double] = [75, 90, 100]

    /// When the change was seen; of new tokens, when they were obtained.
    package let at: Timestamp
    package let provider: String
    package let accountId: String
    package let kind: Kind
    /// A bucket, a percentage, a status or a generation, by kind.
    package let from: JSONValue
    package let to: JSONValue
    /// What limits the account after the change.
    package let bucket: String
    /// The id of the window; nil where the event is not about one.
    package var window: String?
    /// Percent; the highest of `thresholds` that was crossed.
    package var threshold: Double?

    package init(
        at: Timestamp, provider: String, accountId: String, kind: Kind, from: JSONValue, to: JSONValue, bucket: String,
        window: String? = nil, threshold: Double? = nil
    ) {
        self.at = at
        self.provider = provider
        self.accountId = accountId
        self.kind = kind
        self.from = from
        self.to = to
        self.bucket = bucket
        self.window = window
        self.threshold = threshold
    }

    package var json: JSONValue {
        [
            "schemaVersion": .number(JSONNumber(UsageEvent.schemaVersion)), "at": .string(at.description), "provider": .string(provider),
            "accountId": .string(accountId), "type": .string(kind.rawValue), "from": from, "to": to,
            "reason": ["bucket": .string(bucket), "window": .optional(window), "threshold": .optional(threshold)],
        ]
    }
}

/// How much of one window was used at one moment.
package struct UsageSample: Sendable, Equatable {
    /// When the reading was taken.
    package let at: Timestamp
    package let provider: String
    package let accountId: String
    /// The window's id in its snapshot.
    package let window: String
    /// Raw value of `UsageWindow.Kind`.
    package let kind: String
    package let title: String
    /// Percent as said, not clamped; nil is unknown.
    package let usedPercent: Double?
    /// Nil where the provider does not say.
    package let resetsAt: Timestamp?

    package init(
        at: Timestamp, provider: String, accountId: String, window: String, kind: String, title: String, usedPercent: Double?,
        resetsAt: Timestamp?
    ) {
        self.at = at
        self.provider = provider
        self.accountId = accountId
        self.window = window
        self.kind = kind
        self.title = title
        self.usedPercent = usedPercent
        self.resetsAt = resetsAt
    }

    package var json: JSONValue {
        [
            "at": .string(at.description), "provider": .string(provider), "accountId": .string(accountId), "window": .string(window),
            "kind": .string(kind), "title": .string(title), "usedPercent": .optional(usedPercent),
            "resetsAt": .optional(resetsAt?.description),
        ]
    }
}
