import Platform
import Vault

extension Doctor {
    /// The desktop keyring, where the vault uses it.
    func checkBackend() async -> SectionReport {
        var report = SectionReport()
        let checks = DoctorCheck.allCases.filter { $0.section == .backend }
        let ofKeyring = checks.filter { $0 != .backendOrphanSecret && $0 != .backendAccountWithoutSecret }
        guard let record = (try? service.vault.metadataStore.read())?.vault else {
            report.skip(checks, "there is no vault that could be read")
            return report
        }
        guard record.backend == .keyring || record.identitySource == .keyring else {
            report.skip(ofKeyring, "the vault does not use the keyring")
            return report
        }
        let probe = KeyringProbe(service.vault.sources)
        if let problem = await probe.problem() {
            add(problem, &report)
            report.skip(ofKeyring, "the keyring does not answer")
            return report
        }
        do throws(VaultError) { try await probe.check(for: .vault) } catch {
            report.add(
                Finding(.backendRoundtripFailed, evidence: error.message, command: DoctorCheck.backendRoundtripFailed.meaning.command))
        }
        return report
    }

    /// The helper's reasons are texts of our own.
    private func add(_ problem: VaultError, _ report: inout SectionReport) {
        // The last that fits is the most exact.
        let reasons: [(String, DoctorCheck)] = [
            ("does not answer", .backendSlow), ("session bus", .backendNoSessionBus), ("no default keyring", .backendNoDefaultCollection),
            ("no program on the session bus", .backendNoSecretService),
        ]
        if problem.code == .locked {
            report.add(Finding(.backendLocked, evidence: problem.message, command: DoctorCheck.backendLocked.meaning.command))
            return
        }
        let found = reasons.last { problem.message.contains($0.0) }?.1
        if let found { report.add(Finding(found, evidence: problem.message, remedy: problem.remedy)) }
        if found != .backendSlow { report.add(Finding(.backendPinUnavailable, evidence: problem.message, remedy: problem.remedy)) }
    }
}
