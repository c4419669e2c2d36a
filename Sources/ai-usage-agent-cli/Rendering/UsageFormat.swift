import ArgumentParser
import Platform
import Providers

/// The forms in which `usage` prints.
enum UsageFormat: String, CaseIterable, ExpressibleByArgument {
    case text, json, jsonl, csv, waybar, tmux, prometheus

    /// Can be printed again and again, one after the other, and be read so.
    var isStream: Bool { [.text, .jsonl, .waybar].contains(self) }

    /// The snapshots in this form; colours and columns are for `text` alone.
    func render(_ snapshots: [UsageSnapshot], _ style: Style, columns: Int, now: Timestamp, isPlain: Bool) -> String {
        switch self {
        case .text: UsageText(style: style, columns: columns, now: now).render(snapshots)
        case .json: UsageFormat.document(snapshots, now).pretty
        case .jsonl: snapshots.map(\.json.compact).joined(separator: "\n")
        case .csv: UsageCSV.render(snapshots)
        case .waybar: StatusBar(now: now).waybar(snapshots)
        case .tmux: StatusBar(now: now).tmux(snapshots, isPlain: isPlain)
        case .prometheus: PrometheusText.render(snapshots)
        }
    }

    static func document(_ snapshots: [UsageSnapshot], _ now: Timestamp) -> JSONValue {
        [
            "schemaVersion": 1, "generatedAt": .string(now.wholeSeconds.description), "snapshots": .array(snapshots.map(\.json)),
        ]
    }
}

/// One row for each window (RFC 4180, lines end with a line feed); an account without windows is a row, too.
enum UsageCSV {
    static let columns = [
        "provider", "accountId", "email", "label", "plan", "bucket", "window", "kind", "title", "usedPercent", "windowMinutes", "resetsAt",
        "fetchedAt", "stale", "error",
    ]

    static func render(_ snapshots: [UsageSnapshot]) -> String {
        let rows = snapshots.flatMap { snapshot -> [[String]] in
            let head = [
                snapshot.provider, snapshot.account.id, snapshot.account.email ?? "", snapshot.account.label ?? "", snapshot.plan ?? "",
                snapshot.bucket.rawValue,
            ].map(text)
            let tail = [
                snapshot.fetchedAt?.description ?? "", "\(snapshot.stale)", snapshot.failure?.code ?? "",
            ]
            if snapshot.windows.isEmpty { return [head + Array(repeating: "", count: 6) + tail] }
            return snapshot.windows.map { window in
                let used = window.usedPercent.flatMap(JSONNumber.init)?.literal ?? ""
                let middle = [
                    text(window.id), window.kind.rawValue, text(window.title), used, window.windowMinutes.map(String.init) ?? "",
                    window.resetsAt?.description ?? "",
                ]
                return head + middle + tail
            }
        }
        return ([columns] + rows).map { $0.joined(separator: ",") }.joined(separator: "\n")
    }

    /// Quoted where it must be. A text that a spreadsheet would take for a formula gets an apostrophe before it.
    static func text(_ text: String) -> String {
        var safe = TerminalText.escape(text, limit: 200)
        if let first = safe.first, "=+-@".contains(first) { safe = "'" + safe }
        guard safe.contains(where: { ",\"\n".contains($0) }) else { return safe }
        return "\"" + safe.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}

/// The text format that Prometheus scrapes, for the textfile collector of node_exporter. E-mail addresses stay out of it.
enum PrometheusText {
    static func render(_ snapshots: [UsageSnapshot]) -> String {
        var lines: [String] = []
        func metric(_ name: String, _ help: String, _ samples: [(labels: [(String, String)], value: String)]) {
            guard !samples.isEmpty else { return }
            lines.append("# HELP ai_usage_\(name) \(help)")
            lines.append("# TYPE ai_usage_\(name) gauge")
            lines += samples.map { sample in
                let labels = sample.labels.map { "\($0.0)=\"\(escape($0.1))\"" }.joined(separator: ",")
                return "ai_usage_\(name){\(labels)} \(sample.value)"
            }
        }
        func account(_ snapshot: UsageSnapshot) -> [(String, String)] {
            [("provider", snapshot.provider), ("account", snapshot.account.id), ("label", snapshot.account.label ?? "")]
        }
        func windows(_ value: (UsageWindow) -> String?) -> [(labels: [(String, String)], value: String)] {
            snapshots.flatMap { snapshot in
                snapshot.windows.compactMap { window in
                    value(window).map { (account(snapshot) + [("window", window.id), ("kind", window.kind.rawValue)], $0) }
                }
            }
        }
        metric("up", "1 if the last poll of the account went well.", snapshots.map { (account($0), $0.failure == nil ? "1" : "0") })
        metric("stale", "1 if the windows are an older reading.", snapshots.map { (account($0), $0.stale ? "1" : "0") })
        metric(
            "fetched_timestamp_seconds", "When the windows were read.",
            snapshots.compactMap { snapshot in snapshot.fetchedAt.map { (account(snapshot), String($0.seconds)) } })
        metric("window_used_percent", "Share of the window that is used.", windows { $0.usedPercent.flatMap(JSONNumber.init)?.literal })
        metric("window_reset_timestamp_seconds", "When the window begins anew.", windows { $0.resetsAt.map { String($0.seconds) } })
        metric(
            "credits_balance", "Prepaid credits.",
            snapshots.compactMap { snapshot in
                guard let credits = snapshot.credits, let balance = credits.balanceMinor else { return nil }
                var divisor = 1.0
                for _ in 0..<(credits.exponent ?? 2) { divisor *= 10 }
                return (account(snapshot), JSONNumber(Double(balance) / divisor)?.literal ?? "0")
            })
        return lines.joined(separator: "\n")
    }

    /// Backslash, quote and line feed are what a label's value must escape.
    private static func escape(_ text: String) -> String {
        TerminalText.escape(text, limit: 200).reduce(into: "") { safe, character in
            if character == "\\" || character == "\"" { safe.append("\\") }
            safe.append(character)
        }
    }
}
