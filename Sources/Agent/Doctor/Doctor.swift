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
        let sections: [DoctorCheck.Section]
        let run: @Sendable () async -> SectionReport
    }

    /// At least one finding for each check, in the catalogue's order.
    package func run() async -> [Finding] {
        let parts = [
            Part(sections: [.vault, .identity, .rotation, .account], run: checkVaultAndAccounts),
            Part(sections: [.backend], run: checkBackend), Part(sections: [.flow], run: { checkFlow() }),
            Part(sections: [.network], run: checkNetwork), Part(sections: [.config, .build], run: { checkConfiguration() }),
            Part(sections: [.agent], run: checkAgent), Part(sections: [.exposure], run: checkExposure),
        ]
        let collected = Guarded<[(part: Part, report: SectionReport)]>([])
        let (endings, ending) = AsyncStream.makeStream(of: Void.self)
        for part in parts {
            // Each on a thread of its own: one that hangs, at a dead mount say, keeps nobody waiting.
            CallerExecutor.start {
                let report = await part.run()
                collected.change { $0.append((part, report)) }
                ending.yield()
            }
        }
        let (time, patience) = (service.time, patience)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                var open = parts.count
                for await _ in endings {
                    open -= 1
                    if open == 0 { return }
                }
            }
            group.addTask { await time.sleep(patience) }
            await group.next()
            group.cancelAll()
        }
        let done = collected.peek { $0 }
        return Doctor.findings(Doctor.whole(done.map(\.report)), in: Set(done.flatMap(\.part.sections)))
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

    private static func findings(_ report: SectionReport, in sections: Set<DoctorCheck.Section>) -> [Finding] {
        let byCheck = Dictionary(grouping: report.findings, by: \.check)
        return DoctorCheck.allCases.flatMap { check -> [Finding] in
            if let found = byCheck[check] { return found }
            if let why = report.skipped[check] { return [Finding(check, status: .skipped, evidence: why)] }
            guard sections.contains(check.section) else { return [Finding(check, status: .skipped, evidence: "no answer in time")] }
            return [Finding(check, status: .ok)]
        }
    }
}
