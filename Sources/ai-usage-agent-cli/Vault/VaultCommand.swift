import ArgumentParser

struct VaultCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vault", abstract: "The encrypted store behind the logins.", subcommands: [VaultInit.self, VaultStatus.self])
}
