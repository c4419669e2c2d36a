import Agent
import ArgumentParser
import Platform
import Vault

struct VaultImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Take in the accounts of an exported file.",
        discussion: """
            $ ai-usage-agent vault import accounts.age
            Accounts from another machine or vault are not refreshed here before `vault adopt`: one single-use token in two places ends
            the login of both. What is here already and not older stays as it is.
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @Argument(help: "The exported file; - for standard input.", completion: .file()) var file: String
    @Option(
        name: .customLong("identity-file"), help: "The age identity that the export was sealed to, if it is not this vault's.",
        completion: .file())
    var identityFile: String?
    @Option(
        name: .customLong("export-passphrase-fd"), help: ArgumentHelp("Read the export's passphrase from this descriptor.", valueName: "n"))
    var exportPassphraseFd: PassphraseDescriptor?

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let content: SecretBytes
        do throws(FileError) { content = try PersonsFile.read(file, limit: ExportReader.limit) } catch {
            throw CommandFailure(
                code: "usage_error", message: error.description,
                remedy: "name the file that was written by: ai-usage-agent vault export --passphrase --output accounts.age", exitCode: 64)
        }
        let box = SecretBox(content)
        try await VaultChoice(context).ensureOpen()
        let reader = ExportReader(
            passphrase: context.anotherPassphrase(exportPassphraseFd, option: "--export-passphrase-fd"),
            identityFile: absolute(identityFile))
        let imported = try await attemptVault { () async throws(VaultError) in
            try await VaultMaintenance(context.service.vault).importing(box.take() ?? SecretBytes(zeroes: 0), reader)
        }
        for result in imported {
            if let warning = result.warning { context.output.note("warning: \(result.account.title): \(warning)") }
        }
        let document: JSONValue = [
            "schemaVersion": 1,
            "results": .array(
                imported.map { result in
                    let action = ActionResult(account: result.account, action: result.action.rawValue, warning: result.warning)
                    var object = action.json
                    object["provider"] = .string(result.account.provider)
                    return .object(object)
                }),
        ]
        context.output.result(document, text: text(imported))
    }

    private func text(_ imported: [VaultMaintenance.Imported]) -> String {
        if imported.isEmpty { return "the export holds no accounts" }
        var lines = imported.map {
            "\($0.account.provider)  \($0.account.title)  \($0.action == .kept ? "kept as it is here" : $0.action.rawValue)"
        }
        if imported.contains(where: { $0.action != .kept && $0.account.statusReason == "cloned_vault" }) {
            lines.append("They come from another machine or another vault. When that one no longer uses them: ai-usage-agent vault adopt")
        }
        return lines.joined(separator: "\n")
    }

    private func absolute(_ path: String?) -> String? {
        guard let path, !path.hasPrefix("/") else { return path }
        return (PersonsFile.currentDirectory ?? "") + "/" + path
    }
}
