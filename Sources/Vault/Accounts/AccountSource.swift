import Platform

/// Whose tokens an account uses, as the first word of its `source` says; in the order in which they are preferred.
package enum AccountOwner: Int, Sendable, Comparable {
    /// This vault: logged in here, or taken over from another program for good.
    case vault
    /// A variable of the environment.
    case environment
    /// Another program, whose access token is read and whose refresh token is never spent (recovery rule R4).
    case otherProgram

    package static func < (a: AccountOwner, b: AccountOwner) -> Bool { a.rawValue < b.rawValue }
}

extension AccountRecord {
    /// Logged in here.
    package static let ownSource = "agent-store"
    /// A token in a variable.
    package static let environmentSource = "env"
    /// `statusReason` of a login that was sealed here and may still stand in the other program's store.
    package static let unfinishedMove = "unfinished_move"
    private static let referencePrefix = "reference:"
    private static let importPrefix = "import:"

    /// Another program's login, which stays where it is.
    package static func referenceSource(_ program: String) -> String { referencePrefix + program }
    /// A login that was moved here from that program.
    package static func importSource(_ program: String) -> String { importPrefix + program }

    /// By the first word of `source`; what is neither a variable's nor a reference is the vault's.
    package var owner: AccountOwner {
        if source == AccountRecord.environmentSource { return .environment }
        return source.hasPrefix(AccountRecord.referencePrefix) ? .otherProgram : .vault
    }

    /// The program that a reference belongs to, or that the login was moved from.
    package var sourceProgram: String? {
        for prefix in [AccountRecord.referencePrefix, AccountRecord.importPrefix] where source.hasPrefix(prefix) {
            return String(source.dropFirst(prefix.count))
        }
        return nil
    }
}

/// Where another program keeps a login: which store, and which of its entries. No secret.
package struct AccountReference: Sendable, Equatable {
    /// What kind of store it is.
    package enum Kind: String, Sendable {
        /// A JSON file.
        case file
        /// An SQLite database.
        case database
        /// An item of the Secret Service.
        case keyring
    }

    package let kind: Kind
    /// Absolute path of the file or database; the item's `username` in a keyring.
    package let place: String
    /// The name that the program itself gives the login.
    package let entry: String

    package init(kind: Kind, place: String, entry: String) {
        self.kind = kind
        self.place = place
        self.entry = entry
    }

    /// Reads `reference` of an account; nil where there is none.
    init?(_ value: JSONValue) throws(MetadataReader.Problem) {
        if value.isNull { return nil }
        var reader = try MetadataReader(value, "reference")
        kind = try reader.choice("kind", Kind.init)
        place = try reader.text("place")
        entry = try reader.text("entry")
    }

    var json: JSONValue { ["kind": .string(kind.rawValue), "place": .string(place), "entry": .string(entry)] }
}
