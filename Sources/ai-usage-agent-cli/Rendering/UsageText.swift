import Platform
import Providers

/// Usage snapshots for people: a block for each account, side by side where there is room.
struct UsageText {
    let style: Style
    let columns: Int
    let now: Timestamp
    var calendar = Moments.localCalendar

    /// Less than this is too little for a block beside another.
    private static let leastBlock = 56
    private static let gap = 3

    func render(_ snapshots: [UsageSnapshot]) -> String {
        if snapshots.isEmpty { return "No accounts. Log in: ai-usage-agent auth login codex" }
        let side = max(1, min(snapshots.count, (columns + UsageText.gap) / (UsageText.leastBlock + UsageText.gap)))
        let width = side == 1 ? max(columns, 30) : (columns - UsageText.gap * (side - 1)) / side
        let blocks = snapshots.map { block($0, width) }
        var rows: [String] = []
        for start in stride(from: 0, to: blocks.count, by: side) {
            let row = Array(blocks[start..<min(start + side, blocks.count)])
            let height = row.map(\.count).max() ?? 0
            let lines = (0..<height).map { index in
                let cells = row.map { index < $0.count ? $0[index] : StyledLine() }
                let padded = cells.dropLast().map { $0.padded(to: width + UsageText.gap) }.joined() + (cells.last?.text ?? "")
                return String(padded.reversed().drop { $0 == " " }.reversed())
            }
            rows.append(lines.joined(separator: "\n"))
        }
        return rows.joined(separator: "\n\n")
    }

    // MARK: - One account

    private func block(_ snapshot: UsageSnapshot, _ width: Int) -> [StyledLine] {
        var lines = [head(snapshot, width)]
        if let failure = snapshot.failure {
            lines += wrapped("error: ", failure.message, width, style.red)
            if let remedy = failure.remedy { lines += wrapped("hint: ", remedy, width, { $0 }) }
            if let next = snapshot.nextPollAt, next > now, snapshot.fetchedAt != nil {
                lines += wrapped("", "asked again \(Moments.until(next, now: now, calendar))", width, style.dim)
            }
        }
        let longest = snapshot.windows.map { StyledLine.columns(of: $0.title) }.max() ?? 0
        let title = min(longest, max(8, width / 4))
        for window in snapshot.windows { lines += self.window(window, title, width, snapshot.fetchedAt ?? now) }
        for text in credits(snapshot.credits) { lines.append(StyledLine("  " + StyledLine.fit(text, width - 2, ellipsis: ellipsis))) }
        if snapshot.failure == nil, snapshot.windows.isEmpty {
            lines += wrapped("", snapshot.message ?? "the provider reports no windows for this plan", width, style.dim)
        }
        if snapshot.failure == nil, snapshot.bucket != .ok, snapshot.bucket != .unknown {
            lines += wrapped("limit: ", snapshot.reason ?? snapshot.bucket.rawValue, width, style.red)
        }
        return lines
    }

    private func head(_ snapshot: UsageSnapshot, _ width: Int) -> StyledLine {
        let plan = snapshot.plan.map { " (\(TerminalText.escape($0, limit: 30)))" } ?? ""
        let name = TerminalText.escape(snapshot.account.label ?? snapshot.account.email ?? snapshot.account.accountKey, limit: 60) + plan
        var age = ""
        if let fetchedAt = snapshot.fetchedAt, !snapshot.windows.isEmpty || snapshot.failure == nil {
            let seconds = now - fetchedAt
            if seconds >= 60 || snapshot.stale { age = "\(Moments.length(max(0, seconds))) old" }
            if snapshot.stale { age = "stale, " + age }
        }
        var line = StyledLine()
        line.add(snapshot.provider, style.bold)
        let left = width - StyledLine.columns(of: snapshot.provider) - 2 - (age.isEmpty ? 0 : age.count + 2)
        line.add("  " + StyledLine.fit(name, max(8, left), ellipsis: ellipsis))
        if !age.isEmpty { line.add("  " + age, snapshot.stale ? style.yellow : style.dim) }
        return line
    }

    private func wrapped(_ lead: String, _ text: String, _ width: Int, _ paint: (String) -> String) -> [StyledLine] {
        StyledLine.wrap(lead + TerminalText.escape(text), width - 2).enumerated().map { index, text in
            var line = StyledLine("  ")
            if index == 0, !lead.isEmpty, text.hasPrefix(lead) {
                line.add(lead, paint)
                line.add(String(text.dropFirst(lead.count)))
            } else {
                line.add(text, lead.isEmpty ? paint : { $0 })
            }
            return line
        }
    }

    // MARK: - One window

    private func window(_ window: UsageWindow, _ titleWidth: Int, _ width: Int, _ measuredAt: Timestamp) -> [StyledLine] {
        let fixed = 2 + titleWidth + 2 + 7
        let isDue = window.resetsAt.map { $0 <= now } ?? false
        // All windows of a block get bars of one length, with room for the longest countdown; on a narrow screen it is brief.
        let room = width - fixed
        let countdown = Countdown.allCases.first { room - $0.rawValue >= 6 } ?? .brief
        let cells = min(20, max(6, room - countdown.rawValue))
        let title = StyledLine.fit(TerminalText.escape(window.title, limit: 80), titleWidth, ellipsis: ellipsis)
        var line = StyledLine("  " + title + String(repeating: " ", count: max(0, titleWidth - StyledLine.columns(of: title))) + "  ")
        bar(window.usedPercent, cells, &line)
        var lines: [StyledLine] = []
        func place(_ text: String, _ paint: (String) -> String) {
            if line.width + 2 + StyledLine.columns(of: text) <= width {
                line.add("  " + text, paint)
            } else {
                lines.append(line)
                line = StyledLine(String(repeating: " ", count: titleWidth + 4))
                line.add(StyledLine.fit(text, width - titleWidth - 4, ellipsis: ellipsis), paint)
            }
        }
        if let resetsAt = window.resetsAt { place(isDue ? "reset due" : words(countdown, resetsAt), { $0 }) }
        if let (text, isWarning) = pace(window, measuredAt), !isDue { place(text, isWarning ? style.yellow : style.dim) }
        return lines + [line]
    }

    /// How much is said of a reset, by the columns that it takes at most with two blanks before it.
    private enum Countdown: Int, CaseIterable {
        case whole = 33
        case plain = 26
        case brief = 14
    }

    private func words(_ countdown: Countdown, _ resetsAt: Timestamp) -> String {
        switch countdown {
        case .whole: "resets \(Moments.until(resetsAt, now: now, calendar))"
        case .plain: Moments.until(resetsAt, now: now, calendar)
        case .brief: "in \(Moments.length(resetsAt - now))"
        }
    }

    /// What the pace comes to, and whether that is a warning.
    private func pace(_ window: UsageWindow, _ measuredAt: Timestamp) -> (String, Bool)? {
        guard let pace = window.pace, let used = window.usedPercent else { return nil }
        if used >= 100 { return ("used up", true) }
        if pace.willLastToReset { return ("will last to the reset", false) }
        guard let end = window.exhaustion(measuredAt: measuredAt) else { return ("runs out early", true) }
        return (end > now ? "runs out in \(Moments.length(end - now))" : "runs out now", true)
    }

    private var ellipsis: String { style.hasUnicode ? "…" : "~" }

    private func bar(_ percent: Double?, _ cells: Int, _ line: inout StyledLine) {
        guard let percent else { return line.add(String(repeating: style.hasUnicode ? "·" : ".", count: cells) + "     ?") }
        let clamped = min(max(percent, 0), 100)
        let full = Int((clamped / 100 * Double(cells)).rounded())
        let drawn =
            String(repeating: style.hasUnicode ? "█" : "#", count: full)
            + String(repeating: style.hasUnicode ? "░" : "-", count: cells - full)
        let number = String(Int(min(max(percent, -9999), 99999).rounded()))
        line.add(
            drawn + String(repeating: " ", count: max(1, 5 - number.count)) + number + " %",
            percent >= 90 ? style.red : percent >= 70 ? style.yellow : style.green)
    }

    // MARK: - Money

    private func credits(_ credits: UsageCredits?) -> [String] {
        guard let credits else { return [] }
        var lines: [String] = []
        if credits.unlimited == true { lines.append("credits: unlimited") }
        if let balance = credits.balanceMinor { lines.append("credits: " + amount(balance, credits)) }
        if let used = credits.usedMinor {
            let limit = credits.limitMinor.map { " of " + amount($0, credits) } ?? ""
            lines.append("spent: " + amount(used, credits) + limit)
        }
        return lines
    }

    private func amount(_ minor: Int, _ credits: UsageCredits) -> String {
        let exponent = credits.exponent ?? 2
        var digits = String(minor.magnitude)
        while digits.count <= exponent { digits = "0" + digits }
        let amount = exponent == 0 ? digits : digits.dropLast(exponent) + "." + digits.suffix(exponent)
        return (minor < 0 ? "-" : "") + amount + (credits.currency.map { " \($0)" } ?? "")
    }
}
