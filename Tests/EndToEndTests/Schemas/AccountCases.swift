import Foundation
import Platform
import TestSupport

extension SchemaCase {
    /// Accounts, tokens, usage, configuration and what can go wrong with them.
    static let accounts: [SchemaCase] =
        [
            .command("auth-list", "auth list", "without a vault", start: .empty),
            .command("auth-list", "auth list", "several accounts, one of them dead") { scene in
                try await scene.login("acme")
                try await scene.login("codex", ["--account", "work"], as: "bob")
                try await scene.require("auth", "use", "codex", "work")
                try await scene.provider.revokeAll()
                _ = try await scene.run("auth", "refresh", "codex")
            },
            .command("auth-doctor", "auth doctor", "without a vault", start: .empty),
            .command("auth-doctor", "auth doctor"),
            .command("auth-doctor", "doctor"), .command("auth-doctor", "doctor codex", "without a vault", start: .empty),
            .command("auth-doctor", "auth doctor codex --strict", "with errors", status: 6) { scene in
                try scene.home.change(mode: 0o644, of: scene.home.keyFile)
                try scene.home.delete(scene.home.sealedFile)
            },
            .command("token", "token codex"),
            .command("token", "token acme", start: .vault) { scene in try await scene.login("acme") },
            SchemaCase("action-result", "auth login, the first", start: .vault) { scene in
                try output(try await scene.login("codex", ["--json", "--account", "work"]))
            },
            SchemaCase("action-result", "auth login, once more") { scene in try output(try await scene.login("codex", ["--json"])) },
            .command("action-result", "auth refresh codex"),
            .command("action-result", "auth use codex ada@example.org"),
            .command("action-result", "auth use codex --auto"),
            .command("action-result", "auth logout codex --revoke"),
            .command("action-result", "auth logout codex --all --revoke", "the provider is gone") { scene in
                try await scene.login("codex", as: "bob")
                await scene.provider.stop()
            },
            .command("usage", "usage", "without accounts", start: .empty),
            .command("usage", "usage", "one of two accounts fails") { scene in
                try await scene.login("codex", as: "bob")
                try await scene.provider.misbehave("usage-500")
            },
            .command("usage", "usage codex", "too many requests", status: 5) { scene in try await scene.provider.misbehave("usage-429") },
            .command("usage", "usage --raw", open: ["/snapshots/*/raw…"]),
            .command("usage", "usage --refresh", "a reading from before with an error") { scene in
                try await scene.require("usage")
                try await scene.provider.misbehave("usage-500", count: 1)
                try await scene.refreshUsage { $0["error"]["code"] == "provider_unavailable" }
            },
            SchemaCase("usage", "the snapshots of the golden answers", start: .empty) { _ in try golden() },
            .command("usage-history", "usage history", "without a history", start: .empty),
            .command("usage-history", "usage history --since 24h", "samples and events", after: eventful),
            SchemaCase("usage-event", "one event of usage history") { scene in
                try await eventful(scene)
                guard let event = try await scene.require("usage", "history", "--json").json["events"].array?.first else {
                    throw Schema.Failure(description: "no event")
                }
                return Array(event.compact.utf8)
            },
            .command("guard", "guard codex --min-remaining 20"),
            .command("guard", "guard codex --min-remaining 90 --window weekly", "below", status: 10),
            .command("guard", "guard codex --min-remaining 20", "unknown", status: 11) { scene in
                try await scene.provider.misbehave("usage-null-windows")
            },
            .command("usage", "usage", "unknown windows") { scene in try await scene.provider.misbehave("usage-extra") },
            SchemaCase("usage-snapshot", "usage, one snapshot") { scene in try snapshot(try await scene.run("usage", "--json")) },
            SchemaCase("usage-snapshot", "usage, one snapshot with an error") { scene in
                try await scene.provider.misbehave("usage-html-403")
                return try snapshot(try await scene.run("usage", "--json"))
            },
            .command("status", "status", "without a vault", start: .empty),
            .command("status", "status", "two accounts") { scene in try await scene.login("codex", as: "bob") },
            .command("auth-login-dry-run", "auth login codex --dry-run", start: .empty),
            .command("auth-login-dry-run", "auth login acme --dry-run --port 4711", start: .empty) { scene in
                try scene.configure(
                    """
                    {"schemaVersion": 1, "providers": {"acme": {"type": "oidc", "clientId": "cli",
                      "endpoints": {"authorization": "BASE/authorize", "token": "BASE/token"}}}}
                    """)
            },
        ] + configuration + failures + files

    /// A reading, and another one with the limit reached.
    private static func eventful(_ scene: Scene) async throws {
        try await scene.require("usage")
        try await scene.provider.misbehave("usage-limit", count: 1)
        try await scene.refreshUsage { $0["status"]["bucket"] == "usage_window" }
    }

    /// What every file of Tests/LibraryTests/Providers/Golden says that an answer becomes, as one document.
    private static func golden() throws -> [UInt8] {
        let folder = Program.repository + "/Tests/LibraryTests/Providers/Golden"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".json") }.sorted()
        let snapshots = try names.map { name in
            try JSONValue(parsing: String(decoding: Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)), as: UTF8.self))["snapshot"]
        }
        guard snapshots.count >= 40 else { throw Schema.Failure(description: "only \(snapshots.count) golden answers") }
        let document: JSONValue = ["schemaVersion": 1, "generatedAt": "2026-09-21T14:13:20Z", "snapshots": .array(snapshots)]
        return Array(document.compact.utf8)
    }

    private static func snapshot(_ outcome: Outcome) throws -> [UInt8] {
        guard let first = outcome.json["snapshots"].array?.first else { throw Schema.Failure(description: "no snapshot: \(outcome)") }
        return Array(first.compact.utf8)
    }

    private static let configuration: [SchemaCase] = [
        .command("config-path", "config path", start: .empty),
        .command("config-init", "config init --force", start: .empty),
        .command("config-validate", "config validate", start: .empty),
        .command("config-validate", "config validate", "with notes", start: .empty) { scene in
            try scene.configure(#"{"schemaVersion": 1, "network": {"timeoutSeconds": 60}, "usage": {"pollSeconds": 9}}"#)
        },
        .command("config", "config show", start: .empty),
        .command("config", "config show", "without a file", start: .empty) { scene in try scene.home.delete(scene.home.configurationFile) },
        .command("config", "config show", "every setting of the vault", start: .empty) { scene in
            try scene.configure(
                """
                {"schemaVersion": 1, "vault": {"backend": "file", "identity": ["passphrase"], "keyFile": "/k", "pinentry": "/usr/bin/pinentry",
                  "passphraseCommand": ["pass", "aua"], "allowNetworkFilesystem": true}}
                """)
        },
        SchemaCase("config", "what config init writes", start: .empty) { scene in
            try await scene.require("config", "init", "--force")
            return try scene.home.read(scene.home.configurationFile)
        },
    ]

    private static let failures: [SchemaCase] = [
        .failure("token", "usage_error", 64, start: .empty),
        .failure("token codex", "no_such_account", 3, start: .empty),
        .failure("auth login codex --no-open", "vault_missing", 4, start: .empty),
        .failure("token codex --account user-", "ambiguous_account", 64) { scene in try await scene.login("codex", as: "bob") },
        .failure("auth refresh codex", "login_required", 3) { scene in try await scene.provider.revokeAll() },
        .failure("auth refresh codex", "network", 5) { scene in await scene.provider.stop() },
        .failure("auth list", "vault_corrupt", 65) { scene in try scene.home.write(Array("{".utf8), to: scene.home.metadataFile) },
        .failure("config validate", "config_invalid", 78, start: .empty) { scene in try scene.configure("{}") },
    ]

    /// auth.json lets a newer version's members pass; the list of pins is one of names.
    private static let files: [SchemaCase] = [
        SchemaCase("auth-store", "auth.json of a new vault", start: .vault, open: ["/", "/vault"]) { scene in
            try scene.home.read(scene.home.metadataFile)
        },
        SchemaCase("auth-store", "auth.json after a login, a pause and a pin", open: ["/", "/accounts/*", "/vault"]) { scene in
            try await scene.require("auth", "use", "codex", "ada@example.org")
            try await scene.provider.misbehave("status-503")
            _ = try await scene.run("auth", "refresh", "codex")
            return try scene.home.read(scene.home.metadataFile)
        },
        SchemaCase("auth-store", "auth.json after the end of a login", open: ["/", "/accounts/*", "/vault"]) { scene in
            try await scene.provider.revokeAll()
            _ = try await scene.run("auth", "refresh", "codex")
            return try scene.home.read(scene.home.metadataFile)
        },
    ]
}
