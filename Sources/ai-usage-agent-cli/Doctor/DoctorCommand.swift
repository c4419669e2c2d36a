import ArgumentParser

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look at the installation, the configuration and the providers' hosts, then at everything that `auth doctor` looks at.",
        discussion: """
            Each host gets one request without a token, all at once, and has 3 seconds. Ends with 6 where an error was found, with
            --strict also for a warning. Changes nothing without --fix.
              $ ai-usage-agent doctor
            """)

    @OptionGroup var global: GlobalOptions
    @Argument(help: "Only hosts and accounts of this provider.", completion: .providers) var provider: String?
    @OptionGroup var options: DoctorOptions

    func run() async throws {
        try await DoctorRun(global: global, provider: provider, options: options, scope: .installation, usesNetwork: true).run()
    }
}
