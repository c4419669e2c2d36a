import Platform
import TestSupport
import Testing

/// One document that the program makes, and the schema that describes it.
struct SchemaCase: Sendable, CustomTestStringConvertible {
    let schema: String
    let what: String
    /// Where the schema lets members pass that it does not name; an entry that ends in "…" stands for all that begins so.
    let open: [String]
    let start: Scene.Start
    let document: @Sendable (Scene) async throws -> [UInt8]

    var testDescription: String { "\(what) (\(schema))" }

    init(
        _ schema: String, _ what: String, start: Scene.Start = .login, open: [String] = [],
        document: @escaping @Sendable (Scene) async throws -> [UInt8]
    ) {
        (self.schema, self.what, self.open, self.start, self.document) = (schema, what, open, start, document)
    }

    /// What a command prints with `--json`.
    ///
    /// - Parameter prepare: what happens in the scene before it.
    static func command(
        _ schema: String, _ line: String, _ circumstances: String = "", start: Scene.Start = .login, status: Int32 = 0, open: [String] = [],
        after prepare: @escaping @Sendable (Scene) async throws -> Void = { _ in }
    ) -> SchemaCase {
        SchemaCase(schema, circumstances.isEmpty ? line : "\(line), \(circumstances)", start: start, open: open) { scene in
            try await prepare(scene)
            return try output(try await scene.run(line.split(separator: " ").map(String.init) + ["--json"]), status)
        }
    }

    /// A failure of a command: all of them have one shape.
    static func failure(
        _ line: String, _ code: String, _ status: Int32, start: Scene.Start = .login,
        after prepare: @escaping @Sendable (Scene) async throws -> Void = { _ in }
    ) -> SchemaCase {
        SchemaCase("error", "\(code) of \(line)", start: start) { scene in
            try await prepare(scene)
            let outcome = try await scene.run(line.split(separator: " ").map(String.init) + ["--json"])
            guard outcome.errorCode == code else { throw Schema.Failure(description: "not \(code): \(outcome)") }
            return try output(outcome, status)
        }
    }

    /// The document on standard output of a command that ended so.
    static func output(_ outcome: Outcome, _ status: Int32 = 0) throws -> [UInt8] {
        guard outcome.status == status else { throw Schema.Failure(description: "not exit code \(status): \(outcome)") }
        return outcome.output
    }

    /// Whether the schema is open where it should be and nowhere else.
    func isAsOpen(_ places: [String]) -> Bool {
        let prefixes = open.filter { $0.hasSuffix("…") }.map { String($0.dropLast()) }
        let hasAll = prefixes.allSatisfy { prefix in places.contains { $0.hasPrefix(prefix) } }
        return hasAll && places.filter { place in !prefixes.contains { place.hasPrefix($0) } } == open.filter { !$0.hasSuffix("…") }
    }
}
