import Agent
import ArgumentParser
import Platform
import Providers
import Vault

struct DoctorOptions: ParsableArguments {
    @Flag(help: "Repair what is safe to repair, and say what was done.") var fix = false
    @Flag(help: "End with 6 for a warning, too.") var strict = false
}

/// One audit from the command line, with its repairs.
struct DoctorRun {
    /// What is shown first, and how much of what is in order.
    enum Scope {
        case audit
        /// The installation, the configuration and the network by name before the rest.
        case installation
    }

    let global: GlobalOptions
    let provider: String?
    let options: DoctorOptions
    let scope: Scope
    let usesNetwork: Bool

    /// - Throws: `CommandFailure` for a provider that there is none of; exit code 6 for what was found.
    func run() async throws {
        var (doctor, context) = try await prepare()
        var findings = await doctor.run()
        if options.fix {
            var said: Set<String> = []
            // What stood behind one fault is seen when it is repaired: config.json, too, is then read for the first time.
            while true {
                let (repairing, found) = (doctor, findings)
                guard let repaired = await onOwnThread(within: DoctorRun.patience, { await repairing.repair(found) }) else {
                    context.output.note("--fix: no answer from the disk; run it again once it answers")
                    break
                }
                let done = repaired.filter { !said.contains($0) }
                if done.isEmpty { break }
                for sentence in done { context.output.note(sentence) }
                said.formUnion(done)
                (doctor, context) = try await prepare()
                findings = await doctor.run()
            }
        }
        let text = DoctorText(style: context.output.style, scope: scope)
        context.output.result(text.document(findings), text: text.render(findings))
        let isBad = findings.contains { $0.status == .error || options.strict && $0.status == .warning }
        if isBad { throw ExitCode(6) }
    }

    /// For what comes before and behind the audit itself, which has its own limit.
    private static let patience = Duration.milliseconds(4500)

    private func prepare() async throws(CommandFailure) -> (Doctor, CommandContext) {
        let prepared = await onOwnThread(within: DoctorRun.patience) { () -> Result<(Doctor, CommandContext), CommandFailure> in
            do throws(CommandFailure) { return .success(try make()) } catch { return .failure(error) }
        }
        if let prepared { return try prepared.get() }
        let folder = (try? CommandContext.paths(ProcessEnvironment.current()))?.configuration ?? "the configuration folder"
        throw CommandFailure(
            code: "storage", message: "\(folder) does not answer",
            remedy: "see whether it is on a dead mount: mount | grep -w \(ShellWord.quote(folder)); then run it again", exitCode: 1)
    }

    /// A configuration that cannot be used is a finding here and no failure.
    private func make() throws(CommandFailure) -> (Doctor, CommandContext) {
        let environment = ProcessEnvironment.current()
        let paths = try CommandContext.paths(environment)
        var configuration = Configuration()
        var problem: ConfigurationError?
        do throws(ConfigurationError) { configuration = try ConfigurationReader(path: paths.configurationFile).read() } catch {
            problem = error
        }
        let context = try CommandContext(CommandSettings(global, nil), configuration: configuration, takesTurns: false)
        if let provider, problem == nil {
            let name = ProviderCatalog.canonical(provider)
            guard context.service.catalog.names.contains(name) || context.hasAccount(of: name) else {
                throw CommandFailure.usage(
                    "there is no provider \"\(TerminalText.escape(provider, limit: 60))\"",
                    remedy: "known: \(context.service.catalog.names.joined(separator: ", "))")
            }
        }
        let doctor = Doctor(
            context.service, host: HostFacts(version: Version.current), environment: environment, configurationError: problem,
            provider: provider.map(ProviderCatalog.canonical), usesNetwork: usesNetwork)
        return (doctor, context)
    }
}

extension CommandContext {
    fileprivate func hasAccount(of provider: String) -> Bool {
        (try? service.metadata())?.accounts.contains { $0.provider == provider } ?? false
    }
}
