import Agent
import Platform

/// What `doctor` and `auth doctor` print: by section, what is as it should be only counted, or named where it is worth it.
struct DoctorText {
    let style: Style
    let scope: DoctorRun.Scope

    /// The sections of a broken installation explain what follows them.
    private var sections: [DoctorCheck.Section] {
        let first: [DoctorCheck.Section] = [.build, .config, .network]
        return switch scope {
        case .audit: DoctorCheck.Section.allCases
        case .installation: first + DoctorCheck.Section.allCases.filter { !first.contains($0) }
        }
    }

    func document(_ findings: [Finding]) -> JSONValue {
        var summary = JSONObject()
        for status in Finding.Status.allCases {
            summary[status.rawValue] = .number(JSONNumber(findings.count { $0.status == status }))
        }
        let ordered = sections.flatMap { section in findings.filter { $0.check.section == section } }
        return ["schemaVersion": 1, "summary": .object(summary), "findings": .array(ordered.map(\.json))]
    }

    func render(_ findings: [Finding]) -> String {
        var lines: [String] = []
        for section in sections {
            let ours = findings.filter { $0.check.section == section }
            lines.append(heading(section, ours))
            if scope == .installation { lines += ours.compactMap(inOrder) }
            let found = ours.filter { $0.status != .ok && $0.status != .skipped }
            for check in DoctorCheck.allCases {
                for status in Finding.Status.allCases {
                    lines += describe(found.filter { $0.check == check && $0.status == status })
                }
            }
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

    private func inOrder(_ finding: Finding) -> String? {
        guard finding.status == .ok, let evidence = finding.evidence, let subject = finding.check.meaning.subject else { return nil }
        let column = subject.padding(to: 15)
        return "  \(mark(.ok))\(column)\(style.dim(TerminalText.escapeLines(evidence)))"
    }

    /// What one check found, the same said once.
    private func describe(_ findings: [Finding]) -> [String] {
        guard let first = findings.first else { return [] }
        var lines = ["  \(mark(first.status))\(first.title)  \(style.dim(first.check.rawValue))"]
        func say(_ texts: [String?], after mark: String = "") {
            var said: Set<String> = []
            for text in texts.compactMap({ $0 }) where said.insert(text).inserted {
                lines.append("      " + mark + TerminalText.escape(text, limit: 2000))
            }
        }
        say(findings.map(\.evidence))
        if first.status != .info {
            say(findings.map(\.detail))
            say(findings.map { $0.remedy?.text })
        }
        say(findings.map { $0.remedy?.command }, after: "$ ")
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

extension String {
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
