import Age
import Logging
import OAuth
import Platform
import Providers
import TestSupport
import Testing

@testable import Agent
@testable import Vault

/// A fault that no test can really bring about on every machine: the host's facts say that it is there.
struct HostFault: Sendable, CustomTestStringConvertible {
    let id: String
    let plant: @Sendable (inout HostFacts, VaultHome) throws -> Void

    init(_ id: String, _ plant: @escaping @Sendable (inout HostFacts, VaultHome) throws -> Void) { (self.id, self.plant) = (id, plant) }

    var testDescription: String { id }

    /// Somebody else's, at that path.
    private static func strangers(_ id: String, _ kind: FileFacts.Kind, _ mode: Int, _ path: @escaping @Sendable (VaultHome) -> String)
        -> HostFault
    {
        HostFault(id) { facts, home in
            let place = path(home)
            let real = facts.look
            facts.look = { $0 == place ? FileFacts(kind: kind, owner: 12345, mode: mode) : real($0) }
        }
    }

    /// A file of /proc with that text.
    private static func text(_ id: String, _ text: String, _ set: @escaping @Sendable (inout HostFacts, String) -> Void) -> HostFault {
        HostFault(id) { facts, home in
            try home.folder.write(text, "planted")
            set(&facts, home.folder.file("planted"))
        }
    }

    static let all = [
        strangers("vault.dir.owner", .directory, 0o700) { $0.paths.data },
        strangers("vault.metadata.owner", .file, 0o600) { $0.paths.metadataFile },
        strangers("vault.sealed.owner", .file, 0o600) { $0.paths.sealedFile },
        strangers("identity.keyfile.owner", .file, 0o600) { $0.paths.defaultKeyFile },
        strangers("agent.socket.owner", .directory, 0o700) { AgentSocket($0.paths).directory },
        strangers("agent.audit-unwritable", .file, 0o600) { $0.paths.state + "/audit.log" },
        strangers("config.writable-by-others", .file, 0o600) { $0.paths.configurationFile },
        HostFault("vault.network-filesystem") { facts, _ in facts.filesystem = { _ in 0x6969 } },
        HostFault("flow.port-busy") { facts, _ in facts.portHolder = { _ in "another program (pid 1)" } },
        HostFault("build.helper-missing") { facts, home in
            facts.helpers = [home.folder.file("nothing")]
            facts.isTrusted = { _ in false }
        },
        HostFault("build.helper-mode") { facts, home in
            try home.folder.write("#!/bin/sh\n", "helper", mode: 0o777)
            facts.helpers = [home.folder.file("helper")]
            facts.isTrusted = { TrustedProgram.isTrusted($0) }
        },
        strangers("build.program-mode", .file, 0o755) { $0.folder.file("libexec/ai-usage-agent-cli") },
        HostFault("build.front-door-missing") { facts, home in
            facts.frontDoors = [home.folder.file("nothing")]
            // What the name leads to is still ours.
            try home.folder.link("bin/ai-usage-agent", to: home.folder.file("libexec/ai-usage-agent-cli"))
        },
        HostFault("build.libcurl-missing") { facts, _ in facts.httpProblem = { "libcurl.so.4 is not installed" } },
        HostFault("build.sqlite-missing") { facts, _ in facts.databaseProblem = { "libsqlite3.so.0 is not installed" } },
        HostFault("build.openssl-old") { facts, _ in facts.cryptoVersion = 1 },
        HostFault("build.libsecret-missing") { facts, home in facts.libraries = [home.folder.file("nowhere")] },
        text("exposure.core-dumps", "core\n") { $0.corePattern = $1 },
        text("exposure.ptrace-scope", "0\n") { $0.ptraceScope = $1 },
        text("exposure.swap", "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n") { $0.swaps = $1 },
    ]
}

/// Hosts that answer as the test says.
private struct ScriptedHosts: HTTPSending {
    var date: String?
    var status = 404
    var failure = HTTPFailure.Kind.resolve

    func send(_ request: consuming HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        guard let date else { throw HTTPFailure(kind: failure, mayHaveBeenSent: false, host: "id.example.org", reason: "scripted") }
        var hasToken = false
        switch request.bearer {
        case .some: hasToken = true
        case .none: break
        }
        #expect(!hasToken && request.method == .get, "no token goes there")
        return HTTPResponse(status: status, headers: [("date", date)], body: SecretBytes(zeroes: 0))
    }
}

@Suite("auth doctor on a machine of the test's own")
struct HostFactsTests {
    private func doctor(_ home: VaultHome, _ host: HostFacts, _ http: ScriptedHosts = ScriptedHosts(), usesNetwork: Bool = false) -> Doctor
    {
        let environment = ProcessEnvironment(["HOME": home.folder.path, "PATH": home.folder.file("bin")])
        let service = AgentService(
            vault: home.vault(), http: http, configuration: Configuration(), environment: environment, time: .system,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        var doctor = Doctor(service, host: host, environment: environment, usesNetwork: usesNetwork)
        // Longer than in earnest: the other tests take their share of the machine.
        doctor.patience = .seconds(60)
        return doctor
    }

    /// A machine without anything to say.
    private func quiet(_ home: VaultHome) throws -> HostFacts {
        var host = HostFacts(version: "1")
        try home.folder.write("", "empty")
        try home.folder.write("1\n", "scope")
        (host.swaps, host.corePattern) = (home.folder.file("empty"), home.folder.file("empty"))
        host.ptraceScope = home.folder.file("scope")
        host.isTrusted = { _ in true }
        try home.folder.write("", "libsecret-1.so.0")
        host.libraries = [home.folder.path]
        host.filesystem = { _ in 0xEF53 }
        host.portHolder = { _ in nil }
        try home.folder.makeFolder("bin")
        try home.folder.makeFolder("libexec")
        for name in ["bin/ai-usage-agent", "libexec/ai-usage-agent-cli"] { try home.folder.write("", name, mode: 0o755) }
        (host.program, host.frontDoors) = (home.folder.file("libexec/ai-usage-agent-cli"), [home.folder.file("bin/ai-usage-agent")])
        return host
    }

    private func found(_ findings: [Finding]) -> Set<String> {
        Set(findings.filter { $0.status != .ok && $0.status != .skipped }.map(\.check.rawValue))
    }

    private static let always: Set<String> = ["agent.not-running", "account.default", "flow.no-browser"]

    @Test("A fault of the machine is found by its id, and nothing else", arguments: HostFault.all)
    func planted(_ fault: HostFault) async throws {
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            try await home.store.update { $0.updateAccount(id: accountId(1)) { $0.refreshable = true } }
            var host = try quiet(home)
            let before = await doctor(home, host).run()
            #expect(found(before) == Self.always)
            #expect(before.map(\.check).contains { $0.rawValue == fault.id })
            try fault.plant(&host, home)
            let after = found(await doctor(home, host).run())
            let gone: Set<String> = fault.id.hasPrefix("agent.socket") ? ["agent.not-running"] : []
            let hidden: Set<String> = ["vault.dir.owner", "vault.metadata.owner"].contains(fault.id) ? ["account.default"] : []
            #expect(after == Self.always.subtracting(gone).subtracting(hidden).union([fault.id]))
        }
    }

    @Test(
        "An agent whose process may write core files or holds no locked memory is named",
        arguments: [("0", "128 kB", []), ("unlimited", "128 kB", ["agent.not-hardened"]), ("0", "0 kB", ["agent.memory-not-locked"])])
    func process(_ core: String, _ locked: String, _ ids: [String]) async throws {
        try await VaultHome.withVault { home in
            var host = try quiet(home)
            host.processes = home.folder.path
            try home.folder.makeFolder("42")
            try home.folder.write(
                "Limit  Soft Limit  Hard Limit  Units\nMax core file size        \(core)    unlimited   bytes\n", "42/limits")
            try home.folder.write("Name:\tagent\nVmLck:\t     \(locked)\n", "42/status")
            var report = SectionReport()
            let status: JSONObject = ["version": "1", "store": .string(home.paths.data), "pid": 42, "locked": false]
            doctor(home, host).checkStatus(status, &report)
            #expect(report.findings.map(\.check.rawValue) == ids)
        }
    }

    @Test("A passphrase that is stretched too little is named")
    func weakPassphrase() async throws {
        try await VaultHome.with { home in
            _ = try await home.initialise(.passphrase, try home.passphrase())
            let sealed = try AgeFile.seal(
                Array("AGE".utf8).span, passphrase: SecretBytes(VaultHome.passphrase), workFactor: 14)
            try home.folder.write(sealed, VaultHome.identityFile)
            let findings = await doctor(home, try quiet(home)).run()
            let finding = try #require(findings.first { $0.check == .identityPassphraseWeakKdf })
            #expect(finding.check.rawValue == "identity.passphrase.weak-kdf" && finding.status == .warning)
            #expect(finding.evidence?.contains("work factor 14") == true)
        }
    }

    @Test("With --network a clock that differs and a host without an address are named; without it nobody is asked")
    func network() async throws {
        try await VaultHome.withVault { home in
            let host = try quiet(home)
            let late = await doctor(home, host, ScriptedHosts(date: "Sun, 06 Nov 1994 08:49:37 GMT"), usesNetwork: true).run()
            #expect(found(late).contains("flow.clock-skew"))
            let lost = await doctor(home, host, usesNetwork: true).run()
            #expect(found(lost).contains("flow.host-unresolvable"))
            let silent = await doctor(home, host).run()
            #expect(silent.first { $0.check == .flowClockSkew }?.status == .skipped)
        }
    }

    @Test(
        "A host that speaks is there, whatever it says; one that does not, or that somebody else speaks for, is named",
        arguments: [
            (ScriptedHosts(status: 200, failure: .tooLarge), []), (ScriptedHosts(failure: .connect), ["network.unreachable"]),
            (ScriptedHosts(failure: .timeout), ["network.unreachable"]), (ScriptedHosts(failure: .cut), ["network.unreachable"]),
            (ScriptedHosts(failure: .tls), ["network.certificate"]),
            (ScriptedHosts(date: "nonsense", status: 511), ["network.unreachable"]),
            (ScriptedHosts(date: "nonsense", status: 407), ["network.unreachable"]), (ScriptedHosts(date: "nonsense", status: 503), []),
        ])
    private func hosts(_ hosts: ScriptedHosts, _ ids: [String]) async throws {
        try await VaultHome.withVault { home in
            let findings = await doctor(home, try quiet(home), hosts, usesNetwork: true).run()
            let ofHosts = findings.filter { [.networkUnreachable, .networkCertificate, .flowHostUnresolvable].contains($0.check) }
            #expect(Set(ofHosts.filter { $0.status == .warning || $0.status == .error }.map(\.check.rawValue)) == Set(ids))
            #expect(ofHosts.contains { $0.evidence?.hasPrefix("https://auth.openai.com (codex)") == true }, "\(ofHosts)")
        }
    }

    @Test("A program in PATH that is a link to ours is ours")
    func link() async throws {
        try await VaultHome.withVault { home in
            var host = try quiet(home)
            let moved = home.folder.file("libexec/door")
            try home.folder.write("", "libexec/door", mode: 0o755)
            host.frontDoors = [moved]
            let other = await doctor(home, host).run()
            #expect(other.first { $0.check == .buildShadowed }?.status == .warning)
            try home.folder.link("bin/ai-usage-agent", to: moved)
            let linked = await doctor(home, host).run()
            #expect(linked.first { $0.check == .buildShadowed }?.status == .ok)
        }
    }

    @Test("What does not answer in time is skipped, and the others are there")
    func limit() async throws {
        try await VaultHome.withVault { home in
            var host = try quiet(home)
            // Looks at one place that hangs, as a dead network mount does, until the audit is over.
            let isOver = Guarded(false)
            host.portHolder = { _ in
                let end = TimeSource.system.elapsed() + .seconds(60)
                while TimeSource.system.elapsed() < end, !isOver.withLock({ $0 }) { _ = Poller.wait([], .milliseconds(20)) }
                return nil
            }
            var doctor = doctor(home, host)
            doctor.patience = .seconds(10)
            let findings = await doctor.run()
            isOver.withLock { $0 = true }
            #expect(findings.first { $0.check == .flowPortBusy }?.status == .skipped)
            #expect(findings.first { $0.check == .vaultDirMode }?.status == .ok)
            let gap = findings.first { $0.check.rawValue == "audit.incomplete" }
            #expect(gap?.status == .warning && gap?.evidence?.contains("flow.port-busy") == true, "\(findings)")
        }
    }
}
