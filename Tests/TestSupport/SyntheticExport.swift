package import Platform

/// An export as the documentation says it is (docs/vault.md), written by somebody else: for accounts that nobody logged in to.
package struct SyntheticExport: Sendable {
    package var document: JSONObject

    /// - Parameters:
    ///   - people: one Codex account each.
    ///   - generation: of their tokens.
    package init(_ people: [String], generation: Int = 1) {
        document = [
            "format": "ai-usage-agent/export", "version": 1, "vaultId": "00000000-0000-4000-8000-000000000000",
            "exportedAt": "2026-01-02T03:04:05Z", "machineSalt": "salt", "machine": .string(SyntheticExport.machine(salt: "salt")),
            "bundles": .array(people.map { SyntheticExport.bundle($0, generation) }),
        ]
    }

    package var text: String { JSONValue.object(document).compact }

    /// What this machine calls itself under that salt; "none" where it has no id.
    package static func machine(salt: String) -> String {
        guard let id = PublicFile.read("/etc/machine-id")?.split(separator: "\n").first else { return "none" }
        let (key, message) = (Array(salt.utf8), Array(id.utf8))
        return Hex.encode(HMACSHA256.authenticate(message.span, key: key.span).span)
    }

    private static func bundle(_ person: String, _ generation: Int) -> JSONValue {
        let digest = Hex.encode(SHA256.hash(Array(person.utf8).span).span)
        let id = "00000000-0000-4000-8000-" + digest.prefix(12)
        return [
            "accountId": .string(id), "provider": "codex", "accountKey": .string("user-\(person)__\(id)"), "providerAccountId": nil,
            "email": .string("\(person)@example.org"), "label": nil, "plan": "plus", "authType": "oauth", "scopes": ["openid"],
            "tokenType": "Bearer", "clientId": "app_EMoamEEZ73f0CkXaXp7hrann", "issuer": "https://auth.example.org",
            "origins": ["token": "https://auth.example.org"], "obtainedAt": "2026-01-02T03:04:05Z", "expiresAt": "2126-01-02T03:04:05Z",
            "generation": .number(JSONNumber(generation)), "accessToken": .string("at-\(digest)"), "refreshToken": .string("rt-\(digest)"),
            "idToken": nil,
        ]
    }
}
