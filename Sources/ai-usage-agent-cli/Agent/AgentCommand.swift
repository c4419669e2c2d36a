import ArgumentParser

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "The program that holds the vault open and hands out tokens at once.",
        subcommands: [AgentRun.self, AgentStatus.self, AgentStop.self, AgentInstall.self, AgentUninstall.self])
}
