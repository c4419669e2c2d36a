import OAuth
import Platform
import Providers
import Vault

extension Doctor {
    /// Seconds that a server's clock may differ; its Date header is a whole second, and the answer takes its time.
    private static let skew = 60

    /// What a login and every request pass through.
    func checkFlow() async -> SectionReport {
        var report = SectionReport()
        checkPorts(&report)
        let hasDisplay = environment["DISPLAY"] != nil || environment["WAYLAND_DISPLAY"] != nil
        if !hasDisplay, environment["BROWSER"] == nil {
            report.add(Finding(.flowNoBrowser, evidence: "neither DISPLAY, WAYLAND_DISPLAY nor BROWSER is set"))
        }
        if environment["SSH_CONNECTION"] != nil || environment["SSH_TTY"] != nil {
            report.add(Finding(.flowRemote, evidence: "SSH_CONNECTION or SSH_TTY is set"))
        }
        let variables = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].filter { environment[$0] != nil }
        let proxies = variables + (service.configuration.proxy == nil ? [] : ["network.proxy in config.json"])
        if !proxies.isEmpty { report.add(Finding(.flowProxy, evidence: proxies.joined(separator: ", "))) }
        for (name, path) in [("SSL_CERT_FILE", environment["SSL_CERT_FILE"]), ("network.caFile", service.configuration.caFile)] {
            guard let path else { continue }
            let isReadable = PublicFile.read(path, limit: 16 << 20) != nil
            report.add(
                Finding(
                    .flowCaFile, status: isReadable ? .info : .warning, evidence: "\(name): \(path)\(isReadable ? "" : " cannot be read")",
                    command: isReadable ? nil : "ls -l \(path)"))
        }
        if usesNetwork {
            await checkHosts(&report)
        } else {
            report.skip([.flowClockSkew, .flowHostUnresolvable], "only with --network")
        }
        return report
    }

    private func checkPorts(_ report: inout SectionReport) {
        for name in service.catalog.names where provider == nil || provider == name {
            guard let client = try? service.catalog.provider(name).client(), !client.redirect.ports.isEmpty else { continue }
            let held = client.redirect.ports.map { ($0, host.portHolder($0)) }
            // One that is free is enough.
            guard held.allSatisfy({ $0.1 != nil }) else { continue }
            let who = held.map { "\($0.0): \($0.1 ?? "?")" }.joined(separator: ", ")
            report.add(Finding(.flowPortBusy, evidence: "\(name): \(who)", command: "ai-usage-agent auth login \(name) --device"))
        }
    }

    /// One request to each host, without a token.
    private func checkHosts(_ report: inout SectionReport) async {
        var origins: Set<String> = []
        for name in service.catalog.names where provider == nil || provider == name {
            guard let found = try? service.catalog.provider(name), let client = try? found.client() else { continue }
            let address = client.endpoints?.token ?? found.endpointOverrides["token"] ?? client.issuer.flatMap { WebAddress($0) }
            if let address { origins.insert(address.origin) }
        }
        let (http, time) = (service.http, service.time)
        await withTaskGroup(of: Finding?.self) { group in
            for origin in origins {
                group.addTask { await Doctor.look(at: origin, http, time) }
            }
            for await finding in group {
                if let finding { report.add(finding) }
            }
        }
    }

    private static func look(at origin: String, _ http: any HTTPSending, _ time: TimeSource) async -> Finding? {
        do throws(HTTPFailure) {
            let response = try await http.send(HTTPRequest(.get, origin + "/", deadline: .seconds(3)))
            guard let date = response.header("date").flatMap({ Timestamp.ofHTTP($0) }) else { return nil }
            let difference = time.now() - date
            guard abs(difference) > skew else { return nil }
            return Finding(
                .flowClockSkew, evidence: "\(origin) is \(difference) s behind this machine",
                command: DoctorCheck.flowClockSkew.meaning.command)
        } catch {
            return error.kind == .resolve ? Finding(.flowHostUnresolvable, evidence: origin) : nil
        }
    }
}
