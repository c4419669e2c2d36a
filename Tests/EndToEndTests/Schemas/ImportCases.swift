import Platform
import TestSupport

extension SchemaCase {
    /// Logins of other programs, and tokens of the environment.
    static let imports: [SchemaCase] = [
        .command("auth-import", "auth import codex", "by reference", start: .empty, after: plant),
        .command("auth-import", "auth import codex --dry-run", start: .empty, after: plant),
        .command("auth-import", "auth import codex --move --dry-run", start: .empty, after: plant),
        .command("auth-import", "auth import openclaw", "with a part that is skipped", start: .empty, after: plant),
        .command("auth-import", "auth import claude-code", "nothing says whose it is", start: .empty, after: plant),
        .command("auth-import", "auth import codex", "once more", start: .empty) { scene in
            try await plant(scene)
            try await scene.require("auth", "import", "codex")
        },
        .command("auth-import", "auth import codex --move", start: .vault) { scene in
            try scene.home.plant(try await scene.foreignGrant().codex, at: ".codex/auth.json")
        },
        .command("auth-import", "auth import codex", "beside a login of its own") { scene in
            var grant = ForeignGrant.synthetic("ada")
            guard let own = try await scene.contents()["ada"] else { throw Schema.Failure(description: "no login") }
            grant.access = own["accessToken"].string ?? ""
            grant.id = own["idToken"].string ?? ""
            try scene.home.plant(grant.codex, at: ".codex/auth.json")
        },
        .failure("auth import pi", "login_required", 3, start: .empty),
        .command("auth-list", "auth list", "references and tokens of the environment", start: .empty, after: references),
        .command("status", "status", "references and tokens of the environment", start: .empty, after: references),
        .command("token", "token codex --account env:codex", start: .empty, after: references),
        .command("action-result", "auth use codex env:codex", start: .empty, after: references),
        SchemaCase("auth-store", "auth.json with references", start: .empty, open: ["/", "/accounts/*"]) { scene in
            try await references(scene)
            return try scene.home.read(scene.home.metadataFile)
        },
    ]

    private static func plant(_ scene: Scene) async throws {
        var grant = ForeignGrant.synthetic("ada")
        try scene.home.plant(grant.codex, at: ".codex/auth.json")
        try scene.home.plant(grant.openclaw, at: ".openclaw/agents/main/agent/auth-profiles.json")
        grant.access = "sk-ant-oat01-example"
        try scene.home.plant(grant.claudeCode, at: ".claude/.credentials.json")
    }

    private static func references(_ scene: Scene) async throws {
        try await plant(scene)
        try await scene.require("auth", "import", "codex")
        try await scene.require("auth", "import", "claude-code")
        scene.variables.withLock { $0["AI_USAGE_AGENT_CODEX_TOKEN"] = ForeignGrant.synthetic("bob").access }
    }
}
