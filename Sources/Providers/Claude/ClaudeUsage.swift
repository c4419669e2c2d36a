import Platform

/// Reads the body of Claude's usage endpoint (docs/usage.md, "Claude's answer"): `limits` first, then the older flat members;
/// every field optional, null is not zero, unknown windows kept.
enum ClaudeUsage {
    static func read(_ body: borrowing SecretBytes, retryAfter: Int?, now: Timestamp) -> UsageReading {
        guard let value = try? JSONValue(parsing: body), value.object != nil else { return UsageReading.noObject }
        if value["error"].object != nil || value["type"] == "error",
            let refusal = UsageReading.refusal(value, retryAfter: retryAfter, body: body)
        {
            return refusal
        }
        var content = UsageReading.Content()
        content.windows = windows(value, now)
        content.credits = credits(value)
        content.confidence = content.windows.contains { $0.usedPercent != nil } ? .percentOnly : .unknown
        judge(value, &content)
        return .reading(content)
    }

    // MARK: - Windows

    private static func windows(_ value: JSONValue, _ now: Timestamp) -> [UsageWindow] {
        var windows: [UsageWindow] = []
        var seen: Set<String> = []
        func add(_ id: String, _ kind: UsageWindow.Kind, _ title: String, _ used: JSONValue, _ minutes: Int?, _ resets: JSONValue) {
            guard windows.count < UsageReading.Content.mostWindows else { return }
            windows.append(
                UsageWindow(
                    id: UsageWindow.unique(id, &seen), kind: kind, title: TerminalText.escape(title, limit: 80),
                    usedPercent: used.lenientNumber, windowMinutes: minutes, resetsAt: resets.string.flatMap { Timestamp($0) }, now: now))
        }
        for limit in value["limits"].array ?? [] where limit.object != nil {
            let (used, resets) = (limit["percent"], limit["resets_at"])
            switch limit["kind"].string {
            case "session": add("session", .session, "5 h", used, 300, resets)
            case "weekly_all": add("weekly", .weekly, "weekly", used, 10080, resets)
            case "weekly_scoped":
                let scope = limit["scope"]["model"]["display_name"].string ?? limit["scope"]["surface"].string ?? "other"
                add("weekly-" + slug(scope), .scoped, "\(scope), weekly", used, 10080, resets)
            case let kind?: add(kind.replacingUnderscores, .other, kind.replacingUnderscores, used, nil, resets)
            // A limit of a kind that has no name yet.
            case nil where used.lenientNumber != nil: add("limit", .other, limit["group"].string ?? "limit", used, nil, resets)
            case nil: break
            }
        }
        // The flat members say the same in an older way: only what `limits` has not said.
        let said = seen
        for member in value.object?.members ?? [] where member.name != "extra_usage" && member.name != "spend" {
            guard let slot = member.value.object, let used = slot["utilization"] else { continue }
            let resets = slot["resets_at"] ?? .null
            let found: (id: String, kind: UsageWindow.Kind, title: String, minutes: Int?)
            switch member.name {
            case "five_hour": found = ("session", .session, "5 h", 300)
            case "seven_day": found = ("weekly", .weekly, "weekly", 10080)
            case let name where name.hasPrefix("seven_day_"):
                let scope = String(name.dropFirst("seven_day_".count)).replacingUnderscores
                found = ("weekly-" + scope, .scoped, "\(scope), weekly", 10080)
            case let name:
                // Of an unknown name a number alone makes a window.
                guard used.lenientNumber != nil else { continue }
                found = (name.replacingUnderscores, .other, slot["label"]?.string ?? name.replacingUnderscores, nil)
            }
            if !said.contains(found.id) { add(found.id, found.kind, found.title, used, found.minutes, resets) }
        }
        return windows
    }

    private static func slug(_ text: String) -> String {
        String(text.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }.prefix(40))
    }

    // MARK: - Money

    /// `spend` is the newer form of `extra_usage`; both count in minor units.
    private static func credits(_ value: JSONValue) -> UsageCredits? {
        let (spend, extra) = (value["spend"], value["extra_usage"])
        var credits = UsageCredits()
        if spend.object != nil {
            guard spend["enabled"].bool == true else { return nil }
            credits.usedMinor = minor(spend["used"]["amount_minor"])
            credits.limitMinor = minor(spend["limit"]["amount_minor"])
            credits.balanceMinor = minor(spend["balance"]["amount_minor"])
            credits.currency = currency(spend["used"]["currency"].string ?? spend["limit"]["currency"].string)
            credits.exponent = exponent(spend["used"]["exponent"])
        } else {
            guard extra["is_enabled"].bool == true else { return nil }
            credits.usedMinor = minor(extra["used_credits"])
            credits.limitMinor = minor(extra["monthly_limit"])
            credits.currency = currency(extra["currency"].string)
            credits.exponent = exponent(extra["decimal_places"])
        }
        credits.unlimited = credits.limitMinor == nil
        return credits
    }

    private static func currency(_ text: String?) -> String? { text.map { TerminalText.escape($0, limit: 10) } }
    private static func exponent(_ value: JSONValue) -> Int { value.lenientNumber.flatMap { (0...8).contains($0) ? Int($0) : nil } ?? 2 }

    private static func judge(_ value: JSONValue, _ content: inout UsageReading.Content) {
        let locked = ["five_hour", "seven_day"].lazy.compactMap { value[$0]["locked_reason"].string }.first
        if content.windows.contains(where: \.isFull) || locked != nil {
            content.bucket = .usageWindow
            content.reason = locked.map { TerminalText.escape($0, limit: 80) } ?? "limit_reached"
        } else if content.windows.isEmpty,
            value["spend"]["percent"].lenientNumber ?? value["extra_usage"]["utilization"].lenientNumber ?? 0 >= 100
                || value["extra_usage"]["spend_limit_reached"].bool == true
        {
            // A seat that pays by use has nothing but its budget.
            content.bucket = .billing
            content.reason = "spend_limit_reached"
        } else if let reason = value["spend"]["disabled_reason"].string ?? value["extra_usage"]["disabled_reason"].string,
            content.windows.isEmpty
        {
            content.bucket = .billing
            content.reason = TerminalText.escape(reason, limit: 80)
        } else if content.windows.isEmpty && content.credits == nil {
            content.bucket = .unknown
            content.reason = "no_windows"
        } else {
            content.bucket = .ok
        }
    }

    private static func minor(_ value: JSONValue) -> Int? {
        guard let number = value.lenientNumber, abs(number) < 1e15 else { return nil }
        return Int(number.rounded())
    }
}
