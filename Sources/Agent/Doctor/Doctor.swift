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

    /// At least one finding for each check, in the catalogue's order.
    package func run() async -> [Finding] {
        let collected = Collected()
        // On their own: one that hangs keeps nobody waiting.
        let parts: [(sections: [DoctorCheck.Section], run: @Sendable () async -> SectionReport)] = [
            ([.vault, .identity, .rotation, .account], { await checkVaultAndAccounts(collected) }),
            ([.backend], checkBackend), ([.flow], checkFlow), ([.config, .build], { checkConfiguration() }), ([.agent], checkAgent),
            ([.exposure], { await checkExposure(collected) }),
        ]
        for part in parts {
            Task {
                let report = await part.run()
                collected.finish(part.sections, report)
            }
        }
        let end = service.time.elapsed() + patience
        while !collected.isWhole(parts.count), service.time.elapsed() < end { await service.time.sleep(.milliseconds(5)) }
        return Doctor.findings(collected)
    }

    private static func findings(_ collected: Collected) -> [Finding] {
        let (reports, finished) = collected.content
        var byCheck: [DoctorCheck: [Finding]] = [:]
        for finding in reports.flatMap(\.findings) { byCheck[finding.check, default: []].append(finding) }
        var skipped: [DoctorCheck: String] = [:]
        for report in reports { skipped.merge(report.skipped) { first, _ in first } }
        return DoctorCheck.allCases.flatMap { check -> [Finding] in
            if let found = byCheck[check] { return found }
            if let why = skipped[check] { return [Finding(check, status: .skipped, evidence: why)] }
            guard finished.contains(check.section) else { return [Finding(check, status: .skipped, evidence: "no answer in time")] }
            return [Finding(check, status: .ok)]
        }
    }

    /// What sections have come to so far.
    final class Collected: Sendable {
        private struct Content: Sendable {
            var reports: [SectionReport] = []
            var sections: Set<DoctorCheck.Section> = []
            var parts = 0
            var audit: VaultAudit?
        }

        private let state = Guarded(Content())

        fileprivate func finish(_ sections: [DoctorCheck.Section], _ report: SectionReport) {
            state.change { content in
                content.reports.append(report)
                content.sections.formUnion(sections)
                content.parts += 1
            }
        }

        fileprivate func isWhole(_ count: Int) -> Bool { state.withLock { $0.parts == count } }

        fileprivate var content: (reports: [SectionReport], finished: Set<DoctorCheck.Section>) {
            state.withLock { ($0.reports, $0.sections) }
        }

        /// The vault's audit, for the sections that compare with it.
        func take(_ audit: VaultAudit) { state.change { $0.audit = audit } }
        var audit: VaultAudit? { state.withLock { $0.audit } }
    }
}
