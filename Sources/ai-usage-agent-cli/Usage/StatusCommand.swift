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
        let snapshots = await UsageService(context.service).snapshots(metadata.accounts, includeRaw: false)
        // Asking for usage may have refreshed: show what is true now.
        let inspection = try await attemptVault { () async throws(VaultError) in
            try await VaultInspection.run(context.service.vault)
        }
        let listings = try await attempt { () async throws(OAuthError) in try await context.service.listings(provider: nil) }
        let document: JSONValue = [
            "schemaVersion": 1, "vault": VaultStatus.document(inspection, context), "agent": nil,
            "accounts": .array(listings.map(\.json)), "snapshots": .array(snapshots.map(\.json)),
        ]
        context.output.result(document, text: text(inspection, listings, snapshots, context))
    }

    private func text(_ inspection: VaultInspection, _ listings: [AccountListing], _ snapshots: [UsageSnapshot], _ context: CommandContext)
        -> String
    {
        let style = context.output.style
        var lines = ["\(style.bold("vault"))  \(VaultStatus.line(inspection, context))"]
        lines.append("\(style.bold("agent"))  none; every command works by itself")
        if inspection.pending > 0 {
            lines.append(
                "       " + style.yellow("\(inspection.pending) refresh waits in the journal; the next token or refresh commits it"))
        }
        if !listings.isEmpty { lines.append("") }
        for listing in listings {
            let record = listing.record
            let left = record.expiresAt.map { $0 - context.now }
            let token = left.map { $0 > 0 ? "token \(Moments.length($0)) left" : "token expired" } ?? "no expiry known"
            let state =
                record.status == .active
                ? style.green("active")
                : style.red(record.status.rawValue + (record.statusReason.map { " (\(TerminalText.escape($0, limit: 80)))" } ?? ""))
            lines.append(
                "\(listing.defaultReason == nil ? " " : "*") \(style.bold(record.provider))  \(record.title)  \(state)  \(style.dim(token))"
            )
        }
        lines.append("")
        lines.append(UsageText(style: style, columns: context.output.columns, now: context.now).render(snapshots))
        return lines.joined(separator: "\n")
    }
}
