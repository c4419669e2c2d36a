import Agent
import Platform
import Providers
import Vault

/// The screen of `status`: what stands above it, the accounts with their tokens, and their usage.
struct StatusText {
    let style: Style
    let columns: Int
    let now: Timestamp
    var calendar = Moments.localCalendar

    func render(heading: [String], _ listings: [AccountListing], _ snapshots: [UsageSnapshot]) -> String {
        var lines = heading
        if !listings.isEmpty { lines.append("") }
        for listing in listings { lines += account(listing).map(\.text) }
        lines.append("")
        lines.append(UsageText(style: style, columns: columns, now: now, calendar: calendar).render(snapshots))
        return lines.joined(separator: "\n")
    }

    /// One line, or up to three where the screen is narrow.
    private func account(_ listing: AccountListing) -> [StyledLine] {
        let record = listing.record
        let left = record.expiresAt.map { $0 - now }
        let token = left.map { $0 > 0 ? "token \(Moments.length($0)) left" : "token expired" } ?? "no expiry known"
        var line = StyledLine(listing.defaultReason == nil ? "  " : "* ")
        line.add(record.provider, style.bold)
        line.add("  " + StyledLine.fit(record.title, max(16, columns - record.provider.count - 4)))
        let isActive = record.status == .active
        let state =
            isActive ? "active" : record.status.rawValue + (record.statusReason.map { " (\(TerminalText.escape($0, limit: 80)))" } ?? "")
        var second = StyledLine()
        second.add(state, isActive ? style.green : style.red)
        second.add("  " + token, style.dim)
        if line.width + 2 + second.width <= columns {
            line.add("  ")
            line.add(state, isActive ? style.green : style.red)
            line.add("  " + token, style.dim)
            return [line]
        }
        var indented = StyledLine("    ")
        indented.add(StyledLine.fit(state, max(16, columns - 4)), isActive ? style.green : style.red)
        if indented.width + 2 + token.count <= columns {
            indented.add("  " + token, style.dim)
            return [line, indented]
        }
        var last = StyledLine("    ")
        last.add(token, style.dim)
        return [line, indented, last]
    }
}
