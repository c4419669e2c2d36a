import Platform
import TestSupport
import Testing

/// How a command must fail: exit code, name of the error, and words that message and remedy hold.
struct Refusal: Sendable, CustomTestStringConvertible {
    let status: Int32
    let code: String
    let words: [String]

    init(_ status: Int32, _ code: String, _ words: String...) {
        (self.status, self.code, self.words) = (status, code, words)
    }

    var testDescription: String { "\(status) \(code)" }

    /// Checks a command that ran with `--json`: one document on stdout, nothing on stderr but notes.
    func check(_ outcome: Outcome, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(outcome.status == status, "\(outcome)", sourceLocation: sourceLocation)
        #expect(outcome.errorCode == code, "\(outcome)", sourceLocation: sourceLocation)
        #expect(outcome.json.object?.names == ["schemaVersion", "error"], "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            outcome.json["error"].object?.names == ["code", "message", "remedy", "provider", "account"], "\(outcome)",
            sourceLocation: sourceLocation)
        for word in words { #expect(outcome.complaint.contains(word), "\(word) in \(outcome)", sourceLocation: sourceLocation) }
    }

    /// Checks the same command without `--json`: nothing on stdout, words for people on stderr.
    func checkText(_ outcome: Outcome, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(outcome.status == status, "\(outcome)", sourceLocation: sourceLocation)
        #expect(outcome.output.isEmpty, "\(outcome)", sourceLocation: sourceLocation)
        #expect(outcome.errorText.hasPrefix("ai-usage-agent: "), "\(outcome)", sourceLocation: sourceLocation)
        for word in words { #expect(outcome.errorText.contains(word), "\(word) in \(outcome)", sourceLocation: sourceLocation) }
    }
}
