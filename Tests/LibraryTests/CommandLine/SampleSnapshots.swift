import Platform
import Providers
import Vault

@testable import Agent

/// Accounts as a person may have them, at one moment.
enum SampleSnapshots {
    /// A Saturday.
    static let now = Timestamp("2026-11-21T13:20:00Z") ?? Timestamp(seconds: 0)

    static func window(
        _ id: String, _ kind: UsageWindow.Kind, _ title: String, _ used: Double?, _ minutes: Int?, _ left: Int?, age: Int = 0
    ) -> UsageWindow {
        UsageWindow(
            id: id, kind: kind, title: title, usedPercent: used, windowMinutes: minutes, resetsAt: left.map { now + $0 },
            now: now + -age)
    }

    static func snapshot(
        _ provider: String, _ email: String, label: String? = nil, plan: String?, age: Int = 0, _ windows: [UsageWindow]
    ) -> UsageSnapshot {
        var snapshot = UsageSnapshot(
            provider: provider,
            account: .init(id: "00000000-0000-4000-8000-000000000001", accountKey: "k", email: email, label: label), source: "agent-store",
            authType: "oauth")
        snapshot.plan = plan
        snapshot.fetchedAt = now + -age
        snapshot.nextPollAt = now + (300 - age)
        snapshot.windows = windows
        snapshot.confidence = .percentOnly
        snapshot.bucket = windows.contains(where: \.isFull) ? .usageWindow : .ok
        if snapshot.bucket == .usageWindow { snapshot.reason = "limit_reached" }
        return snapshot
    }

    static var ada: UsageSnapshot {
        var snapshot = snapshot(
            "codex", "ada@example.org", plan: "plus", age: 130,
            [
                window("session", .session, "5 h", 37, 300, 9120, age: 130),
                window("weekly", .weekly, "weekly", 63, 10080, 400_000, age: 130),
            ])
        var credits = UsageCredits()
        credits.balanceMinor = 1250
        credits.exponent = 2
        snapshot.credits = credits
        return snapshot
    }

    static var work: UsageSnapshot {
        snapshot(
            "codex", "ada@work.example", label: "work", plan: "team",
            [
                window("session", .session, "5 h", 100, 300, 4000), window("weekly", .weekly, "weekly", 12, 10080, 100_000),
                window("code-review-weekly", .scoped, "Code review, weekly", nil, 10080, nil),
            ])
    }

    static var claude: UsageSnapshot {
        var snapshot = snapshot(
            "claude", "ada@example.org", plan: "max", age: 1500,
            [
                window("session", .session, "5 h", 41, 300, 7000, age: 1500),
                window("weekly", .weekly, "weekly", 9, 10080, 320_000, age: 1500),
                window("weekly-fable", .scoped, "Fable, weekly", 82, 10080, 320_000, age: 1500),
            ])
        snapshot.stale = true
        snapshot.bucket = .rateLimit
        snapshot.failure = .init(
            code: "rate_limited", message: "the usage endpoint answered 429: rate_limit_error: Rate limited. Please try again later.",
            remedy: "try again later", retryAt: now + 900)
        snapshot.nextPollAt = now + 945
        return snapshot
    }

    static var all: [UsageSnapshot] { [ada, work, claude] }

    static var listings: [AccountListing] {
        func record(_ id: String, _ provider: String, _ email: String, _ label: String?, _ plan: String, _ left: Int) -> AccountRecord {
            var record = AccountRecord(
                id: id, provider: provider, accountKey: "k", authType: .oauth, source: "agent-store", createdAt: now + -86400)
            (record.email, record.label, record.plan, record.expiresAt) = (email, label, plan, now + left)
            return record
        }
        var dead = record("3", "claude", "ada@example.org", nil, "max", -100)
        (dead.status, dead.statusReason) = (.needsLogin, "the refresh token was refused")
        return [
            AccountListing(record: record("1", "codex", "ada@example.org", nil, "plus", 3000), defaultReason: .lastUsed),
            AccountListing(record: record("2", "codex", "ada@work.example", "work", "team", 86400), defaultReason: nil),
            AccountListing(record: dead, defaultReason: .only),
        ]
    }
}
