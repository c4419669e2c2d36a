import ArgumentParser

struct VaultCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vault", abstract: "The protected store behind the logins.",
        subcommands: [
            VaultInit.self, VaultStatus.self, VaultUnlock.self, VaultLock.self, VaultMigrate.self, VaultRekeyCommand.self,
            VaultChangePassphrase.self, VaultExportCommand.self, VaultImportCommand.self, VaultAdopt.self,
        ])
}
