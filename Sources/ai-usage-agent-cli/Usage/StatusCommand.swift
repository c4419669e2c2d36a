import Agent
import ArgumentParser
import OAuth
import Platform
import Providers
import Vault

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "One screen: vault, accounts, tokens, usage.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let metadata = try await attempt { () throws(OAuthError) in try context.service.metadata() }
        let agent = try await context.agentStatus()
        let isShown = !context.output.isJSON && context.output.showsProgress
        let snapshots: [UsageSnapshot]
        if agent?["locked"]?.bool == true {
            // The screen that says so is worth more than a refusal.
            snapshots = UsageService(context.service).lastReadings(of: metadata.accounts)
        } else {
            snapshots = try await Progress.run("asking", of: metadata.accounts.count, isShown: isShown) {
                (onProgress) async throws(CommandFailure) in
                try await context.readings(of: metadata.accounts, onProgress: onProgress)
            }
        }
        // Asking for usage may have refreshed: show what is true now.
        let inspection = try await attemptVault { () async throws(VaultError) in
            try await VaultInspection.run(context.service.vault)
        }
        let listings = try await attempt { () async throws(OAuthError) in try await context.service.listings(provider: nil) }
        let document: JSONValue = [
            "schemaVersion": 1, "vault": VaultStatus.document(inspection, context), "agent": agent.map(JSONValue.object) ?? .null,
            "accounts": .array(listings.map(\.json)), "snapshots": .array(snapshots.map(\.json)),
        ]
        context.output.result(document, text: text(inspection, agent, listings, snapshots, context))
    }

    private func text(
        _ inspection: VaultInspection, _ agent: JSONObject?, _ listings: [AccountListing], _ snapshots: [UsageSnapshot],
        _ context: CommandContext
    ) -> String {
        let style = context.output.style
        var lines = ["\(style.bold("vault"))  \(VaultStatus.line(inspection, context))"]
        lines.append("\(style.bold("agent"))  \(AgentStatus.line(agent))")
        if inspection.pending > 0 {
            lines.append(
                "       " + style.yellow("\(inspection.pending) refresh waits in the journal; the next token or refresh commits it"))
        }
        return StatusText(style: style, columns: context.output.columns, now: context.now).render(heading: lines, listings, snapshots)
    }
}
