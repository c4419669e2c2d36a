package import Platform

/// How much of one account's quota is used, in one shape for every provider (docs/schemas/usage-snapshot.schema.json).
package struct UsageSnapshot: Sendable, Equatable {
    /// Of its JSON form.
    package static let schemaVersion = 1

    /// What limits the account now (docs/usage.md, "Buckets").
    package enum Bucket: String, Sendable {
        case ok
        case rateLimit = "rate_limit"
        case usageWindow = "usage_window"
        case billing, auth, overloaded, unknown
    }

    /// How much is known: amounts, estimates, percentages alone, or nothing.
    package enum Confidence: String, Sendable {
        case exact, estimated, percentOnly, unknown
    }

    /// Whose quota it is, as in `auth list`.
    package struct Account: Sendable, Equatable {
        package let id: String
        package let accountKey: String
        package let email: String?
        package let label: String?

        package init(id: String, accountKey: String, email: String?, label: String?) {
            self.id = id
            self.accountKey = accountKey
            self.email = email
            self.label = label
        }
    }

    /// Why there is no newer reading: the members of an error in JSON.
    package struct Failure: Sendable, Equatable {
        /// As docs/auth-cli.md lists them.
        package let code: String
        /// One clause for people; no secret.
        package let message: String
        package let remedy: String?
        /// When the provider allows the next request; nil where it named no time.
        package let retryAt: Timestamp?

        package init(code: String, message: String, remedy: String?, retryAt: Timestamp?) {
            self.code = code
            self.message = message
            self.remedy = remedy
            self.retryAt = retryAt
        }
    }

    package let provider: String
    package let account: Account
    /// In the provider's word, not made safe to show.
    package var plan: String?
    /// `agent-store`, `env`, `reference:NAME` or `import:NAME`.
    package let source: String
    /// `oauth`, `apiKey` or `sessionKey`.
    package let authType: String
    package var confidence = Confidence.unknown
    /// When the reading that is shown was taken; nil where there is none.
    package var fetchedAt: Timestamp?
    /// A newer reading was due and failed, or one of its windows has been reset since.
    package var stale = false
    /// When the provider is asked again, by the plan that all processes share.
    package var nextPollAt: Timestamp?
    package var bucket = Bucket.unknown
    /// A word: of ours, or of the provider's made safe to show.
    package var reason: String?
    /// A sentence for people, made safe to show.
    package var message: String?
    /// Of the reading that is shown; empty where there is none.
    package var windows: [UsageWindow] = []
    /// Nil where the provider says nothing of money, or that it is switched off.
    package var credits: UsageCredits?
    /// Why the last poll brought nothing; a reading that is shown all the same is older.
    package var failure: Failure?
    /// The provider's answer, only when it was asked for.
    package var raw: JSONValue?

    /// Whether there is anything to show besides an error.
    package var hasReading: Bool { !windows.isEmpty || credits != nil }

    package init(provider: String, account: Account, source: String, authType: String) {
        self.provider = provider
        self.account = account
        self.source = source
        self.authType = authType
    }

    /// Every member is there, null where unknown; `raw` alone only where it was asked for.
    package var json: JSONValue {
        var object: JSONObject = [
            "schemaVersion": .number(JSONNumber(UsageSnapshot.schemaVersion)), "provider": .string(provider),
            "account": [
                "id": .string(account.id), "accountKey": .string(account.accountKey), "email": .optional(account.email),
                "label": .optional(account.label),
            ],
            "plan": .optional(plan), "source": .string(source), "authType": .string(authType),
            "confidence": .string(confidence.rawValue), "fetchedAt": .optional(fetchedAt?.description), "stale": .bool(stale),
            "nextPollAt": .optional(nextPollAt?.description),
            "status": ["bucket": .string(bucket.rawValue), "reason": .optional(reason), "message": .optional(message)],
            "usageWindows": .array(windows.map(\.json)), "credits": credits?.json ?? .null,
        ]
        object["error"] =
            failure.map {
                [
                    "code": .string($0.code), "message": .string($0.message), "remedy": .optional($0.remedy),
                    "retryAt": .optional($0.retryAt?.description),
                ]
            } ?? .null
        if let raw { object["raw"] = raw }
        return .object(object)
    }
}

/// One quota window.
package struct UsageWindow: Sendable, Equatable {
    /// What kind of quota, by its length or its scope.
    package enum Kind: String, Sendable {
        case session, weekly, monthly, scoped, other

        /// By length, never by the slot it came in: providers move windows between slots.
        package init(minutes: Int?) {
            switch minutes {
            case .some(240...360): self = .session
            case .some(9_000...11_000): self = .weekly
            case .some(38_000...46_000): self = .monthly
            default: self = .other
            }
        }
    }

    /// Unique in its snapshot; the history's key.
    package let id: String
    /// `scoped` whatever its length, where it is one model's or feature's.
    package let kind: Kind
    /// For people: `5 h`, `weekly`, a model's name.
    package let title: String
    /// As the provider said it, not clamped; nil is not zero.
    package let usedPercent: Double?
    /// Nil where the provider does not say.
    package let windowMinutes: Int?
    /// Nil where the provider does not say.
    package let resetsAt: Timestamp?
    /// Nil where a number is missing or the reset does not lie within the window.
    package let pace: Pace?

    /// How the use compares with an even pace over the window.
    package struct Pace: Sendable, Equatable {
        /// The share of the window that was over when it was read, in percent, with one digit behind the point.
        package let expectedPercent: Double
        /// Used less expected: above zero is too fast.
        package let deltaPercent: Double
        /// Whether the quota lasts to the reset if it is used on like this.
        package let willLastToReset: Bool
    }

    /// - Parameter now: when the use was measured; the pace belongs to it.
    package init(id: String, kind: Kind, title: String, usedPercent: Double?, windowMinutes: Int?, resetsAt: Timestamp?, now: Timestamp) {
        self.id = id
        self.kind = kind
        self.title = title
        self.usedPercent = usedPercent
        self.windowMinutes = windowMinutes
        self.resetsAt = resetsAt
        pace = UsageWindow.pace(usedPercent, windowMinutes, resetsAt, now)
    }

    private static func pace(_ used: Double?, _ minutes: Int?, _ resetsAt: Timestamp?, _ now: Timestamp) -> Pace? {
        guard let used, let minutes, minutes > 0, let resetsAt else { return nil }
        let length = Double(minutes) * 60
        let left = Double(resetsAt - now)
        // A reset in the past, or further away than the window is long, says nothing about a pace.
        guard left > 0, left <= length else { return nil }
        let expected = (length - left) / length * 100
        let delta = used - expected
        return Pace(
            expectedPercent: (expected * 10).rounded() / 10, deltaPercent: (delta * 10).rounded() / 10,
            willLastToReset: expected < 1 ? used < 100 : used / expected * 100 <= 100)
    }

    /// When the quota is used up if it is used on as it was up to `moment`, at which the use was measured; nil where that is not
    /// before the reset, or not known.
    package func exhaustion(measuredAt moment: Timestamp) -> Timestamp? {
        guard let pace, !pace.willLastToReset, let usedPercent, let windowMinutes, let resetsAt else { return nil }
        let elapsed = Double(windowMinutes * 60 - (resetsAt - moment))
        guard usedPercent > 0, elapsed > 0 else { return nil }
        return moment + Int(max(0, 100 - usedPercent) / usedPercent * elapsed)
    }

    package var json: JSONValue {
        [
            "id": .string(id), "kind": .string(kind.rawValue), "title": .string(title), "usedPercent": .optional(usedPercent),
            "windowMinutes": .optional(windowMinutes), "resetsAt": .optional(resetsAt?.description),
            "pace": pace.map {
                [
                    "expectedPercent": .optional($0.expectedPercent), "deltaPercent": .optional($0.deltaPercent),
                    "willLastToReset": .bool($0.willLastToReset),
                ]
            } ?? .null,
        ]
    }
}

/// Money or credits: amounts in minor units of the currency, `exponent` digits behind the point.
package struct UsageCredits: Sendable, Equatable {
    /// Nil where the provider does not say, as every member here.
    package var unlimited: Bool?
    /// What is left.
    package var balanceMinor: Int?
    /// ISO 4217, where the provider says it; nil for OpenAI's credits.
    package var currency: String?
    /// 2 means that 1250 is 12.50.
    package var exponent: Int?
    /// What may be spent, and below what has been.
    package var limitMinor: Int?
    package var usedMinor: Int?

    package init() {}

    package var json: JSONValue {
        [
            "unlimited": unlimited.map(JSONValue.bool) ?? .null, "balanceMinor": .optional(balanceMinor),
            "currency": .optional(currency), "exponent": .optional(exponent), "limitMinor": .optional(limitMinor),
            "usedMinor": .optional(usedMinor),
        ]
    }
}
