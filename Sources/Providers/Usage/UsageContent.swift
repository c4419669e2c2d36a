package import Platform

/// What a good answer of a usage endpoint says.
extension UsageReading {
    /// The part of a snapshot that the provider says; nil is unknown and never zero.
    package struct Content: Sendable, Equatable {
        /// In the provider's word, not made safe to show.
        package var plan: String?
        package var confidence = UsageSnapshot.Confidence.unknown
        package var bucket = UsageSnapshot.Bucket.unknown
        /// Ours or the provider's word, escaped, at most 80 characters.
        package var reason: String?
        /// Made safe to show.
        package var message: String?
        /// At most `mostWindows`; those of an unknown kind are kept.
        package var windows: [UsageWindow] = []
        package var credits: UsageCredits?

        package init() {}

        /// More windows than any provider has are a fault or an attack; what is behind them is left out.
        static let mostWindows = 64

        /// Reads the members of a snapshot (docs/schemas/usage-snapshot.schema.json), leniently: what is missing is unknown.
        ///
        /// - Parameter now: the moment at which the reading was taken, to which the pace belongs.
        package init(_ value: JSONValue, now: Timestamp) {
            plan = value["plan"].string
            confidence = value["confidence"].string.flatMap(UsageSnapshot.Confidence.init) ?? .unknown
            let judged = value["status"]["bucket"].string.flatMap(UsageSnapshot.Bucket.init)
            reason = value["status"]["reason"].string.map { TerminalText.escape($0, limit: 80) }
            message = value["status"]["message"].string.map { TerminalText.escape($0) }
            var seen: Set<String> = []
            windows = (value["usageWindows"].array ?? []).prefix(Content.mostWindows).enumerated().compactMap { index, window in
                UsageWindow(window, index, now, &seen)
            }
            credits = UsageCredits(value["credits"])
            if let judged {
                bucket = judged
            } else if windows.contains(where: \.isFull) {
                (bucket, reason) = (.usageWindow, reason ?? "limit_reached")
            } else {
                bucket = windows.isEmpty ? .unknown : .ok
                if windows.isEmpty { reason = reason ?? "no_windows" }
            }
        }

        /// The same members as in a snapshot.
        package var json: JSONObject {
            [
                "plan": .optional(plan), "confidence": .string(confidence.rawValue),
                "status": ["bucket": .string(bucket.rawValue), "reason": .optional(reason), "message": .optional(message)],
                "usageWindows": .array(windows.map(\.json)), "credits": credits?.json ?? .null,
            ]
        }
    }
}

extension UsageWindow {
    /// Whether the account's own quota of this window is used up; one model's or feature's is not the account's.
    package var isFull: Bool { kind != .scoped && (usedPercent ?? 0) >= 100 }

    /// Nil for what is no object.
    fileprivate init?(_ window: JSONValue, _ index: Int, _ now: Timestamp, _ seen: inout Set<String>) {
        guard window.object != nil else { return nil }
        let minutes = window["windowMinutes"].lenientNumber.map { $0.rounded() }.flatMap { (0..<1e9).contains($0) ? Int($0) : nil }
        let kind = window["kind"].string.flatMap(UsageWindow.Kind.init) ?? UsageWindow.Kind(minutes: minutes)
        self.init(
            id: UsageWindow.unique(window["id"].string ?? "window-\(index + 1)", &seen), kind: kind,
            title: TerminalText.escape(window["title"].string ?? kind.rawValue, limit: 80),
            usedPercent: window["usedPercent"].lenientNumber, windowMinutes: minutes,
            resetsAt: window["resetsAt"].string.flatMap { Timestamp($0) }, now: now)
    }

    /// The name made safe to show; one that was there already gets a number behind it.
    static func unique(_ name: String, _ seen: inout Set<String>) -> String {
        let name = TerminalText.escape(name, limit: 80)
        var id = name
        var count = 2
        while !seen.insert(id).inserted {
            id = "\(TerminalText.escape(name, limit: 74))-\(count)"
            count += 1
        }
        return id
    }
}

extension UsageCredits {
    fileprivate init?(_ value: JSONValue) {
        guard value.object != nil else { return nil }
        self.init()
        unlimited = value["unlimited"].bool
        balanceMinor = value["balanceMinor"].number?.integer
        currency = value["currency"].string.map { TerminalText.escape($0, limit: 10) }
        exponent = value["exponent"].number?.integer.flatMap { (0...8).contains($0) ? $0 : nil }
        limitMinor = value["limitMinor"].number?.integer
        usedMinor = value["usedMinor"].number?.integer
    }
}

extension JSONValue {
    /// A finite number, written as a number or as a text.
    var lenientNumber: Double? {
        guard let number = number?.double ?? string.flatMap(Double.init), number.isFinite else { return nil }
        return number
    }
}
