import Foundation
import Platform
import TestSupport

/// One file of docs/schemas, judged by a validator that this project did not write (Servers/validate.py).
struct Schema: Sendable, Hashable {
    let name: String

    static let folder = Program.repository + "/docs/schemas/"
    private static let ending = ".schema.json"
    var path: String { Schema.folder + name + Schema.ending }

    /// The names of all schemas that are published.
    static func published() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).map { file in
            guard file.hasSuffix(ending) else { throw Failure(description: "\(file) is no schema") }
            return String(file.dropLast(ending.count))
        }.sorted()
    }

    func json() throws -> JSONValue {
        let text = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        return try JSONValue(parsing: text.span)
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    enum Verdict: Equatable {
        /// With the places where a member that the schema does not name is let pass.
        case fits(open: [String])
        case doesNotFit(String)
    }

    func judge(_ document: [UInt8]) async throws -> Verdict {
        guard let python = Python.path else { throw Failure(description: "no Python") }
        let outcome = try await Child(
            python, ["-B", Program.repository + "/Tests/EndToEndTests/Servers/validate.py", path],
            environment: ["PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"], input: .bytes(document)
        ).finish()
        switch outcome.status {
        case 0: return .fits(open: outcome.text.split(separator: "\n").map(String.init))
        case 1 where outcome.error.isEmpty: return .doesNotFit(outcome.text)
        default: throw Failure(description: "\(outcome)")
        }
    }
}
