import OAuth
package import Platform
import Providers
import Vault

/// The audit: looks at everything this program relies on, asks nobody, spends no token, changes nothing.
package struct Doctor: Sendable {
    let service: AgentService
    let host: HostFacts
    let environment: ProcessEnvironment
    /// Why config.json cannot be used; the service then has the defaults.
    let configurationError: ConfigurationError?
    /// Only accounts of this provider.
    let provider: String?
    /// The providers' hosts may be asked, without a token.
    let usesNetwork: Bool
    /// Of all sections together.
    var patience = Duration.milliseconds(4500)
    /// Of all the providers' hosts together.
    var networkPatience = Duration.seconds(3)

    package init(
        _ service: AgentService, host: HostFacts, environment: ProcessEnvironment, configurationError: ConfigurationError? = nil,
        provider: String? = nil, usesNetwork: Bool = false
    ) {
        self.service = service
        self.host = host
        self.environment = environment
        self.configurationError = configurationError
        self.provider = provider
        self.usesNetwork = usesNetwork
    }

    var paths: VaultPaths { service.vault.paths }

    private struct Part: Sendable {
        let checks: Set<DoctorCheck>
        let run: @Sendable () async -> SectionReport
        /// What it means that there is no answer; nil where that is nothing but a gap.
        var silence: Finding?

        init(_ sections: DoctorCheck.Section..., silence: Finding? = nil, run: @escaping @Sendable () async -> SectionReport) {
            self.init(DoctorCheck.allCases.filter { sections.contains($0.section) }, silence: silence, run: run)
        }

        init(_ checks: [DoctorCheck], silence: Finding? = nil, run: @escaping @Sendable () async -> SectionReport) {
            (self.checks, self.run, self.silence) = (Set(checks), run, silence)
        }
    }

    private var parts: [Part] {
        let socket = AgentSocket(paths).path
        let noAgent = Finding(.agentSilent, evidence: "\(socket): no answer", command: "fuser -v \(ShellWord.quote(socket))")
        let noNetwork = Finding(.networkUnreachable, evidence: "no host, and no server of names, has answered")
        return [
            Part(.vault, .identity, .rotation, .account, run: checkVaultAndAccounts), Part(.backend, run: checkBackend),
            Part(DoctorCheck.allCases.filter { $0.section == .flow && !Doctor.ofNetwork.contains($0) }, run: { checkFlow() }),
            Part(Doctor.ofNetwork, silence: noNetwork, run: checkNetwork), Part(.config, run: { checkConfiguration() }),
            Part(.build, run: { checkInstallation() }),
            Part([.agentSocketMode, .agentSocketOwner, .agentAuditUnwritable], run: { checkPlaceOfAgent() }),
            Part(Doctor.ofAgent, silence: noAgent, run: checkAgent),
            Part([.exposureTokenInEnvironment, .exposureCoreDumps, .exposurePtraceScope, .exposureSwap], run: { checkHost() }),
            Part([.exposureTokenInShellStartup, .exposureHomeWorldReadable], run: { checkHome() }),
            Part([.exposurePlaintextStore, .exposureSharedRefreshToken], run: checkStores),
        ]
    }

    /// At least one finding for each check, in the catalogue's order.
    package func run() async -> [Finding] {
        let (parts, patience) = (parts, patience)
        let done = await withTaskGroup(of: (Int, SectionReport?).self) { group in
            for (index, part) in parts.enumerated() {
                // Each on a thread of its own: one that hangs, at a dead mount say, keeps nobody waiting.
                group.addTask { (index, await onOwnThread(within: patience, part.run)) }
            }
            var done: [Int: SectionReport] = [:]
            for await (index, report) in group { done[index] = report }
            return done
        }
        var report = Doctor.whole(parts.indices.compactMap { done[$0] })
        let silent = parts.indices.filter { done[$0] == nil }.map { parts[$0] }
        for part in silent {
            if let finding = part.silence { report.add(finding) }
            report.skip(part.checks.sorted { $0.rawValue < $1.rawValue }, "no answer in time")
        }
        let gaps = silent.filter { $0.silence == nil }.flatMap(\.checks).map(\.rawValue).sorted()
        if !gaps.isEmpty { report.add(Finding(.auditIncomplete, evidence: gaps.joined(separator: ", "))) }
        return Doctor.findings(report)
    }

    /// The reports as one, and what only all of them together say.
    private static func whole(_ reports: [SectionReport]) -> SectionReport {
        var report = reports.reduce(into: SectionReport()) { $0.add($1) }
        let same = Dictionary(grouping: report.holders, by: \.fingerprint).filter { $0.value.count > 1 }
        for (_, holders) in same.sorted(by: { $0.key < $1.key }) {
            report.add(Finding(.exposureSharedRefreshToken, evidence: holders.map(\.place).sorted().joined(separator: " and ")))
        }
        return report
    }

    private static func findings(_ report: SectionReport) -> [Finding] {
        let byCheck = Dictionary(grouping: report.findings, by: \.check)
        return DoctorCheck.allCases.flatMap { check -> [Finding] in
            if let found = byCheck[check] { return found }
            if let why = report.skipped[check] { return [Finding(check, status: .skipped, evidence: why)] }
            return [Finding(check, status: .ok)]
        }
    }
}
