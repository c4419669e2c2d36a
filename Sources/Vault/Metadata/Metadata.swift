import Platform

/// The content of auth.json.
package struct Metadata: Sendable, Equatable {
    /// The newest layout this program knows; a file with a newer one is refused untouched.
    package static let schemaVersion = 1

    /// Nil before `vault init` or the first login.
    package var vault: VaultRecord?
    /// In the order of the file; ids are unique.
    package var accounts: [AccountRecord] = []
    /// Provider to account id: what `auth use` pinned.
    package var pins: [String: String] = [:]
    private var unknown = JSONObject()

    package init() {}

    package func account(id: String) -> AccountRecord? { accounts.first { $0.id == id } }

    /// Changes the account in place; does nothing if it is gone.
    package mutating func updateAccount(id: String, _ change: (inout AccountRecord) -> Void) {
        guard let index = accounts.firstIndex(where: { $0.id == id }) else { return }
        change(&accounts[index])
    }

    /// Removes the account, and the pin on it.
    package mutating func removeAccount(id: String) {
        accounts.removeAll { $0.id == id }
        pins = pins.filter { $0.value != id }
    }
}

extension Metadata {
    /// - Throws: `corrupt`, naming the file and what is wrong in it; the file stays as it is.
    init(parsing text: Span<UInt8>, path: String) throws(VaultError) {
        func corrupt(_ reason: String) -> VaultError {
            VaultError(.corrupt, "\(path): \(reason)", remedy: "restore it from a backup or repair the line; it was not changed")
        }
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue(parsing: text) } catch { throw corrupt(error.description) }
        do throws(MetadataReader.Problem) {
            var reader = try MetadataReader(value, "the file")
            let version = try reader.count("schemaVersion")
            guard version <= Metadata.schemaVersion else {
                throw reader.problem(
                    "schemaVersion",
                    "is \(version), this program knows \(Metadata.schemaVersion): use the newer ai-usage-agent that wrote it")
            }
            let record = reader.take("vault")
            vault = record.isNull ? nil : try VaultRecord(record)
            let list = reader.take("accounts")
            guard let elements = list.array else { throw reader.problem("accounts", "is no list") }
            for element in elements { accounts.append(try AccountRecord(element)) }
            guard Set(accounts.map(\.id)).count == accounts.count else { throw reader.problem("accounts", "holds an id twice") }
            let defaults = reader.take("defaults")
            if !defaults.isNull {
                guard let defaults = defaults.object else { throw reader.problem("defaults", "is no object") }
                for member in defaults.members {
                    guard let id = member.value.string else { throw reader.problem("defaults", "holds something that is no string") }
                    pins[member.name] = id
                }
            }
            unknown = reader.rest
        } catch { throw corrupt(error.description) }
    }

    var text: String {
        var defaults = JSONObject()
        for (provider, id) in pins.sorted(by: { $0.key < $1.key }) { defaults[provider] = .string(id) }
        var object: JSONObject = [
            "schemaVersion": .number(JSONNumber(Metadata.schemaVersion)), "vault": vault?.json ?? .null,
            "accounts": .array(accounts.map(\.json)), "defaults": .object(defaults),
        ]
        for member in unknown.members { object[member.name] = member.value }
        return JSONValue.object(object).pretty + "\n"
    }
}
