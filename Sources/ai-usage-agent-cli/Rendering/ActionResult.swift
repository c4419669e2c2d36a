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
            "results": .array(
                results.map { result in
                    [
                        "accountId": .string(result.account.id), "accountKey": .string(result.account.accountKey),
                        "email": .optional(result.account.email), "label": .optional(result.account.label),
                        "action": .string(result.action),
                        "status": .string(result.account.status.rawValue), "expiresAt": .optional(result.account.expiresAt?.description),
                        "warning": .optional(result.warning),
                    ]
                }),
        ]
    }
}

extension AccountRecord {
    /// "ada@example.org (plus)", safe to show.
    var title: String { TerminalText.escape(displayName, limit: 80) + (plan.map { " (\(TerminalText.escape($0, limit: 30)))" } ?? "") }
}
