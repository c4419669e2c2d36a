import KeyringProtocol
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
            Doctor.add(problem, &report)
            report.skip(ofKeyring, "the keyring does not answer")
            return report
        }
        do throws(VaultError) { try await probe.check(for: .vault) } catch {
            report.add(
                Finding(.backendRoundtripFailed, evidence: error.message, command: DoctorCheck.backendRoundtripFailed.meaning.command))
        }
        return report
    }

    private static func add(_ problem: KeyringProbe.Problem, _ report: inout SectionReport) {
        let error = problem.error
        if error.code == .locked {
            report.add(Finding(.backendLocked, evidence: error.message, command: DoctorCheck.backendLocked.meaning.command))
            return
        }
        let check: DoctorCheck? =
            switch problem.obstacle {
            case .noBus, .busUnreachable: .backendNoSessionBus
            case .noService: .backendNoSecretService
            case .noCollection: .backendNoDefaultCollection
            case .silent: .backendSlow
            // The section of what is installed names the helper.
            case .noHelper, nil: nil
            }
        if let check { report.add(Finding(check, evidence: error.message, remedy: error.remedy)) }
        if check != .backendSlow { report.add(Finding(.backendPinUnavailable, evidence: error.message, remedy: error.remedy)) }
    }
}
