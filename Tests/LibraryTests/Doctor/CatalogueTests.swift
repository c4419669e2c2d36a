import Foundation
import Platform
import TestSupport
import Testing

@testable import Agent
@testable import Vault

@Suite("The catalogue of auth doctor")
struct CatalogueTests {
    /// What docs/doctor.md says below its introduction, made from the catalogue.
    private static var table: String {
        var lines: [String] = []
        for section in DoctorCheck.Section.allCases {
            lines += [
                "### \(section.rawValue)", "", "| id | what it means | why it matters | remedy | brings with it |", "|---|---|---|---|---|",
            ]
            for check in DoctorCheck.allCases where check.section == section {
                let meaning = check.meaning
                let remedy = [meaning.remedy, meaning.command.map { "`\($0)`" }].compactMap { $0 }.joined(separator: " ")
                let mark = check.isFixable ? " (`--fix`)" : ""
                let others = check.consequences.map { "`\($0.rawValue)`" }.sorted().joined(separator: " ")
                lines.append(
                    "| `\(check.rawValue)`\(mark), \(check.severity.rawValue) | \(meaning.title) | \(meaning.why) | \(remedy) | \(others) |"
                )
            }
            lines.append("")
        }
        return lines.joined(separator: "\n")
    }

    private static let begin = "<!-- checks -->\n"

    @Test("docs/doctor.md lists each check as the program knows it")
    func document() throws {
        let path = Program.repository + "/docs/doctor.md"
        var text = try String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        let start = try #require(text.range(of: Self.begin)).upperBound
        if ProcessEnvironment.current()["AUA_WRITE_DOCTOR"] != nil {
            text = text[..<start] + Self.table
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        }
        #expect(String(text[start...]) == Self.table)
    }

    @Test("Every check has a title, a reason, and, where something is wrong, a remedy", arguments: DoctorCheck.allCases)
    func meaning(_ check: DoctorCheck) {
        #expect(check.rawValue.hasPrefix(check.section.rawValue + "."))
        #expect(check.meaning.title != check.rawValue && !check.meaning.why.isEmpty)
        #expect(check.severity == .info || check.meaning.remedy != nil)
    }

    @Test("Every fault that a vault can have is a check", arguments: VaultFault.Check.allCases)
    func vault(_ check: VaultFault.Check) {
        #expect(DoctorCheck(rawValue: check.rawValue) != nil)
    }

    @Test("The schema names every check and no other")
    func schema() throws {
        let path = Program.repository + "/docs/schemas/auth-doctor.schema.json"
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        let ids = try JSONValue(parsing: bytes.span)["properties"]["findings"]["items"]["properties"]["id"]["enum"].array
        #expect(ids?.compactMap(\.string) == DoctorCheck.allCases.map(\.rawValue))
    }
}
