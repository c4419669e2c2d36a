import Agent
import ArgumentParser
import Platform
import Vault

struct AgentInstall: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Let systemd start the agent with the first question.",
        discussion: """
            Writes ai-usage-agent.socket and .service for your own systemd manager, with the XDG paths that are in force, and
            starts the socket. Nothing runs as root.

            For a server, root makes one for each user who has logins there, with the vault's key as an encrypted credential:
              # ai-usage-agent agent install --system
              # systemctl enable --now ai-usage-agent@NAME.service
            """)

    @OptionGroup var global: GlobalOptions
    @Flag(name: .customLong("print"), help: "Print the units instead of writing them.") var printsOnly = false
    @Flag(help: "Units of the system's manager, one instance for each user, in /etc/systemd/system.") var system = false
    @Option(help: ArgumentHelp("Start this program instead of the running one.", valueName: "path")) var program: String?

    func validate() throws {
        if let program, !program.hasPrefix("/") { throw ValidationError("--program needs an absolute path") }
    }

    func run() async throws {
        let context = try CommandContext(global)
        guard let program = program ?? OwnProcess.program else {
            throw CommandFailure(
                code: "storage", message: "/proc/self/exe does not say where this program is", remedy: "name it: --program PATH",
                exitCode: 1)
        }
        let names = ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"]
        let variables = names.compactMap { name in context.environment[name].map { (name: name, value: $0) } }
            .filter { $0.value.hasPrefix("/") }
        let socket = AgentSocket(context.paths).path
        // A line end in a unit begins another setting.
        if let odd = ([program, socket] + variables.map(\.value)).first(where: { $0.unicodeScalars.contains { $0.value < 0x20 } }) {
            throw CommandFailure(
                code: "config_invalid",
                message: "a unit cannot name a path with control characters: \(TerminalText.escape(odd, limit: 200))",
                remedy: "choose another directory", exitCode: 78)
        }
        // A program that is not the running one is another installation's, which knows nothing of this environment.
        let isHere = self.program == nil
        let units =
            system
            ? SystemdUnit.system(program: program)
            : SystemdUnit.user(program: program, socket: isHere ? socket : nil, environment: isHere ? variables : [])
        if printsOnly {
            return context.output.result(
                ["schemaVersion": 1, "units": .array(units.map { ["name": .string($0.name), "text": .string($0.text)] })],
                text: units.map { "# \($0.name)\n\($0.text)" }.joined(separator: "\n"))
        }
        let manager = system ? UnitManager(directory: "/etc/systemd/system", context) : UnitManager(context)
        let files = try manager.write(units)
        if system {
            return context.output.result(
                ["schemaVersion": 1, "files": .strings(files), "started": false, "reason": "one instance is started for each user"],
                text: "written:\n" + files.map { "  " + $0 }.joined(separator: "\n")
                    + "\nstart one with: systemctl daemon-reload && systemctl enable --now ai-usage-agent@NAME.service")
        }
        let reason = await manager.start(units)
        if let reason { context.output.note("the units are written, but were not started: \(reason)") }
        context.output.result(
            ["schemaVersion": 1, "files": .strings(files), "started": .bool(reason == nil), "reason": .optional(reason)],
            text: reason == nil
                ? "systemd starts the agent with the first question at \(socket)"
                : "written:\n" + files.map { "  " + $0 }.joined(separator: "\n")
                    + "\nstart it with: systemctl --user daemon-reload && systemctl --user enable --now ai-usage-agent.socket")
    }
}

struct AgentUninstall: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall", abstract: "Stop the agent and remove its systemd units. Nothing else is removed.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        let manager = UnitManager(context)
        let reason = await manager.stop()
        let files = try manager.remove(["ai-usage-agent.socket", "ai-usage-agent.service"])
        await manager.reload()
        if let reason, !files.isEmpty { context.output.note("systemd was not told: \(reason)") }
        context.output.result(
            ["schemaVersion": 1, "files": .strings(files), "reason": .optional(reason)],
            text: files.isEmpty ? "there were no units of ours" : "removed:\n" + files.map { "  " + $0 }.joined(separator: "\n"))
    }
}

/// A systemd manager and the directory of its units.
private struct UnitManager {
    private let directory: String
    private let environment: [String: String]

    init(directory: String, _ context: CommandContext) {
        self.directory = directory
        environment = context.childEnvironment
    }

    /// That of this person.
    init(_ context: CommandContext) {
        directory = String(context.paths.configuration.dropLast(VaultPaths.folder.utf8.count + 1)) + "/systemd/user"
        environment = context.childEnvironment
    }

    /// - Throws: exit 65 for a unit of the same name that somebody else wrote.
    func write(_ units: [SystemdUnit]) throws(CommandFailure) -> [String] {
        do throws(FileError) {
            let folder = try PrivateDirectory.open(directory, trust: .notWritableByOthers, create: true)
            for unit in units { try checkOurs(unit.name, folder) }
            for unit in units {
                let text = Array(unit.text.utf8)
                try folder.replace(unit.name, with: text.span)
            }
            return units.map { folder.file($0.name) }
        } catch {
            throw CommandFailure(
                code: "storage", message: error.description, remedy: error.repair, exitCode: error.kind == .unsafe ? 65 : 1)
        }
    }

    func remove(_ names: [String]) throws(CommandFailure) -> [String] {
        do throws(FileError) {
            let folder = try PrivateDirectory.open(directory, trust: .notWritableByOthers)
            var removed: [String] = []
            for name in names where try folder.exists(name) {
                try checkOurs(name, folder)
                try folder.remove(name)
                removed.append(folder.file(name))
            }
            return removed
        } catch {
            if error.kind == .notFound { return [] }
            throw CommandFailure(
                code: "storage", message: error.description, remedy: error.repair, exitCode: error.kind == .unsafe ? 65 : 1)
        }
    }

    private func checkOurs(_ name: String, _ folder: PrivateDirectory) throws(FileError) {
        guard try folder.exists(name) else { return }
        let text = PublicFile.read(folder.file(name)) ?? ""
        guard text.hasPrefix(SystemdUnit.mark) else {
            throw FileError(.unsafe, folder.file(name), "was written by somebody else; move it away first")
        }
    }

    /// - Returns: why it did not work; nil if it did.
    func start(_ units: [SystemdUnit]) async -> String? {
        if let reason = await run(["daemon-reload"]) { return reason }
        return await run(["enable", "--now", "ai-usage-agent.socket"])
    }

    func stop() async -> String? { await run(["disable", "--now", "ai-usage-agent.socket", "ai-usage-agent.service"]) }
    func reload() async { _ = await run(["daemon-reload"]) }

    private func run(_ arguments: [String]) async -> String? {
        do throws(ChildProcess.Failure) {
            _ = try await ChildProcess.output(of: ["systemctl", "--user"] + arguments, environment: environment, limit: 65536)
            return nil
        } catch { return "\(error)" }
    }
}
