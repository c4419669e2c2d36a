package import Platform

/// What a vault holds, seen from outside: its export, opened by the real age.
package struct VaultContents: Sendable, Equatable, CustomStringConvertible {
    /// Each account's bundle, tokens and all, by the account's id.
    package let bundles: [String: JSONValue]
    /// The whole export.
    package let document: JSONValue

    /// - Throws: where the text is no export.
    package init(_ document: JSONValue) throws {
        guard let list = document["bundles"].array, document["format"] == "ai-usage-agent/export" else {
            throw AgeKey.Failed(description: "no export: \(document.compact.prefix(200))")
        }
        var bundles: [String: JSONValue] = [:]
        for bundle in list { bundles[bundle["accountId"].string ?? "?"] = bundle }
        guard bundles.count == list.count else { throw AgeKey.Failed(description: "an account is in the export twice") }
        self.bundles = bundles
        self.document = document
    }

    package static func == (a: VaultContents, b: VaultContents) -> Bool { a.bundles == b.bundles }

    package subscript(_ person: String) -> JSONValue? { bundles.values.first { $0["email"].string == "\(person)@example.org" } }

    package var description: String {
        bundles.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value["accessToken"].string?.suffix(8) ?? "?")" }.joined(separator: "\n")
    }
}

extension Scene {
    /// Every account with its tokens, by `vault export` to a key of the test.
    ///
    /// - Parameter options: what opens the vault.
    package func contents(_ options: [String] = [], descriptors: [Int32: [UInt8]] = [:]) async throws -> VaultContents {
        let path = home.path + "/export-key.txt"
        let key = home.exists(path) ? try await AgeKey(of: path) : try await AgeKey(at: path)
        let file = home.path + "/contents.age"
        if home.exists(file) { try home.delete(file) }
        let exported = await finish(
            try start(["vault", "export", "--recipient", key.recipient, "--output", file] + options, descriptors: descriptors))
        guard exported.status == 0 else { throw Failed(description: "\(exported)") }
        let opened = try await key.open(file)
        guard opened.status == 0 else { throw Failed(description: "\(opened)") }
        return try VaultContents(opened.json)
    }

    /// Whether a command that may meet another one that changes the whole vault ended as it may: done, or busy.
    package static func isDoneOrBusy(_ outcome: Outcome) -> Bool {
        outcome.status == 0 || outcome.status == 5 && (outcome.errorCode == "busy" || outcome.errorText.contains("while this command ran"))
    }
}
