import OAuth
import Platform
import Providers
import Vault

extension Doctor {
    /// Seconds that a server's clock may differ; its Date header is a whole second, and the answer takes its time.
    private static let skew = 60
    /// What a proxy or a hotel's network answers in a host's place: Proxy Authentication Required (RFC 9110 section 15.5.8),
    /// Network Authentication Required (RFC 6585 section 6).
    private static let notTheHosts: Set<Int> = [407, 511]

    /// One host and who needs it.
    private struct Host: Sendable {
        let origin: String
        let providers: [String]
        /// Somebody is logged in to one of them, or nobody anywhere yet.
        let isNeeded: Bool

        var name: String { "\(origin) (\(providers.joined(separator: ", ")))" }
    }

    /// What needs somebody else's answer.
    static let ofNetwork: [DoctorCheck] = [.networkUnreachable, .networkCertificate, .flowClockSkew, .flowHostUnresolvable]

    /// One request to each provider's hosts, all at once and without a token.
    func checkNetwork() async -> SectionReport {
        var report = SectionReport()
        let checks = Doctor.ofNetwork
        guard usesNetwork else {
            report.skip(checks, "only with --network, or: ai-usage-agent doctor")
            return report
        }
        guard configurationError == nil else {
            report.skip(checks, "config.json has to be repaired first")
            return report
        }
        guard host.httpProblem() == nil else {
            report.skip(checks, "libcurl is missing")
            return report
        }
        let hosts = hosts
        guard !hosts.isEmpty else {
            report.skip(checks, "no provider is configured")
            return report
        }
        let (http, time, patience) = (service.http, service.time, networkPatience)
        let findings = await withTaskGroup(of: Finding.self) { group in
            for host in hosts { group.addTask { await Doctor.look(at: host, http, time, patience) } }
            var findings: [Finding] = []
            for await finding in group { findings.append(finding) }
            return findings
        }
        for finding in findings.sorted(by: { ($0.evidence ?? "") < ($1.evidence ?? "") }) { report.add(finding) }
        return report
    }

    /// Where a login, a refresh or a reading of the usage would go.
    private var hosts: [Host] {
        let accounts = Set(((try? service.metadata())?.accounts ?? []).map(\.provider))
        var providers: [String: Set<String>] = [:]
        for name in service.catalog.names where provider == nil || provider == name {
            guard let found = try? service.catalog.provider(name) else { continue }
            let client = try? found.client()
            // One that nobody can log in to is asked for nothing, unless another program's login is borrowed.
            guard client?.clientId.isEmpty == false || accounts.contains(name) else { continue }
            var addresses = Array(found.endpointOverrides.values) + [found.usageEndpoint].compactMap { $0 }
            if let endpoints = client?.endpoints {
                addresses += [endpoints.authorization, endpoints.token]
                addresses += [endpoints.deviceAuthorization, endpoints.revocation, endpoints.profile].compactMap { $0 }
            } else if let issuer = client?.issuer.flatMap({ WebAddress($0) }) {
                addresses.append(issuer)
            }
            for address in addresses { providers[address.origin, default: []].insert(name) }
        }
        return providers.sorted { $0.key < $1.key }.map { origin, names in
            Host(origin: origin, providers: names.sorted(), isNeeded: accounts.isEmpty || !accounts.isDisjoint(with: names))
        }
    }

    private static func look(at host: Host, _ http: any HTTPSending, _ time: TimeSource, _ patience: Duration) async -> Finding {
        let begun = time.elapsed()
        do throws(HTTPFailure) {
            let response = try await http.send(HTTPRequest(.get, host.origin + "/", deadline: patience))
            if notTheHosts.contains(response.status) {
                return unreachable(host, "the network asks for a login first (status \(response.status))")
            }
            if let date = response.header("date").flatMap({ Timestamp.ofHTTP($0) }), abs(time.now() - date) > skew {
                let difference = time.now() - date
                let words = difference > 0 ? "\(difference) s behind" : "\(-difference) s ahead of"
                return Finding(
                    .flowClockSkew, evidence: "\(host.name) is \(words) this machine", command: DoctorCheck.flowClockSkew.meaning.command)
            }
        } catch {
            switch error.kind {
            case .resolve: return Finding(.flowHostUnresolvable, status: host.isNeeded ? nil : .info, evidence: host.name)
            case .tls: return Finding(.networkCertificate, status: host.isNeeded ? nil : .info, evidence: "\(host.name): \(error.reason)")
            // It spoke, and at length.
            case .tooLarge: break
            case .connect, .timeout, .cut, .configuration: return unreachable(host, error.reason)
            }
        }
        let took = time.elapsed() - begun
        let milliseconds = took.components.seconds * 1000 + took.components.attoseconds / 1_000_000_000_000_000
        return Finding(.networkUnreachable, status: .ok, evidence: "\(host.name) answered in \(milliseconds) ms")
    }

    private static func unreachable(_ host: Host, _ why: String) -> Finding {
        Finding(.networkUnreachable, status: host.isNeeded ? nil : .info, evidence: "\(host.name): \(TerminalText.escape(why, limit: 200))")
    }
}
