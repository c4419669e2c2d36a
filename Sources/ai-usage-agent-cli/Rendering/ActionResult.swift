import Platform
import Vault

/// One line of what a changing command did, for `auth login|refresh|use|logout`.
struct ActionResult {
    let account: AccountRecord
    let action: String
    var warning: String?

    static func document(_ provider: String, _ results: [ActionResult]) -> JSONValue {
        [
            "schemaVersion": 1, "provider": .string(provider),
            "results": .array(results.map { .object($0.json) }),
        ]
    }

    var json: JSONObject {
        [
            "accountId": .string(account.id), "accountKey": .string(account.accountKey), "email": .optional(account.email),
            "label": .optional(account.label), "action": .string(action), "status": .string(account.status.rawValue),
            "expiresAt": .optional(account.expiresAt?.description), "warning": .optional(warning),
        ]
    }
}

extension AccountRecord {
    /// "ada@example.org (plus)", safe to show.
    var title: String { TerminalText.escape(displayName, limit: 80) + (plan.map { " (\(TerminalText.escape($0, limit: 30)))" } ?? "") }
}
