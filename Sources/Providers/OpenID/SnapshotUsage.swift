import Platform

/// Reads a usage body that is already in the shape of our own snapshot (docs/schemas/usage-snapshot.schema.json), as a
/// configured server may answer. Lenient: what is missing is unknown, what is no snapshot is nil.
enum SnapshotUsage {
    static func read(_ body: borrowing SecretBytes, now: Timestamp) -> UsageReading? {
        guard let value = try? JSONValue(parsing: body),
            let windows = value["usageWindows"].array
        else { return nil }
        var content = UsageReading.Content()
        content.plan = value["plan"].string
        content.confidence = value["confidence"].string.flatMap(UsageSnapshot.Confidence.init) ?? .unknown
        content.bucket = value["status"]["bucket"].string.flatMap(UsageSnapshot.Bucket.init) ?? .unknown
        content.reason = value["status"]["reason"].string.map { TerminalText.escape($0, limit: 80) }
        content.message = value["status"]["message"].string.map { TerminalText.escape($0) }
        content.windows = windows.enumerated().compactMap { index, window in self.window(window, index, now) }
        content.credits = credits(value["credits"])
        return .reading(content)
    }

    private static func window(_ window: JSONValue, _ index: Int, _ now: Timestamp) -> UsageWindow? {
        guard window.object != nil else { return nil }
        let minutes = window["windowMinutes"].number?.integer.flatMap { $0 > 0 && $0 < 100_000_000 ? $0 : nil }
        let kind = window["kind"].string.flatMap(UsageWindow.Kind.init) ?? UsageWindow.Kind(minutes: minutes)
        return UsageWindow(
            id: TerminalText.escape(window["id"].string ?? "window-\(index + 1)", limit: 80), kind: kind,
            title: TerminalText.escape(window["title"].string ?? kind.rawValue, limit: 80),
            usedPercent: window["usedPercent"].number?.double.flatMap { $0.isFinite ? $0 : nil }, windowMinutes: minutes,
            resetsAt: window["resetsAt"].string.flatMap { Timestamp($0) }, now: now)
    }

    private static func credits(_ value: JSONValue) -> UsageCredits? {
        guard value.object != nil else { return nil }
        var credits = UsageCredits()
        credits.unlimited = value["unlimited"].bool
        credits.balanceMinor = value["balanceMinor"].number?.integer
        credits.currency = value["currency"].string.map { TerminalText.escape($0, limit: 10) }
        credits.exponent = value["exponent"].number?.integer.flatMap { (0...8).contains($0) ? $0 : nil }
        credits.limitMinor = value["limitMinor"].number?.integer
        credits.usedMinor = value["usedMinor"].number?.integer
        return credits
    }
}
