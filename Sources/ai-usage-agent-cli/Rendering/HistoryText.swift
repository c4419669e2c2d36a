import History
import Platform

/// The history as curves in text, one for each window, and the events below them.
struct HistoryText {
    let style: Style
    let columns: Int
    let now: Timestamp
    /// What people call the accounts, by id.
    let names: [String: String]
    var calendar = Moments.localCalendar

    private static let heights = Array("▁▂▃▄▅▆▇█")
    private static let plainHeights = Array("_.-=+*%#")

    func render(_ samples: [UsageSample], _ events: [UsageEvent], since: Timestamp) -> String {
        var lines: [String] = []
        let accounts = (samples.map { Key($0.provider, $0.accountId) } + events.map { Key($0.provider, $0.accountId) }).uniqued()
        for account in accounts {
            if !lines.isEmpty { lines.append("") }
            let name = names[account.id] ?? account.id
            lines.append(style.bold(account.provider) + "  " + StyledLine.fit(TerminalText.escape(name, limit: 60), max(10, columns - 20)))
            let own = samples.filter { $0.accountId == account.id }
            let windows = own.map(\.window).uniqued()
            let width = min(windows.map { window in own.last { $0.window == window }?.title.count ?? 0 }.max() ?? 0, max(8, columns / 4))
            for window in windows { lines.append(curve(own.filter { $0.window == window }, since, width)) }
            if !windows.isEmpty { lines.append(axis(since, width)) }
            for event in events.filter({ $0.accountId == account.id }) {
                lines.append("  " + style.dim(moment(event.at)) + "  " + StyledLine.fit(words(event), max(10, columns - 15)))
            }
        }
        return lines.joined(separator: "\n")
    }

    private struct Key: Hashable {
        let provider: String
        let id: String
        init(_ provider: String, _ id: String) { (self.provider, self.id) = (provider, id) }
    }

    // MARK: - Curves

    private var cells: Int { max(10, columns - 30) }

    /// In each cell the highest use of its time; a cell without a sample shows the one before it, which was still true.
    private func curve(_ samples: [UsageSample], _ since: Timestamp, _ titleWidth: Int) -> String {
        let cells = min(cells, columns - titleWidth - 14)
        let span = Double(max(1, now - since))
        var peaks = [Double?](repeating: nil, count: max(1, cells))
        for sample in samples {
            guard let used = sample.usedPercent else { continue }
            let cell = min(peaks.count - 1, max(0, Int(Double(sample.at - since) / span * Double(peaks.count))))
            peaks[cell] = max(peaks[cell] ?? 0, used)
        }
        let heights = style.hasUnicode ? HistoryText.heights : HistoryText.plainHeights
        var drawn = ""
        var last: (used: Double, resetsAt: Timestamp?)?
        for (index, peak) in peaks.enumerated() {
            let end = since + Int(span * Double(index + 1) / Double(peaks.count))
            if let peak {
                last = (peak, samples.last { $0.at <= end }?.resetsAt)
            } else if let resetsAt = last?.resetsAt, resetsAt <= end {
                // What was used of a window that is over is not used of the next one.
                last = nil
            }
            guard let used = last?.used else {
                drawn += " "
                continue
            }
            drawn.append(heights[Int(min(7, max(0, used / 100 * 8)))])
        }
        let title = StyledLine.fit(TerminalText.escape(samples.last?.title ?? "", limit: 60), titleWidth)
        let percent = samples.last?.usedPercent.map(HistoryText.whole) ?? "?"
        let peak = samples.compactMap(\.usedPercent).max() ?? 0
        let paint = peak >= 90 ? style.red : peak >= 70 ? style.yellow : style.green
        return "  " + title + String(repeating: " ", count: max(0, titleWidth - StyledLine.columns(of: title))) + "  " + paint(drawn)
            + String(repeating: " ", count: max(1, 5 - percent.count)) + percent + " %"
    }

    private func axis(_ since: Timestamp, _ titleWidth: Int) -> String {
        let cells = min(cells, columns - titleWidth - 14)
        let (first, last) = (moment(since), "now")
        let gap = max(1, cells - first.count - last.count)
        return style.dim(String(repeating: " ", count: titleWidth + 4) + first + String(repeating: " ", count: gap) + last)
    }

    private func moment(_ moment: Timestamp) -> String {
        let parts = calendar(moment)
        return
            "\(Timestamp.pad(parts.month, 2))-\(Timestamp.pad(parts.day, 2)) \(Timestamp.pad(parts.hour, 2)):\(Timestamp.pad(parts.minute, 2))"
    }

    /// A percentage as a provider said it, which need not be one.
    private static func whole(_ percent: Double) -> String { String(Int(min(max(percent, -9999), 99999).rounded())) }

    // MARK: - Events

    private func words(_ event: UsageEvent) -> String {
        func percent(_ value: JSONValue) -> String { value.number?.double.map { HistoryText.whole($0) + " %" } ?? "?" }
        let window = TerminalText.escape(event.window ?? "", limit: 60)
        switch event.kind {
        case .bucketChanged:
            return
                "\(TerminalText.escape(event.from.string ?? "?", limit: 40)) -> \(TerminalText.escape(event.to.string ?? "?", limit: 40))"
        case .windowReset: return "\(window) began anew: \(percent(event.from)) -> \(percent(event.to))"
        case .thresholdCrossed:
            return "\(window) over \(percent(.optional(event.threshold))): \(percent(event.from)) -> \(percent(event.to))"
        case .loginDied: return "the login ended"
        case .tokenRefreshed: return "token refreshed"
        }
    }
}

extension Array where Element: Hashable {
    /// Each element once, in the order of its first appearance.
    fileprivate func uniqued() -> [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
