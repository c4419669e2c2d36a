import Platform
import TestSupport

extension SchemaCase {
    /// The agent, and what other commands say beside it.
    static let agent: [SchemaCase] = [
        .command("error", "agent status", "without an agent", status: 4),
        .command("agent-install", "agent install"),
        .command("agent-units", "agent install --print"),
        .command("agent-units", "agent install --print --system"),
        .command("agent-uninstall", "agent uninstall", "without units"),
        .command("action-result", "auth access codex off"),
        beside("agent-status", "agent", "status"),
        beside("agent-stop", "agent", "stop"),
        beside("vault-lock", "vault", "lock"),
        beside("vault-unlock", "vault", "unlock"),
        beside("action-result", "auth", "refresh", "codex"),
        beside("action-result", "auth", "logout", "codex"),
        beside("token", "token", "codex"),
        beside("status", "status"),
    ]

    /// A command while an agent runs.
    private static func beside(_ schema: String, _ arguments: String...) -> SchemaCase {
        SchemaCase(schema, arguments.joined(separator: " ") + ", with an agent") { scene in
            try await RunningAgent.with(scene) { _ in try output(try await scene.run(arguments + ["--json"])) }
        }
    }
}
