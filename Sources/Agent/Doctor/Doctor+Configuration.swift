import Platform
import Vault

extension Doctor {
    /// config.json, the variables that decide every path, and what was installed.
    func checkConfiguration() -> SectionReport {
        var report = SectionReport()
        for name in paths.ignoredVariables {
            report.add(Finding(.configRelativeXdg, evidence: "\(name) is relative", command: "unset \(name)"))
        }
        for path in [paths.configuration, paths.configurationFile] {
            guard let facts = host.look(path) else { continue }
            if facts.mode & 0o022 != 0 {
                report.add(Finding(.configWritableByOthers, evidence: "\(path) has mode \(facts.octal)", command: "chmod go-w \(path)"))
            } else if facts.owner != host.user {
                report.add(Finding(.configWritableByOthers, evidence: "\(path) belongs to user \(facts.owner)"))
            }
        }
        if report.has(.configWritableByOthers) {
            report.skip([.configMalformed, .configUnknownKey], "config.json has to be repaired first")
        } else if let configurationError {
            let isUnknown = configurationError.reason.contains("is no setting")
            let check = isUnknown ? DoctorCheck.configUnknownKey : .configMalformed
            report.add(Finding(check, evidence: configurationError.description, command: check.meaning.command))
        }
        checkInstallation(&report)
        return report
    }

    private func checkInstallation(_ report: inout SectionReport) {
        let usesKeyring = (try? service.vault.metadataStore.read())?.vault?.backend == .keyring
        if !host.helpers.contains(where: host.isTrusted) {
            if let path = host.helpers.first(where: { host.look($0) != nil }) {
                report.add(Finding(.buildHelperMode, evidence: path, command: "chmod 755 \(path)"))
            } else {
                // A vault in a file does without.
                report.add(
                    Finding(
                        .buildHelperMissing, status: usesKeyring ? .error : .info, evidence: host.helpers.joined(separator: ", "),
                        command: DoctorCheck.buildHelperMissing.meaning.command))
            }
        }
        if host.cryptoVersion < 3 { report.add(Finding(.buildOpensslOld, evidence: "major version \(host.cryptoVersion)")) }
        let folders = host.libraries.flatMap { folder in
            [folder] + ForeignFile.names(in: folder).filter { $0.contains("-linux-") }.map { folder + "/" + $0 }
        }
        if !folders.contains(where: { host.look($0 + "/libsecret-1.so.0") != nil }) {
            report.add(
                Finding(
                    .buildLibsecretMissing, evidence: "libsecret-1.so.0 is nowhere below \(host.libraries.joined(separator: ", "))",
                    command: DoctorCheck.buildLibsecretMissing.meaning.command))
        }
    }
}
