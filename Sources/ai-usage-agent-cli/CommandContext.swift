import Agent
import Logging
import OAuth
import Platform
import Providers
import Vault

/// Everything a command works with, made once: environment, paths, configuration, service. No command reads a global.
struct CommandContext {
    let environment: ProcessEnvironment
    let paths: VaultPaths
    let configuration: Configuration
    let service: AgentService
    let agent: AgentContact
    let passphrase: PassphraseReader
    let output: Output
    let logger: Logger

    /// - Parameters:
    ///   - log: what is logged without --verbose.
    ///   - isAgent: this is the agent, which nobody else's lock holds.
    init(
        _ global: GlobalOptions, _ passphraseOptions: PassphraseOptions? = nil, log: Logger.Level = .error, isAgent: Bool = false
    ) throws(CommandFailure) {
        try self.init(CommandSettings(global, passphraseOptions), log: log, isAgent: isAgent)
    }

    /// - Parameters:
    ///   - configuration: nil to read config.json.
    ///   - takesTurns: false for who only looks: turns at the keyring are files.
    init(
        _ settings: CommandSettings, log: Logger.Level = .error, configuration given: Configuration? = nil, takesTurns: Bool = true,
        isAgent: Bool = false
    ) throws(CommandFailure) {
        environment = ProcessEnvironment.current()
        output = Output(settings, environment)
        paths = try CommandContext.paths(environment)
        do throws(ConfigurationError) {
            if let given { configuration = given } else { configuration = try ConfigurationReader(path: paths.configurationFile).read() }
        } catch { throw CommandFailure(error) }
        let isVerbose = settings.verbose
        logger = Logger(label: "ai-usage-agent") { _ in StandardErrorLog(level: isVerbose ? .debug : log) }

        let source = try CommandContext.source(settings, configuration)
        passphrase = PassphraseReader(source: source, environment: environment.all)

        let sources = VaultSources(
            paths: paths, passphrase: passphrase,
            keyring: KeyringHelper(
                program: KeyringHelper.locate(), environment: environment, time: .system, locks: takesTurns ? paths.locks : nil),
            credentialsDirectory: environment["CREDENTIALS_DIRECTORY"], mayAskPerson: settings.mayUnlock)
        let agent = AgentContact(AgentClient(paths), output)
        self.agent = agent
        let vault = Vault(
            sources: sources, time: .system,
            machineId: PublicFile.read("/etc/machine-id")?.split(separator: "\n").first.map(String.init),
            allowNetworkFilesystem: configuration.allowNetworkFilesystem,
            isHeldElsewhere: { isAgent ? false : await agent.holdsVaultLocked() })
        service = CommandContext.service(configuration, vault, environment, logger)
    }

    /// The service over an open vault by another reading of the configuration: for a program that outlives it. A token in a
    /// variable is its owner's alone.
    func service(_ configuration: Configuration, _ vault: Vault) -> AgentService {
        CommandContext.service(configuration, vault, ProcessEnvironment(environment.all), logger)
    }

    private static func service(
        _ configuration: Configuration, _ vault: Vault, _ environment: ProcessEnvironment, _ logger: Logger
    ) -> AgentService {
        var transport = HTTPTransport.Settings(userAgent: "ai-usage-agent/\(Version.current)")
        transport.proxy = configuration.proxy
        transport.authorityFiles = [environment["SSL_CERT_FILE"], configuration.caFile].compactMap { $0 }
        return AgentService(
            vault: vault, http: HTTPTransport(transport), configuration: configuration, environment: environment, time: .system,
            logger: logger)
    }

    /// Options before configuration, and a prompt on the terminal where neither names anything.
    private static func source(_ settings: CommandSettings, _ configuration: Configuration) throws(CommandFailure) -> PassphraseSource {
        if let descriptor = settings.passphraseDescriptor { return descriptor.source }
        if let command = settings.passphraseCommand { return .command(command) }
        if settings.usesPinentry {
            guard let program = configuration.pinentry ?? Pinentry.locate() else {
                throw CommandFailure(
                    code: "vault_unavailable", message: "there is no pinentry program on this machine",
                    remedy: "install one (apt install pinentry-curses), or name it: vault.pinentry in config.json", exitCode: 4)
            }
            return .pinentry(program)
        }
        if let command = configuration.passphraseCommand { return .command(command) }
        if let program = configuration.pinentry { return .pinentry(program) }
        return .terminal
    }

    /// Where a second passphrase comes from: the named descriptor, else whoever is asked for the first one.
    func anotherPassphrase(_ descriptor: PassphraseDescriptor?, option: String) -> PassphraseReader {
        let source: PassphraseSource
        if let descriptor {
            source = descriptor.source
        } else if case .pinentry = passphrase.source {
            source = passphrase.source
        } else {
            source = .terminal
        }
        return PassphraseReader(source: source, environment: environment.all, option: option)
    }

    static func paths(_ environment: ProcessEnvironment) throws(CommandFailure) -> VaultPaths {
        // Repaired, it would name another place.
        if let name = VaultPaths.variables.first(where: environment.unreadable.contains) {
            throw CommandFailure(
                code: "config_invalid", message: "the path in $\(name) is no UTF-8", remedy: "set \(name) to a path in UTF-8", exitCode: 78)
        }
        guard let paths = VaultPaths(environment) else {
            throw CommandFailure(
                code: "config_invalid", message: "neither $HOME nor the XDG variables say where your files are", remedy: "set HOME",
                exitCode: 78)
        }
        return paths
    }

    /// What other programs get of the environment: nothing that holds a token or leads to one.
    var childEnvironment: [String: String] { environment.all.filter { isForChildren($0.key) } }

    func isForChildren(_ variable: String) -> Bool {
        !["CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET"].contains(variable) && !variable.hasPrefix("AI_USAGE_AGENT_")
            && !configuration.providers.values.contains { $0.environmentVariable == variable }
    }

    var now: Timestamp { TimeSource.system.now() }
}

/// Runs work of the layers below and translates its failure.
func attempt<R: ~Copyable>(_ provider: String? = nil, account: String? = nil, _ body: () async throws(OAuthError) -> R)
    async throws(CommandFailure) -> R
{
    do throws(OAuthError) { return try await body() } catch { throw CommandFailure(error, provider: provider, account: account) }
}

/// The same for the vault alone.
func attemptVault<R: ~Copyable>(_ body: () async throws(VaultError) -> R) async throws(CommandFailure) -> R {
    do throws(VaultError) { return try await body() } catch { throw CommandFailure(error) }
}

/// `--verbose`: one line an event on stderr. Messages are ours and hold no secret; values are escaped.
struct StandardErrorLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    var metadataProvider: Logger.MetadataProvider?

    init(level: Logger.Level) { logLevel = level }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let details = metadata.merging(event.metadata ?? [:]) { _, new in new }
            .sorted { $0.key < $1.key }.map { "\($0.key)=\(TerminalText.escape("\($0.value)"))" }.joined(separator: " ")
        Terminal.write("\(TimeSource.system.now()) \(event.level): \(event.message)\(details.isEmpty ? "" : " " + details)\n", to: .error)
    }
}
