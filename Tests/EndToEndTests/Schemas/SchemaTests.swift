import Foundation
import Platform
import TestSupport
import Testing

@Suite(
    "Every JSON document fits the schema that is published for it",
    .enabled(if: Python.path != nil, "no Python with jsonschema: run `make test`, or set AUA_PYTHON"))
struct SchemaTests {
    /// Fits, and is closed to members that nobody declared except where the case says so.
    private func check(_ document: [UInt8], _ it: SchemaCase) async throws {
        let text = String(decoding: document, as: UTF8.self)
        switch try await Schema(name: it.schema).judge(document) {
        case .doesNotFit(let reason): Issue.record("\(it.schema): \(reason)\n\(text)")
        case .fits(let places): #expect(it.isAsOpen(places), "\(it.schema) lets undeclared members pass at \(places)\n\(text)")
        }
    }

    @Test("What the program prints and writes fits its schema, and the schema lets no further member pass", arguments: SchemaCase.accounts)
    func accounts(_ it: SchemaCase) async throws {
        try await Scene.with(start: it.start) { scene in try await check(try await it.document(scene), it) }
    }

    @Test("So does what the commands of the agent print, and others beside one", arguments: SchemaCase.agent)
    func agent(_ it: SchemaCase) async throws {
        try await Scene.with(start: it.start) { scene in try await check(try await it.document(scene), it) }
    }

    @Test("So does what the commands of the vault print", arguments: SchemaCase.vault)
    func vault(_ it: SchemaCase) async throws {
        try await Scene.with(start: it.start) { scene in try await check(try await it.document(scene), it) }
    }

    @Test("So does what is imported from other programs", arguments: SchemaCase.imports)
    func imports(_ it: SchemaCase) async throws {
        try await Scene.with(start: it.start) { scene in try await check(try await it.document(scene), it) }
    }

    @Test(
        "So it does in a desktop keyring",
        .enabled(if: KeyringSession.isPossible, "needs dbus-daemon, dbus-send, gnome-keyring-daemon and secret-tool"),
        arguments: SchemaCase.keyring)
    func keyring(_ it: SchemaCase) async throws {
        try await Scene.with(start: .empty) { scene in
            let session = try await KeyringSession(scene.home)
            scene.variables.withLock { $0["DBUS_SESSION_BUS_ADDRESS"] = session.address }
            do {
                try await scene.login()
                try await check(try await it.document(scene), it)
            } catch {
                await session.stop()
                throw error
            }
            await session.stop()
        }
    }

    /// The JSON examples of the documents, in their order.
    static let examples: [(document: String, schemas: [String])] = [
        ("docs/configuration.md", ["config"]), ("docs/headless.md", ["config"]),
        ("docs/auth-cli.md", ["auth-list", "token", "action-result", "auth-import", "vault-status", "vault-import", "error"]),
        ("docs/usage.md", ["usage-snapshot", "usage-event", "guard"]),
    ]

    @Test("The examples in the documents fit their schemas", arguments: 0..<4)
    func example(_ index: Int) async throws {
        let (document, schemas) = SchemaTests.examples[index]
        let blocks = try SchemaTests.text(document).components(separatedBy: "\n```json\n").dropFirst()
            .compactMap { $0.components(separatedBy: "\n```").first }
        try #require(blocks.count == schemas.count, "\(document) has \(blocks.count) examples")
        for (block, schema) in zip(blocks, schemas) {
            let verdict = try await Schema(name: schema).judge(Array(block.utf8))
            #expect(verdict == .fits(open: []), "\(document): \(block)")
            guard schema == "config" else { continue }
            let outcome = try await Scene.with(start: .empty, configuration: block) { scene in try await scene.run("config", "validate") }
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    @Test("No schema is published that nothing is checked against, and docs/auth-cli.md leads to each")
    func complete() throws {
        let cases = SchemaCase.accounts + SchemaCase.vault + SchemaCase.imports + SchemaCase.keyring + SchemaCase.agent
        #expect(try Schema.published() == Set(cases.map(\.schema)).sorted())
        let document = try SchemaTests.text("docs/auth-cli.md")
        let missing = try Schema.published().filter { !document.contains("](schemas/\($0).schema.json)") }
        #expect(missing.isEmpty)
    }

    @Test("The error codes of the document are those of every schema that names them")
    func errorCodes() throws {
        let section = try #require(try SchemaTests.text("docs/auth-cli.md").components(separatedBy: "\n## Error codes in JSON\n").last)
        let rows = (section.components(separatedBy: "\n## ").first ?? "").split(separator: "\n").filter { $0.hasPrefix("| `") }
        let codes = Set(rows.compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) })
        #expect(codes.count == rows.count && codes.count > 20)
        let error = try Schema(name: "error").json()["properties"]["error"]["properties"]["code"]["enum"]
        #expect(Set(error.array?.compactMap(\.string) ?? []) == codes)
        for name in ["usage", "usage-snapshot", "status"] {
            let row = try Schema(name: name).json()["$defs"]["snapshotError"]["properties"]["code"]["enum"]
            // No row comes from the agent's own trouble: without it the command works by itself.
            #expect(Set(row.array?.compactMap(\.string) ?? []) == codes.subtracting(["agent_not_running", "agent_broken"]), "\(name)")
        }
    }

    @Test(
        "The validator sees what is wrong",
        arguments: [
            ("token", #"{"schemaVersion":1}"#), ("vault-lock", #"{"schemaVersion":2,"locked":true,"reason":"x"}"#),
            ("vault-adopt", #"{"schemaVersion":1,"accounts":-1}"#), ("vault-adopt", #"{"schemaVersion":1,"accounts":1,"more":null}"#),
        ])
    func validator(_ schema: String, _ text: String) async throws {
        guard case .doesNotFit = try await Schema(name: schema).judge(Array(text.utf8)) else {
            Issue.record("\(schema) lets pass \(text)")
            return
        }
    }

    private static func text(_ document: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: Program.repository + "/" + document)), as: UTF8.self)
    }
}
