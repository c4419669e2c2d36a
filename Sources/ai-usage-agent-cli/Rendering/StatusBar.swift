import Platform
import Providers

/// One line for the bar of a desktop or of tmux: of each account its tightest window.
struct StatusBar {
    let now: Timestamp

    /// One line of JSON as Waybar's custom modules read it (`return-type: json`), its texts safe as Pango markup.
    func waybar(_ snapshots: [UsageSnapshot]) -> String {
        let worst = snapshots.compactMap { tightest($0)?.usedPercent }.max()
        let tooltip = UsageText(style: Style(hasColour: false, hasUnicode: true), columns: 72, now: now).render(snapshots)
        let document: JSONValue = [
            "text": .string(StatusBar.markup(snapshots.map(short).joined(separator: " · "))), "alt": .string(word(snapshots)),
            "tooltip": .string(StatusBar.markup(tooltip)), "class": .string(word(snapshots)),
            "percentage": .optional(worst.map { Int(min(max($0, 0), 100).rounded()) }),
        ]
        return document.compact
    }

    /// One line for `status-right`, with tmux's own colours.
    func tmux(_ snapshots: [UsageSnapshot], isPlain: Bool) -> String {
        snapshots.map { snapshot in
            // A number sign begins a format of tmux; two stand for one.
            let text = short(snapshot).split(separator: "#", omittingEmptySubsequences: false).joined(separator: "##")
            guard !isPlain else { return text }
            let colour =
                switch word([snapshot]) {
                case "ok": "green"
                case "warning": "yellow"
                case "critical": "red"
                default: "default"
                }
            return "#[fg=\(colour)]\(text)#[fg=default]"
        }.joined(separator: " | ")
    }

    /// "codex 37% 2 h 32 m".
    private func short(_ snapshot: UsageSnapshot) -> String {
        let label = snapshot.account.label.map { " " + TerminalText.escape($0, limit: 20) } ?? ""
        guard let window = tightest(snapshot), let used = window.usedPercent else { return "\(snapshot.provider)\(label) ?" }
        let percent = Int(min(max(used, -9999), 99999).rounded())
        let left = window.resetsAt.map { $0 > now ? " " + Moments.length($0 - now) : "" } ?? ""
        return "\(snapshot.provider)\(label) \(percent)%\(left)" + (snapshot.stale ? "?" : "")
    }

    private func tightest(_ snapshot: UsageSnapshot) -> UsageWindow? {
        snapshot.windows.filter { $0.kind != .scoped && $0.usedPercent != nil }.max { ($0.usedPercent ?? 0) < ($1.usedPercent ?? 0) }
    }

    /// The worst of all accounts: critical, warning, ok; error where nothing is known of any.
    private func word(_ snapshots: [UsageSnapshot]) -> String {
        let worst = snapshots.compactMap { tightest($0)?.usedPercent }.max()
        if snapshots.contains(where: { $0.bucket == .usageWindow || $0.bucket == .billing }) { return "critical" }
        guard let worst else { return snapshots.isEmpty ? "none" : "error" }
        return worst >= 90 ? "critical" : worst >= 70 ? "warning" : "ok"
    }

    private static func markup(_ text: String) -> String {
        text.reduce(into: "") { safe, character in
            switch character {
            case "&": safe += "&amp;"
            case "<": safe += "&lt;"
            case ">": safe += "&gt;"
            default: safe.append(character)
            }
        }
    }
}
