import Platform
import Vault

extension Doctor {
    /// The programs, and the libraries that are opened when they are needed.
    func checkInstallation() -> SectionReport {
        var report = SectionReport()
        checkProgram(&report)
        checkName(&report)
        checkHelper(&report)
        if host.cryptoVersion < 3 {
            report.add(Finding(.buildOpensslOld, evidence: "major version \(host.cryptoVersion)"))
        } else {
            report.fine(.buildOpensslOld, "major version \(host.cryptoVersion)")
        }
        let folders = host.libraries.flatMap { folder in
            [folder] + ForeignFile.names(in: folder).filter { $0.contains("-linux-") }.map { folder + "/" + $0 }
        }
        if let folder = folders.first(where: { host.look($0 + "/libsecret-1.so.0") != nil }) {
            report.fine(.buildLibsecretMissing, folder + "/libsecret-1.so.0")
        } else {
            let evidence = "libsecret-1.so.0 is nowhere below \(host.libraries.joined(separator: ", "))"
            let command = DoctorCheck.buildLibsecretMissing.meaning.command
            report.add(Finding(.buildLibsecretMissing, evidence: evidence, command: command))
        }
        for (check, problem) in [(DoctorCheck.buildLibcurlMissing, host.httpProblem()), (.buildSqliteMissing, host.databaseProblem())] {
            if let problem {
                report.add(Finding(check, evidence: TerminalText.escape(problem, limit: 200), command: check.meaning.command))
            } else {
                report.fine(check, "it can be opened")
            }
        }
        return report
    }

    /// Who may write a program may be it.
    private func checkProgram(_ report: inout SectionReport) {
        guard let program = host.program else { return report.skip([.buildProgramMode], "where the program stands is unknown") }
        let frontDoor = host.frontDoors.first { host.look($0) != nil }
        let files = [program, frontDoor].compactMap { $0.flatMap { ForeignFile.canonical($0) } }
        for path in files + Set(files.map { String($0[..<($0.lastIndex(of: "/") ?? $0.startIndex)]) }).sorted() {
            guard let facts = host.look(path) else { continue }
            // A folder of its user's own group is open to that group by many a umask; what is in a sticky one cannot be replaced.
            let bits = facts.kind == .directory ? 0o002 : 0o022
            let isSticky = facts.kind == .directory && facts.mode & 0o1000 != 0
            if facts.mode & bits != 0, !isSticky {
                let command = "chmod go-w \(ShellWord.quote(path))"
                report.add(Finding(.buildProgramMode, evidence: "\(path) has mode \(facts.octal)", command: command))
            } else if facts.owner != 0, facts.owner != host.user {
                report.add(Finding(.buildProgramMode, evidence: "\(path) belongs to user \(facts.owner)"))
            }
        }
        report.fine(.buildProgramMode, "\(program), version \(host.version)")
        if let frontDoor {
            report.fine(.buildFrontDoorMissing, ForeignFile.canonical(frontDoor) ?? frontDoor)
        } else {
            report.add(Finding(.buildFrontDoorMissing, evidence: "it is not at \(host.frontDoors.joined(separator: " or "))"))
        }
    }

    /// What a person gets who types the name.
    private func checkName(_ report: inout SectionReport) {
        let folders = (environment["PATH"] ?? "").split(separator: ":").filter { $0.hasPrefix("/") }
        guard let found = folders.map({ "\($0)/\(HostFacts.name)" }).first(where: isProgram) else {
            return report.add(Finding(.buildNotInPath, evidence: "the program is \(host.program ?? "unknown")"))
        }
        report.fine(.buildNotInPath, found)
        let ours = (host.frontDoors + [host.program].compactMap { $0 }).compactMap { ForeignFile.canonical($0) }
        let isOurs = ForeignFile.canonical(found).map { ours.contains($0) } ?? false
        if !isOurs { report.add(Finding(.buildShadowed, evidence: "\(found); this is \(ours.first ?? "another")")) }
    }

    /// What a shell would start.
    private func isProgram(_ path: String) -> Bool {
        guard let place = ForeignFile.canonical(path), let facts = host.look(place) else { return false }
        return facts.kind == .file && facts.mode & 0o111 != 0
    }

    private func checkHelper(_ report: inout SectionReport) {
        if let helper = host.helpers.first(where: host.isTrusted) {
            return report.fine(.buildHelperMissing, ForeignFile.canonical(helper) ?? helper)
        }
        if let path = host.helpers.first(where: { host.look($0) != nil }), let facts = host.look(path) {
            let isOurs = facts.kind == .file && (facts.owner == host.user || facts.owner == 0)
            let evidence = "\(path) \(facts.kind == .file ? "has mode \(facts.octal), user \(facts.owner)" : "is no regular file")"
            let command = isOurs ? "chmod 755 \(ShellWord.quote(path))" : "ls -ld \(ShellWord.quote(path))"
            return report.add(Finding(.buildHelperMode, evidence: evidence, command: command))
        }
        let usesKeyring = (try? service.vault.metadataStore.read())?.vault?.backend == .keyring
        // A vault in a file does without.
        report.add(
            Finding(
                .buildHelperMissing, status: usesKeyring ? .error : .info,
                evidence: "it is not at \(host.helpers.joined(separator: " or "))"))
    }
}
