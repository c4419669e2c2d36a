import Agent
import Platform

/// What `auth doctor` prints: by section, what is as it should be only counted.
struct DoctorText {
    let style: Style

    static func document(_ findings: [Finding]) -> JSONValue {
        var summary = JSONObject()
        for status in Finding.Status.allCases {
            summary[status.rawValue] = .number(JSONNumber(findings.count { $0.status == status }))
        }
        return ["schemaVersion": 1, "summary": .object(summary), "findings": .array(findings.map(\.json))]
    }

    func render(_ findings: [Finding]) -> String {
        var lines: [String] = []
        for section in DoctorCheck.Section.allCases {
            let ours = findings.filter { $0.check.section == section }
            lines.append(heading(section, ours))
            for finding in ours where finding.status != .ok && finding.status != .skipped { lines += describe(finding) }
        }
        let counts = Finding.Status.allCases.map { status in "\(findings.count { $0.status == status }) \(status.rawValue)" }
        return (lines + ["", counts.joined(separator: ", ")]).joined(separator: "\n")
    }

    private func heading(_ section: DoctorCheck.Section, _ findings: [Finding]) -> String {
        let skipped = findings.count { $0.status == .skipped }
        let fine = findings.count { $0.status == .ok }
        let counts = [fine > 0 ? "\(fine) ok" : nil, skipped > 0 ? "\(skipped) skipped" : nil].compactMap { $0 }
        let isFine = !findings.contains { $0.status == .error || $0.status == .warning }
        return
            "\(mark(!isFine ? .warning : fine > 0 ? .ok : .skipped, isHeading: true))\(style.bold(section.rawValue))  \(style.dim(counts.joined(separator: ", ")))"
    }

    private func describe(_ finding: Finding) -> [String] {
        var lines = ["  \(mark(finding.status))\(finding.title)  \(style.dim(finding.check.rawValue))"]
        if let evidence = finding.evidence { lines.append("      " + TerminalText.escapeLines(evidence)) }
        if let detail = finding.detail, finding.status != .info { lines.append("      " + TerminalText.escapeLines(detail)) }
        let isWorth = finding.status == .error || finding.status == .warning
        if isWorth, let text = finding.remedy?.text { lines.append("      " + TerminalText.escapeLines(text)) }
        if let command = finding.remedy?.command { lines.append("      $ " + TerminalText.escapeLines(command)) }
        return lines
    }

    private func mark(_ status: Finding.Status, isHeading: Bool = false) -> String {
        if isHeading, status == .warning { return "" }
        return switch status {
        case .ok: style.green(style.hasUnicode ? "✓ " : "+ ")
        case .info, .skipped: style.dim(style.hasUnicode ? "· " : ". ")
        case .warning: style.yellow("! ")
        case .error: style.red(style.hasUnicode ? "✗ " : "x ")
        }
    }
}
