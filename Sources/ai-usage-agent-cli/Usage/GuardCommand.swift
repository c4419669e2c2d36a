import Agent
import ArgumentParser
import OAuth
import Platform
import Providers
import Vault

struct GuardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guard", abstract: "Say by the exit code whether enough is left: 0 enough, 10 below, 11 unknown.",
        discussion: """
            $ ai-usage-agent guard codex --min-remaining 20 && long-job
            $ ai-usage-agent guard claude --min-remaining 10 --window weekly
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var selection: AccountOption
    @Argument(help: "The provider.", completion: .providers) var provider: String
    @Option(name: .customLong("min-remaining"), help: ArgumentHelp("Percent that must be left.", valueName: "n")) var minRemaining: Double
    @Option(
        help: ArgumentHelp("Only windows of this kind: session, weekly, monthly, scoped or other.", valueName: "kind"),
        completion: .list(["session", "weekly", "monthly", "scoped", "other"]))
    var window: UsageWindow.Kind?

    func validate() throws {
        guard minRemaining.isFinite, (0...100).contains(minRemaining) else {
            throw ValidationError("--min-remaining must be between 0 and 100")
        }
    }

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let name = ProviderCatalog.canonical(provider)
        let account = try await attempt(name, account: selection.account) { () throws(OAuthError) in
            try context.service.account(name, named: selection.account)
        }
        guard let snapshot = try await context.readings(of: [account]).first else { throw ExitCode(11) }
        let verdict = GuardVerdict(snapshot, minRemaining: minRemaining, kind: window, now: context.now)
        let document: JSONValue = [
            "schemaVersion": 1, "provider": .string(name), "accountId": .string(account.id),
            "minRemaining": .optional(minRemaining), "remainingPercent": .optional(verdict.remaining),
            "window": .optional(verdict.window), "enough": verdict.isEnough.map(JSONValue.bool) ?? .null,
            "reason": .string(verdict.reason), "stale": .bool(snapshot.stale), "fetchedAt": .optional(snapshot.fetchedAt?.description),
        ]
        context.output.result(document, text: "\(name): " + TerminalText.escape(verdict.reason))
        if let code = verdict.exitCode { throw ExitCode(code) }
    }
}

extension UsageWindow.Kind: ExpressibleByArgument {}

/// Whether enough is left, by one snapshot.
///
/// Within a window the use only grows: an old reading that says "too little" still holds, one that says "enough" does not.
struct GuardVerdict: Equatable {
    let remaining: Double?
    /// The id of the tightest window.
    let window: String?
    /// Nil: unknown.
    let isEnough: Bool?
    let reason: String

    var exitCode: Int32? { isEnough.map { $0 ? nil : 10 } ?? 11 }

    init(_ snapshot: UsageSnapshot, minRemaining: Double, kind: UsageWindow.Kind?, now: Timestamp) {
        let windows = snapshot.windows.filter { window in kind.map { window.kind == $0 } ?? (window.kind != .scoped) }
        let live = windows.filter { $0.resetsAt.map { $0 > now } ?? true }
        let measured = live.filter { $0.usedPercent != nil }
        let tightest = measured.max { ($0.usedPercent ?? 0) < ($1.usedPercent ?? 0) }
        let isBlocked = snapshot.bucket == .usageWindow && kind == nil && live.count == windows.count
        let used: Double? = isBlocked ? max(100, tightest?.usedPercent ?? 100) : tightest?.usedPercent
        let left = used.map { max(0, 100 - $0) }
        remaining = left
        window = tightest?.id
        let isKnown = snapshot.failure == nil && !snapshot.stale && !windows.isEmpty && measured.count == live.count
        let title = tightest.map { " (\($0.title))" } ?? ""
        let numbers = left.map { "\(GuardVerdict.number($0)) % left\(title)" } ?? ""
        if let left, left < minRemaining {
            isEnough = false
            reason = "\(numbers), less than \(GuardVerdict.number(minRemaining)) %"
        } else if left != nil, isKnown {
            isEnough = true
            reason = numbers
        } else {
            isEnough = nil
            reason =
                "unknown: " + (snapshot.failure?.message ?? (windows.isEmpty ? "no such window is reported" : "the last reading is over"))
        }
    }

    private static func number(_ value: Double) -> String { JSONNumber((value * 10).rounded() / 10)?.literal ?? "?" }
}
