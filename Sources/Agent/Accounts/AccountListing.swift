package import Platform
package import Vault

/// One row of `auth list`: the record and whether and why it is the default.
package struct AccountListing: Sendable {
    package let record: AccountRecord
    /// Nil for an account that is not its provider's default.
    package let defaultReason: AccountSelection.Reason?

    /// By provider, in the order of auth.json.
    ///
    /// - Parameter provider: its canonical name; nil for all.
    package static func all(_ metadata: Metadata, provider: String?) -> [AccountListing] {
        let providers = Set(metadata.accounts.map(\.provider)).filter { provider == nil || $0 == provider }.sorted()
        return providers.flatMap { name in
            let chosen = AccountSelection.defaultAccount(of: name, in: metadata)
            return metadata.accounts.filter { $0.provider == name }.map { record in
                AccountListing(record: record, defaultReason: chosen?.account.id == record.id ? chosen?.reason : nil)
            }
        }
    }

    /// A row of docs/schemas/auth-list.schema.json.
    package var json: JSONValue {
        [
            "id": .string(record.id), "provider": .string(record.provider), "accountKey": .string(record.accountKey),
            "label": .optional(record.label), "email": .optional(record.email), "plan": .optional(record.plan),
            "authType": .string(record.authType.rawValue), "source": .string(record.source), "scopes": .strings(record.scopes),
            "expiresAt": .optional(record.expiresAt?.description), "loginExpiresAt": .optional(record.loginExpiresAt?.description),
            "refreshable": .bool(record.refreshable), "status": .string(record.status.rawValue),
            "statusReason": .optional(record.statusReason), "lastUsedAt": .optional(record.lastUsedAt?.description),
            "lastRefreshAt": .optional(record.lastRefreshAt?.description), "isDefault": .bool(defaultReason != nil),
            "defaultReason": .optional(defaultReason?.rawValue), "insecure": .bool(record.insecure),
        ]
    }
}
