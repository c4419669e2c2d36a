import Age
import Agent
import ArgumentParser
import Platform
import Vault

struct VaultExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write all accounts into one age file: a backup, or to move to another machine.",
        discussion: """
            $ ai-usage-agent vault export --passphrase --output accounts.age
            $ ai-usage-agent vault export --recipient age1… --output accounts.age
            Any age program opens the file: age -d -i key.txt accounts.age
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @Option(help: ArgumentHelp("Seal to this age recipient; repeat it for several.", valueName: "age1…")) var recipient: [String] = []
    @Flag(name: .customLong("passphrase"), help: "Seal under a passphrase of its own.") var underPassphrase = false
    @Option(
        name: .customLong("export-passphrase-fd"), help: ArgumentHelp("Read the export's passphrase from this descriptor.", valueName: "n"))
    var exportPassphraseFd: PassphraseDescriptor?
    @Option(name: .customLong("output"), help: "A new file, 0600 (default, and -: standard output).", completion: .file())
    var named: String?
    @Flag(help: "Text instead of bytes (always on a terminal).") var armor = false

    private var output: String? { named == "-" ? nil : named }

    func validate() throws {
        let wantsPassphrase = underPassphrase || exportPassphraseFd != nil
        if recipient.isEmpty == !wantsPassphrase { throw ValidationError("give either --recipient age1… or --passphrase") }
        if global.json, output == nil { throw ValidationError("--json needs --output: standard output holds one of them") }
    }

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let maintenance = try await attemptVault { () async throws(VaultError) in try await VaultMaintenance(context.service.vault) }
        let target = try await target(context)
        let exported = try await attemptVault { () async throws(VaultError) in try await maintenance.export(to: target) }
        for facts in exported.unresolved {
            context.output.note(
                "warning: the answer to a refresh of \(facts.displayName) (\(facts.provider)) was lost; the token in this export may be spent. "
                    + "Settle it and export again: \(facts.settlingCommand)")
        }
        let isText = armor || (output == nil && Terminal.isTerminal(.output))
        let bytes = isText ? AgeFile.armor(exported.file.span) : exported.file
        let what = "\(exported.accounts.count) account\(exported.accounts.count == 1 ? "" : "s")"
        let care = "whoever opens it has your logins. Use it on one machine at a time: two that refresh with one token end both logins"
        if let warning = exported.warning { context.output.note("warning: \(warning)") }
        guard let output else {
            if !Terminal.write(bytes.span, to: .output) { Output.failed() }
            return context.output.note("exported \(what); \(care)")
        }
        do throws(FileError) { try PersonsFile.create(output, bytes.span) } catch {
            throw CommandFailure(code: "storage", message: error.description, remedy: "choose another --output", exitCode: 1)
        }
        context.output.result(
            [
                "schemaVersion": 1, "output": .string(output), "accounts": .number(JSONNumber(exported.accounts.count)),
                "recipients": .strings(recipient), "passphrase": .bool(recipient.isEmpty), "warning": .optional(exported.warning),
            ],
            text: "exported \(what) to \(output); \(care)")
    }

    private func target(_ context: CommandContext) async throws(CommandFailure) -> VaultMaintenance.ExportTarget {
        if recipient.isEmpty {
            let reader = context.anotherPassphrase(exportPassphraseFd, option: "--export-passphrase-fd")
            let passphrase = try await attemptVault { () async throws(VaultError) in try await reader.readNew("export") }
            return .passphrase(SecretBox(passphrase))
        }
        var recipients: [AgeRecipient] = []
        for text in recipient {
            guard let recipient = AgeRecipient(text) else {
                throw CommandFailure.usage("\"\(text)\" is no age recipient", remedy: "age-keygen -y key.txt prints the one of a key file")
            }
            recipients.append(recipient)
        }
        guard recipients.count <= 20 else { throw CommandFailure.usage("at most 20 recipients", remedy: "leave some out") }
        return .recipients(recipients)
    }
}
