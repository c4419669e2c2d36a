import Platform
import Vault

extension Doctor {
    /// config.json, and the variables that decide every path.
    func checkConfiguration() -> SectionReport {
        var report = SectionReport()
        for name in paths.ignoredVariables {
            report.add(Finding(.configRelativeXdg, evidence: "\(name) is relative", command: "unset \(name)"))
        }
        for path in [paths.configuration, paths.configurationFile] {
            // What a link leads to is what is read.
            guard let facts = host.look(ForeignFile.canonical(path) ?? path) else { continue }
            if facts.mode & 0o022 != 0 {
                let command = "chmod go-w \(ShellWord.quote(path))"
                report.add(Finding(.configWritableByOthers, evidence: "\(path) has mode \(facts.octal)", command: command))
            } else if facts.owner != host.user {
                report.add(Finding(.configWritableByOthers, evidence: "\(path) belongs to user \(facts.owner)"))
            }
        }
        if report.has(.configWritableByOthers) {
            report.skip([.configMalformed, .configUnknownKey], "config.json has to be repaired first")
        } else if let configurationError {
            let check: DoctorCheck = configurationError.isUnknownKey ? .configUnknownKey : .configMalformed
            report.add(Finding(check, evidence: configurationError.description, command: check.meaning.command))
        } else {
            let isThere = host.look(paths.configurationFile) != nil
            report.fine(.configMalformed, isThere ? paths.configurationFile : "\(paths.configurationFile) is not there: the defaults hold")
        }
        return report
    }
}
