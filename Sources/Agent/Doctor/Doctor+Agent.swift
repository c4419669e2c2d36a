import OAuth
import Platform
import Vault

extension Doctor {
    /// What only the agent itself can say.
    static let ofAgent: [DoctorCheck] = [
        .agentSilent, .agentNotRunning, .agentVersionDiffers, .agentWrongStore, .agentNotHardened, .agentMemoryNotLocked,
    ]

    /// Where the agent listens, and where it writes down who asked.
    func checkPlaceOfAgent() -> SectionReport {
        var report = SectionReport()
        checkAudit(&report)
        checkPlace(AgentSocket(paths), &report)
        return report
    }

    /// The agent, if one runs.
    func checkAgent() async -> SectionReport {
        var report = SectionReport()
        let socket = AgentSocket(paths)
        let others = Doctor.ofAgent.filter { $0 != .agentSilent && $0 != .agentNotRunning }
        var place = SectionReport()
        checkPlace(socket, &place)
        guard place.findings.isEmpty else {
            report.skip(Doctor.ofAgent, "the socket has to be repaired first")
            return report
        }
        let status: JSONObject?
        do throws(AgentClient.Failure) { status = try await AgentClient(paths).ask("Status")?.parameters.object } catch {
            report.add(
                Finding(
                    .agentSilent, evidence: "\(socket.path): \(error.error.message)", command: "fuser -v \(ShellWord.quote(socket.path))"))
            report.skip(others + [.agentNotRunning], "the agent gave no answer")
            return report
        }
        guard let status else {
            report.add(Finding(.agentNotRunning, evidence: socket.path, command: DoctorCheck.agentNotRunning.meaning.command))
            report.skip(others, "no agent runs")
            return report
        }
        checkStatus(status, &report)
        return report
    }

    /// What the agent says of itself, and what the kernel says of its process.
    func checkStatus(_ status: JSONObject, _ report: inout SectionReport) {
        let version = TerminalText.escape(status["version"]?.string ?? "?", limit: 40)
        if version != host.version {
            report.add(
                Finding(
                    .agentVersionDiffers, evidence: "the agent is \(version), this program \(host.version)",
                    command: DoctorCheck.agentVersionDiffers.meaning.command))
        }
        let store = TerminalText.escape(status["store"]?.string ?? "?", limit: 400)
        if store != paths.data {
            report.add(
                Finding(
                    .agentWrongStore, evidence: "it serves \(store), this is \(paths.data)",
                    command: DoctorCheck.agentWrongStore.meaning.command))
        }
        guard let pid = status["pid"]?.number?.integer else { return }
        let process = "\(host.processes)/\(pid)"
        // Proc(5): soft limit, hard limit, unit.
        if let limits = PublicFile.read(process + "/limits"),
            let core = limits.split(separator: "\n").first(where: { $0.hasPrefix("Max core file size") }),
            core.dropFirst("Max core file size".count).split(separator: " ").first != "0"
        {
            report.add(
                Finding(
                    .agentNotHardened, evidence: "process \(pid) may write core files",
                    command: DoctorCheck.agentNotHardened.meaning.command))
        }
        if let text = PublicFile.read(process + "/status"),
            let locked = text.split(separator: "\n").first(where: { $0.hasPrefix("VmLck:") }), status["locked"]?.bool == false,
            locked.split(whereSeparator: \.isWhitespace).dropFirst().first == "0"
        {
            report.add(
                Finding(
                    .agentMemoryNotLocked, evidence: "process \(pid) has no locked memory",
                    command: DoctorCheck.agentMemoryNotLocked.meaning.command))
        }
    }

    private func checkPlace(_ socket: AgentSocket, _ report: inout SectionReport) {
        for (path, kind) in [(socket.directory, FileFacts.Kind.directory), (socket.path, .socket)] {
            guard let facts = host.look(path) else { continue }
            if facts.kind != kind || facts.owner != host.user {
                let what = facts.kind == kind ? "belongs to user \(facts.owner)" : "is no \(kind)"
                report.add(Finding(.agentSocketOwner, evidence: "\(path) \(what)", command: "ls -ld \(ShellWord.quote(path))"))
            } else if facts.mode & 0o077 != 0 {
                let mode = kind == .directory ? "700" : "600"
                report.add(
                    Finding(
                        .agentSocketMode, evidence: "\(path) has mode \(facts.octal)", command: "chmod \(mode) \(ShellWord.quote(path))"))
            }
        }
    }

    private func checkAudit(_ report: inout SectionReport) {
        let log = paths.state + "/" + AuditLog.fileName
        for (path, kind) in [(paths.state, FileFacts.Kind.directory), (log, .file)] {
            guard let facts = host.look(path) else { continue }
            let isOurs = facts.kind == kind && facts.owner == host.user && facts.mode & 0o077 == 0 && facts.mode & 0o200 != 0
            if isOurs { continue }
            let mode = kind == .directory ? "700" : "600"
            let isRight = facts.kind == kind && facts.owner == host.user
            report.add(
                Finding(
                    .agentAuditUnwritable,
                    evidence: facts.kind == kind ? "\(path) has mode \(facts.octal), user \(facts.owner)" : "\(path) is no \(kind)",
                    command: isRight ? "chmod \(mode) \(ShellWord.quote(path))" : "ls -ld \(ShellWord.quote(path))"))
            return
        }
    }
}
