import Agent
import ArgumentParser
import Platform
import Vault

struct VaultStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show where secrets are kept and what opens them. Asks nobody.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        let inspection = try await attemptVault { () async throws(VaultError) in
            try await VaultInspection.run(context.service.vault)
        }
        context.output.result(VaultStatus.document(inspection, context), text: VaultStatus.text(inspection, context))
    }

    static func document(_ inspection: VaultInspection, _ context: CommandContext) -> JSONValue {
        let record = inspection.record
        return [
            "schemaVersion": 1, "backend": .optional(record?.backend.rawValue),
            "backendReason": .optional(record == nil ? "no vault yet" : "pinned in auth.json"),
            "identitySource": .optional(record?.identitySource.rawValue),
            "locked": record == nil ? nil : .bool(inspection.lockedBecause != nil),
            "generation": .optional(record?.generation), "accounts": .number(JSONNumber(inspection.accounts)),
            "path": .string(context.paths.data), "keyFile": .optional(record?.keyFile),
            "pending": .number(JSONNumber(inspection.pending)), "findings": .strings(inspection.findings),
        ]
    }

    static func line(_ inspection: VaultInspection, _ context: CommandContext) -> String {
        guard let record = inspection.record else { return "none yet (ai-usage-agent vault init)" }
        return "\(record.backend.rawValue), opened by \(record.identitySource.rawValue)"
            + (inspection.lockedBecause.map { ", locked: \($0)" } ?? "")
    }

    static func text(_ inspection: VaultInspection, _ context: CommandContext) -> String {
        guard let record = inspection.record else {
            return
                (["There is no vault yet.", "Make one: ai-usage-agent vault init --backend file --identity key-file"]
                + inspection.findings.map { "finding     \($0)" }).joined(separator: "\n")
        }
        var lines = [
            "backend     \(record.backend.rawValue) (pinned in auth.json)", "path        \(context.paths.data)",
            "opened by   \(record.identitySource.rawValue)\(record.keyFile.map { ": \($0)" } ?? "")",
            "locked      \(inspection.lockedBecause.map { "yes, \($0)" } ?? "no")", "accounts    \(inspection.accounts)",
            "generation  \(record.generation)",
        ]
        if inspection.pending > 0 { lines.append("pending     \(inspection.pending) (committed by the next token or refresh)") }
        // Why it is locked stands above.
        lines += inspection.findings.filter { $0 != inspection.lockedBecause }.map { "finding     \($0)" }
        return lines.joined(separator: "\n")
    }
}
