import Agent
import Platform
import Providers
import Vault

/// `usage --watch`: asks by the plan, shows what any process has learned, and never ends by itself.
struct UsageWatch {
    let context: CommandContext
    let service: UsageService
    let format: UsageFormat

    func run(_ accounts: () async throws -> [AccountRecord]) async throws -> Never {
        let isScreen = format == .text && Terminal.isTerminal(.output) && context.environment["TERM"] != "dumb"
        var last = ""
        if isScreen { write("\u{1B}[2J") }
        while true {
            let now = try await accounts()
            // A running agent asks for the accounts of the vault, by the same plan.
            let hasAgent = try await context.agentStatus() != nil
            _ = await service.pollDue(hasAgent ? now.filter { $0.owner != .vault } : now)
            let snapshots = service.lastReadings(of: now)
            if isScreen {
                let text = screen(snapshots)
                if text != last { write(text) }
                last = text
            } else {
                // Countdowns go on; what is printed again is what was learned.
                let text = snapshots.map(\.json.compact).joined()
                if text != last { context.output.print(rendered(snapshots, context.output.columns)) }
                last = text
            }
            await TimeSource.system.sleep(isScreen ? .seconds(1) : pause(now))
        }
    }

    /// Until the next poll, and never so long that another process's reading is shown late.
    private func pause(_ accounts: [AccountRecord]) -> Duration {
        .seconds(min(max((service.nextPollAt(accounts) ?? context.now + 10) - context.now, 1), 10))
    }

    private func rendered(_ snapshots: [UsageSnapshot], _ columns: Int) -> String {
        format.render(snapshots, context.output.style, columns: columns, now: context.now, isPlain: !context.output.style.hasColour)
    }

    static func picture(_ text: UsageText, _ snapshots: [UsageSnapshot]) -> String {
        text.render(snapshots) + "\n\n" + text.style.dim("asked by the plan; Ctrl-C ends")
    }

    /// The whole picture, drawn over the one before: no line of it is left, and none flickers.
    private func screen(_ snapshots: [UsageSnapshot]) -> String {
        let columns = Terminal.columns(.output) ?? context.output.columns
        let text = UsageText(style: context.output.style, columns: columns, now: context.now)
        let lines = UsageWatch.picture(text, snapshots).split(separator: "\n", omittingEmptySubsequences: false)
        return "\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\n") + "\u{1B}[J"
    }

    private func write(_ text: String) {
        if !Terminal.write(text, to: .output) { Output.failed() }
    }
}
