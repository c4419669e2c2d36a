import Agent
import ArgumentParser
import OAuth
import Platform
import Providers
import Vault

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "The configuration file.",
        subcommands: [ConfigInit.self, ConfigShow.self, ConfigPath.self, ConfigValidate.self])
}

struct ConfigInit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "init", abstract: "Write a commented starting configuration.")

    @OptionGroup var global: GlobalOptions
    @Flag(help: "Replace an existing file.") var force = false

    func run() async throws {
        let environment = ProcessEnvironment.current()
        let paths = try CommandContext.paths(environment)
        let output = Output(global, environment)
        var isKept = false
        do throws(FileError) {
            let directory = try PrivateDirectory.open(paths.configuration, trust: .notWritableByOthers, create: true)
            if !force { isKept = try directory.exists("config.json") }
            let text = Array(Configuration.template.utf8)
            if !isKept { try directory.replace("config.json", with: text.span) }
        } catch {
            throw CommandFailure(
                code: "storage", message: error.description, remedy: "check the disk and the permissions of the folder", exitCode: 1)
        }
        if isKept { throw CommandFailure.usage("\(paths.configurationFile): exists already", remedy: "--force replaces it") }
        output.result(
            ["schemaVersion": 1, "path": .string(paths.configurationFile), "written": true], text: "wrote \(paths.configurationFile)")
    }
}

struct ConfigShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Print the configuration in force, defaults included.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        context.output.result(context.configuration.json, text: context.configuration.json.pretty)
    }
}

struct ConfigPath: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "path", abstract: "Print where the configuration file is.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let environment = ProcessEnvironment.current()
        let path = try CommandContext.paths(environment).configurationFile
        Output(global, environment).result(["schemaVersion": 1, "path": .string(path)], text: path)
    }
}

struct ConfigValidate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "validate", abstract: "Check the configuration file.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        // Reading is the validation: a file that cannot be used ends here with its line or key.
        let context = try CommandContext(global)
        for name in context.service.catalog.names {
            _ = try await attempt(name) { () throws(OAuthError) in try context.service.catalog.provider(name).client() }
        }
        var notes: [String] = []
        if context.configuration.providers["claude"]?.isEnabled ?? true, context.configuration.pollSeconds < 180 {
            notes.append("usage.pollSeconds is \(context.configuration.pollSeconds); claude's accounts are asked every 180 s at most")
        }
        if context.configuration.timeoutSeconds > 30 { notes.append("network.timeoutSeconds is above 30; token requests use 30") }
        context.output.result(
            ["schemaVersion": 1, "path": .string(context.paths.configurationFile), "valid": true, "notes": .strings(notes)],
            text: ([
                PublicFile.read(context.paths.configurationFile, limit: 1 << 20) == nil
                    ? "there is no \(context.paths.configurationFile); the defaults are in force"
                    : "\(context.paths.configurationFile) is valid"
            ] + notes.map { "note: " + $0 }).joined(separator: "\n"))
    }
}
