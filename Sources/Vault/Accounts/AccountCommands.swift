import Platform

/// What to type about an account. auth.json can be edited by hand: whatever stands there is one word of the command.
extension AccountRecord {
    package var loginCommand: String { "ai-usage-agent auth login \(ShellWord.quote(provider))" }
    package var tokenCommand: String { "ai-usage-agent token \(selection)" }
    package var refreshCommand: String { "ai-usage-agent auth refresh \(selection)" }
    package var logoutCommand: String { "ai-usage-agent auth logout \(selection)" }

    private var selection: String { "\(ShellWord.quote(provider)) --account \(ShellWord.quote(id))" }
}
