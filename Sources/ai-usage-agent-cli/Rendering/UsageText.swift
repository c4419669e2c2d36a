import Platform
import Providers

/// Usage snapshots as bars.
struct UsageText {
    let style: Style
    let columns: Int
    let now: Timestamp

    func render(_ snapshots: [UsageSnapshot]) -> String {
        if snapshots.isEmpty { return "No accounts. Log in: ai-usage-agent auth login codex" }
        return snapshots.map(render).joined(separator: "\n\n")
    }

    private func render(_ snapshot: UsageSnapshot) -> String {
        let name = TerminalText.escape(snapshot.account.label ?? snapshot.account.email ?? snapshot.account.accountKey, limit: 60)
        let plan = snapshot.plan.map { " (\(TerminalText.escape($0, limit: 30)))" } ?? ""
        var lines = ["\(style.bold(snapshot.provider))  \(name)\(plan)" + (snapshot.stale ? style.dim("  stale") : "")]
        if let failure = snapshot.failure {
            lines.append("  " + style.red("error: ") + TerminalText.escape(failure.message))
            if let remedy = failure.remedy { lines.append("  hint: " + TerminalText.escape(remedy)) }
        }
        let width = snapshot.windows.map(\.title.count).max() ?? 0
        lines += snapshot.windows.map { window($0, titleWidth: min(width, 32)) }
        if let credits = snapshot.credits.flatMap(credits) { lines.append("  " + credits) }
        if snapshot.failure == nil, snapshot.windows.isEmpty {
            lines.append("  " + style.dim(TerminalText.escape(snapshot.message ?? "the provider reports no windows for this plan")))
        }
        if snapshot.failure == nil, snapshot.bucket != .ok, snapshot.bucket != .unknown {
            lines.append("  " + style.red("limit: ") + (snapshot.reason ?? snapshot.bucket.rawValue))
        }
        return lines.joined(separator: "\n")
    }

    private func window(_ window: UsageWindow, titleWidth: Int) -> String {
        let title = String(window.title.prefix(titleWidth))
        var line = "  " + title + String(repeating: " ", count: max(0, titleWidth - title.count)) + "  " + bar(window.usedPercent)
        if let resetsAt = window.resetsAt { line += "  resets \(Moments.until(resetsAt, now: now))" }
        if columns >= 90, let pace = window.pace {
            line += "  " + (pace.willLastToReset ? style.dim("will last") : style.yellow("runs out early"))
        }
        return line
    }

    private func bar(_ percent: Double?) -> String {
        let cells = columns < 70 ? 10 : 20
        guard let percent else { return String(repeating: style.hasUnicode ? "·" : ".", count: cells) + "     ?" }
        let clamped = min(max(percent, 0), 100)
        let full = Int((clamped / 100 * Double(cells)).rounded())
        let drawn =
            String(repeating: style.hasUnicode ? "█" : "#", count: full)
            + String(repeating: style.hasUnicode ? "░" : "-", count: cells - full)
        let number = String(Int(min(max(percent, -9999), 99999).rounded()))
        let text = drawn + String(repeating: " ", count: max(1, 5 - number.count)) + number + " %"
        return percent >= 90 ? style.red(text) : percent >= 70 ? style.yellow(text) : style.green(text)
    }

    private func credits(_ credits: UsageCredits) -> String? {
        if credits.unlimited == true { return "credits: unlimited" }
        guard let balance = credits.balanceMinor else { return nil }
        let exponent = credits.exponent ?? 2
        var digits = String(abs(balance))
        while digits.count <= exponent { digits = "0" + digits }
        let amount = exponent == 0 ? digits : digits.dropLast(exponent) + "." + digits.suffix(exponent)
        return "credits: " + (balance < 0 ? "-" : "") + amount + (credits.currency.map { " \($0)" } ?? "")
    }
}
