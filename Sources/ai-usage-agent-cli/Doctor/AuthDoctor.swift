import ArgumentParser

struct AuthDoctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look for what is wrong with vault, accounts and machine. Asks nobody, spends no token.",
        discussion: """
            Ends with 6 where an error was found, with --strict also for a warning. Changes nothing without --fix.
              $ ai-usage-agent auth doctor
              $ ai-usage-agent auth doctor --fix
            """)

    @OptionGroup var global: GlobalOptions
    @Argument(help: "Only accounts of this provider.", completion: .providers) var provider: String?
    @OptionGroup var options: DoctorOptions
    @Flag(help: "Ask the providers' hosts, without a token, for their time.") var network = false

    func run() async throws {
        try await DoctorRun(global: global, provider: provider, options: options, scope: .audit, usesNetwork: network).run()
    }
}
