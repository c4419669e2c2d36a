package import Platform
import Vault

/// What one check came to.
package struct Finding: Sendable, Equatable {
    /// `info` is no fault; `skipped` was not looked at.
    package enum Status: String, Sendable, CaseIterable {
        case ok, info, warning, error, skipped
    }

    /// What to do about it: words, a command, or both.
    package struct Remedy: Sendable, Equatable {
        package let text: String?
        /// To be run as it stands.
        package let command: String?
    }

    package let check: DoctorCheck
    package let status: Status
    package let title: String
    /// What it means here, for people.
    package let detail: String?
    /// What was seen: paths, modes, names; never a secret.
    package let evidence: String?
    package let remedy: Remedy?
    /// The id of an account.
    package let account: String?

    /// Takes from the catalogue what is not given: severity and title; detail and remedy only where it is neither ok nor skipped.
    ///
    /// - Parameter evidence: made safe to show here, and what looks like a secret taken out.
    package init(
        _ check: DoctorCheck, status: Status? = nil, evidence: String? = nil, detail: String? = nil, remedy: String? = nil,
        command: String? = nil, account: String? = nil
    ) {
        let status = status ?? check.severity
        let isTrouble = status != .ok && status != .skipped
        self.check = check
        self.status = status
        title = check.meaning.title
        self.detail = detail ?? (isTrouble ? check.meaning.why : nil)
        // From files that anybody may have edited: neither a line of its own nor a secret.
        self.evidence = evidence.map { TerminalText.escape(SecretTraces.redact($0), limit: 2000) }
        let text = remedy ?? (isTrouble ? check.meaning.remedy : nil)
        self.remedy = text == nil && command == nil ? nil : Remedy(text: text, command: command)
        self.account = account
    }

    /// An element of `findings` in docs/schemas/auth-doctor.schema.json.
    package var json: JSONValue {
        [
            "id": .string(check.rawValue), "status": .string(status.rawValue), "title": .string(title), "detail": .optional(detail),
            "evidence": .optional(evidence), "remedy": ["text": .optional(remedy?.text), "command": .optional(remedy?.command)],
            "fixable": .bool(check.isFixable && status != .ok && status != .skipped), "account": .optional(account),
        ]
    }
}

/// What a section found; what it did not look at, and why.
package struct SectionReport: Sendable {
    /// Where a refresh token lies, told apart from others without being shown.
    struct Holder: Sendable {
        let place: String
        let fingerprint: String
    }

    package private(set) var findings: [Finding] = []
    /// Check to reason.
    package private(set) var skipped: [DoctorCheck: String] = [:]
    /// For the comparison of all sections.
    var holders: [Holder] = []

    package init() {}

    mutating func add(_ finding: Finding) { findings.append(finding) }

    /// Looked at and right, with what was seen; nothing where something was found already.
    mutating func fine(_ check: DoctorCheck, _ evidence: String) {
        if !has(check) { add(Finding(check, status: .ok, evidence: evidence)) }
    }

    mutating func skip(_ checks: [DoctorCheck], _ why: String) {
        for check in checks where skipped[check] == nil { skipped[check] = why }
    }

    mutating func add(_ other: SectionReport) {
        findings += other.findings
        skipped.merge(other.skipped) { first, _ in first }
        holders += other.holders
    }

    func has(_ check: DoctorCheck) -> Bool { findings.contains { $0.check == check } }
}
