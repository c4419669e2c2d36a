import Agent
import ArgumentParser
import OAuth
import Platform
import Providers
import Vault

struct AuthList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the accounts, their status, and which one is the default and why.")

    @OptionGroup var global: GlobalOptions
    @Argument(help: "Only this provider.", completion: .providers) var provider: String?

    func run() async throws {
        let context = try CommandContext(global)
        let listings = try await attempt { () async throws(OAuthError) in
            try await context.service.listings(provider: provider.map(ProviderCatalog.canonical))
        }
        let document: JSONValue = ["schemaVersion": 1, "accounts": .array(listings.map(\.json))]
        context.output.result(document, text: text(listings, context))
    }

    private func text(_ listings: [AccountListing], _ context: CommandContext) -> String {
        if listings.isEmpty {
            return
                "No accounts\(provider.map { " of \(TerminalText.escape($0, limit: 60))" } ?? ""). Log in: ai-usage-agent auth login \(TerminalText.escape(provider ?? "codex", limit: 60))"
        }
        var table = Table(["", "PROVIDER", "LABEL", "EMAIL", "PLAN", "AUTH", "STATUS", "TOKEN EXPIRES", "SOURCE", "ID", "ACCOUNT KEY"])
        for listing in listings {
            let record = listing.record
            table.add([
                listing.defaultReason == nil ? "" : "*", record.provider, record.label ?? "-", record.email ?? "-", record.plan ?? "-",
                record.authType.rawValue,
                record.status.rawValue + (record.statusReason.map { " (\($0))" } ?? "") + (record.insecure ? " insecure" : ""),
                record.expiresAt.map { Moments.until($0, now: context.now) } ?? "-", record.source, record.id, record.accountKey,
            ])
        }
        let reasons = listings.compactMap { listing in
            listing.defaultReason.map { "* default of \(listing.record.provider): \(reason($0))" }
        }
        return table.render(context.output.style) + "\n" + reasons.joined(separator: "\n")
    }

    private func reason(_ reason: AccountSelection.Reason) -> String {
        switch reason {
        case .only: "the only account"
        case .pinned: "pinned with auth use"
        case .lastUsed: "used last"
        case .source: "its source comes before those of the others"
        }
    }
}
