import Platform

/// Reads the body of Codex's usage endpoint (docs/usage.md, "Codex's answer"): every field optional, numbers as numbers or
/// strings, unknown windows kept.
enum CodexUsage {
    static func read(_ body: borrowing SecretBytes, retryAfter: Int? = nil, now: Timestamp) -> UsageReading {
        guard let value = try? JSONValue(parsing: body), value.object != nil else { return UsageReading.noObject }
        if value["rate_limit"].object == nil, value["plan_type"].string == nil,
            let refusal = UsageReading.refusal(value, retryAfter: retryAfter, body: body)
        {
            return refusal
        }
        var content = UsageReading.Content()
        content.plan = value["plan_type"].string
        let main = value["rate_limit"]
        var seen: Set<String> = []
        content.windows = windows(main, idPrefix: "", scope: nil, now, &seen)
        content.windows += windows(value["code_review_rate_limit"], idPrefix: "code-review-", scope: "Code review", now, &seen)
        let most = UsageReading.Content.mostWindows
        for (index, extra) in (value["additional_rate_limits"].array ?? []).enumerated() where content.windows.count < most {
            let name = extra["limit_name"].string ?? extra["metered_feature"].string ?? "extra \(index + 1)"
            let id = extra["metered_feature"].string ?? "extra-\(index + 1)"
            content.windows += windows(extra["rate_limit"], idPrefix: id + "-", scope: name, now, &seen)
        }
        // Limits of a name that nobody knows yet.
        for member in value.object?.members ?? [] where !known.contains(member.name) && content.windows.count < most {
            let name = member.name.replacingUnderscores
            content.windows += windows(member.value, idPrefix: name + "-", scope: name, now, &seen)
        }
        content.windows = Array(content.windows.prefix(most))
        content.credits = credits(value)
        content.confidence = content.windows.contains { $0.usedPercent != nil } ? .percentOnly : .unknown
        judge(value, main, &content)
        return .reading(content)
    }

    private static let known = ["rate_limit", "code_review_rate_limit", "additional_rate_limits", "credits", "spend_control"]

    private static func windows(_ limit: JSONValue, idPrefix: String, scope: String?, _ now: Timestamp, _ seen: inout Set<String>)
        -> [UsageWindow]
    {
        guard let members = limit.object?.members else { return [] }
        // No more of one limit than are kept of all: naming alike ones apart would take longer with each.
        let slots = members.filter { $0.name.hasSuffix("_window") && $0.value.object != nil }.prefix(UsageReading.Content.mostWindows)
        return slots.map { member in
            let slot = member.value
            let minutes = slot["limit_window_seconds"].lenientNumber.map { Int((max(0, min($0, 1e10)) / 60).rounded()) }
            let kind = UsageWindow.Kind(minutes: minutes)
            let name = TerminalText.escape(idPrefix + (kind == .other ? member.name.replacingUnderscores : kind.rawValue), limit: 80)
            // Two windows of one length keep their slot in the id, and no two of all have the same.
            // As long as a stored id may be (`UsageWindow.unique`), or it would be another one when it is read again.
            var id = seen.contains(name) ? TerminalText.escape(name + "-" + member.name.replacingUnderscores, limit: 80) : name
            var count = 2
            while !seen.insert(id).inserted {
                id = "\(TerminalText.escape(name, limit: 74))-\(count)"
                count += 1
            }
            let title = [scope, self.title(kind, minutes)].compactMap { $0 }.joined(separator: ", ")
            return UsageWindow(
                id: id, kind: scope == nil ? kind : .scoped, title: TerminalText.escape(title, limit: 80),
                usedPercent: slot["used_percent"].lenientNumber, windowMinutes: minutes, resetsAt: reset(slot, now), now: now)
        }
    }

    private static func title(_ kind: UsageWindow.Kind, _ minutes: Int?) -> String {
        switch (kind, minutes) {
        case (.session, let minutes?): "\((minutes + 30) / 60) h"
        case (.weekly, _): "weekly"
        case (.monthly, _): "monthly"
        case (_, let minutes?) where minutes % 1440 == 0 && minutes > 0: "\(minutes / 1440) d"
        case (_, let minutes?) where minutes >= 60: "\(minutes / 60) h"
        case (_, let minutes?): "\(minutes) min"
        default: "window"
        }
    }

    private static func reset(_ slot: JSONValue, _ now: Timestamp) -> Timestamp? {
        if let at = slot["reset_at"].lenientNumber, at > 0, at < 1e11 { return Timestamp(seconds: Int(at)) }
        if let after = slot["reset_after_seconds"].lenientNumber, after >= 0, after < 1e9 { return now.wholeSeconds + Int(after) }
        return nil
    }

    /// OpenAI counts credits without naming a currency; a limit's amounts count the same.
    private static func credits(_ value: JSONValue) -> UsageCredits? {
        let found = value["credits"]
        let limit = spendLimit(value)
        guard found.object != nil || limit != nil else { return nil }
        var credits = UsageCredits()
        credits.unlimited = found["unlimited"].bool
        credits.exponent = 2
        credits.balanceMinor = minor(found["balance"])
        credits.limitMinor = minor(limit?["limit"] ?? .null)
        credits.usedMinor = minor(limit?["used"] ?? .null)
        return credits
    }

    /// The limit that was reached, else the nearest one to the person that there is.
    private static func spendLimit(_ value: JSONValue) -> JSONValue? {
        let control = value["spend_control"]
        let reached = control["reached_limit_type"].string.map { [$0, $0 + "_limit"] } ?? []
        let names = reached + ["individual_limit", "role_budget_limit", "group_default_limit", "group_shared_limit"]
        let shared = ["workspace_default_limit", "workspace_shared_limit"]
        let found = (names + shared).map { control[$0] } + [value["rate_limit"]["individual_limit"], value["individual_limit"]]
        guard let limit = found.first(where: { $0.object != nil }) else { return nil }
        // A group's limit stands one level deeper.
        return limit["details"].object == nil ? limit : limit["details"]
    }

    private static func judge(_ value: JSONValue, _ main: JSONValue, _ content: inout UsageReading.Content) {
        let reached = value["rate_limit_reached_type"]["type"].string ?? value["rate_limit_reached_type"].string
        if value["spend_control"]["reached"].bool == true {
            content.bucket = .billing
            content.reason = value["spend_control"]["reached_limit_type"].string ?? "spend_limit_reached"
        } else if let reached, reached.contains("credits") {
            content.bucket = .billing
            content.reason = reached
        } else if main["limit_reached"].bool == true || main["allowed"].bool == false || reached != nil
            || content.windows.contains(where: \.isFull)
        {
            content.bucket = .usageWindow
            content.reason = reached ?? "limit_reached"
        } else if content.windows.isEmpty {
            content.bucket = .unknown
            content.reason = "no_windows"
        } else {
            content.bucket = .ok
        }
        content.reason = content.reason.map { TerminalText.escape($0, limit: 80) }
    }

    private static func minor(_ value: JSONValue) -> Int? {
        guard let number = value.lenientNumber, abs(number) < 1e13 else { return nil }
        return Int((number * 100).rounded())
    }
}

extension String {
    var replacingUnderscores: String { String(map { $0 == "_" ? "-" : $0 }) }
}
