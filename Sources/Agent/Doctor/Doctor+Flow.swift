import OAuth
import Platform
import Providers
import Vault

extension Doctor {
    /// What a login and every request pass through.
    func checkFlow() -> SectionReport {
        var report = SectionReport()
        if configurationError == nil { checkPorts(&report) } else { report.skip([.flowPortBusy], "config.json has to be repaired first") }
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
                    command: isReadable ? nil : "ls -l \(ShellWord.quote(path))"))
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
}
