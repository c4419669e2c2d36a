import ArgumentParser

struct AuthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "auth", abstract: "Log in and out, list and choose accounts, look for what is wrong.",
        subcommands: [
            AuthLogin.self, AuthList.self, AuthUse.self, AuthRefresh.self, AuthLogout.self, AuthImport.self, AuthAccess.self,
            AuthDoctor.self,
        ])
}
