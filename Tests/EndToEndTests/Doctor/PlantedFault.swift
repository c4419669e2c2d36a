import Agent
import Glibc
import Platform
import TestSupport
import Testing

/// One fault as it happens to a home, the check that finds it, and what else it brings with it.
struct PlantedFault: Sendable, CustomTestStringConvertible {
    let id: String
    let start: Scene.Start
    let options: [String]
    let environment: [String: String]
    let plant: @Sendable (Scene) async throws -> Void

    init(
        _ id: String, start: Scene.Start = .login, options: [String] = [], environment: [String: String] = [:],
        plant: @escaping @Sendable (Scene) async throws -> Void = { _ in }
    ) {
        (self.id, self.start, self.options, self.environment, self.plant) = (id, start, options, environment, plant)
    }

    var testDescription: String { id }

    static let all = vault + identity + accounts + host

    /// Every other warning or error that this fault may cause.
    var consequences: Set<String> { Set(DoctorCheck(rawValue: id)?.consequences.map(\.rawValue) ?? []) }

    /// Ended between the journal and the store; needs strace.
    static let pendingCommit = PlantedFault("rotation.pending-commit") { scene in
        let calls = SystemCalls(scene.home)
        _ = try await scene.run("auth", "refresh", "codex", through: calls.killing(at: .rename(to: "secrets.age")))
    }

    /// With all its memories on another machine; needs root that may mount.
    static let cloned = PlantedFault("vault.cloned") { scene in
        let machine = try OtherMachine(scene.home, "0123456789abcdef0123456789abcdef")
        scene.wrapper.withLock { $0 = machine.command }
    }

    /// Changes auth.json as an editor would.
    private static func edit(_ home: Home, _ old: String, _ new: String) throws {
        let text = try home.text(home.metadataFile)
        guard text.contains(old) else { throw Scene.Failed(description: "no \(old) in \(text)") }
        try home.write(Array(text.replacing(old, with: new, maxReplacements: 1).utf8), to: home.metadataFile)
    }

    /// Gives a member of the account's record another value, whatever it has.
    private static func set(_ home: Home, _ member: String, _ value: String) throws {
        let text = try home.text(home.metadataFile)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            guard let found = line.firstRange(of: "      \"\(member)\": ") else { return String(line) }
            return String(line[..<found.upperBound]) + value + (line.hasSuffix(",") ? "," : "")
        }
        guard lines.joined(separator: "\n") != text else { throw Scene.Failed(description: "no \(member) in \(text)") }
        try home.write(Array(lines.joined(separator: "\n").utf8), to: home.metadataFile)
    }

    private static func moveAway(_ home: Home, _ path: String) throws {
        try home.move(path, to: home.path + "/moved")
        try home.link(path, to: home.path + "/moved")
    }

    /// A second vault with its own key and login.
    private static func stranger(_ scene: Scene, _ body: (Home) throws -> Void) async throws {
        let other = try Home()
        defer { other.remove() }
        try other.configure(try scene.home.text(scene.home.configurationFile))
        _ = try await scene.run("vault", "init", "--backend", "file", "--identity", "key-file", environment: other.environment)
        let login = try await HeadlessLogin(try scene.start(["auth", "login", "codex", "--no-open"], environment: other.environment))
        _ = try await login.complete("&demo_user=mallory")
        try body(other)
    }

    private static let vault: [PlantedFault] = [
        PlantedFault("vault.dir.mode") { try $0.home.change(mode: 0o755, of: $0.home.data) },
        PlantedFault("vault.dir.symlink") { try moveAway($0.home, $0.home.data) },
        PlantedFault("vault.unreadable") { scene in
            let loop = scene.home.path + "/loop"
            try scene.home.link(loop, to: loop)
            scene.variables.withLock { $0["XDG_DATA_HOME"] = loop }
        },
        PlantedFault("vault.folder.mode") { try $0.home.change(mode: 0o755, of: $0.home.data + "/locks") },
        PlantedFault("vault.folder.unusable") { scene in
            try scene.home.delete(scene.home.data + "/locks/vault")
            try scene.home.makeDirectory(scene.home.data + "/locks/vault")
        },
        PlantedFault("vault.metadata.missing") { try $0.home.delete($0.home.metadataFile) },
        PlantedFault("vault.metadata.mode") { try $0.home.change(mode: 0o644, of: $0.home.metadataFile) },
        PlantedFault("vault.metadata.symlink") { try moveAway($0.home, $0.home.metadataFile) },
        PlantedFault("vault.metadata.malformed") { scene in
            try scene.home.write(Array(try scene.home.read(scene.home.metadataFile).dropLast(20)), to: scene.home.metadataFile)
        },
        PlantedFault("vault.metadata.newer-schema") { try edit($0.home, "\"schemaVersion\": 1,", "\"schemaVersion\": 2,") },
        PlantedFault("vault.metadata.contains-secret") { scene in
            try edit(scene.home, "\"schemaVersion\": 1,", "\"schemaVersion\": 1, \"note\": {\"refresh_token\": \"planted\"},")
        },
        PlantedFault("vault.metadata.mac") { try edit($0.home, "\"generation\": 1,\n    \"sealed", "\"generation\": 7,\n    \"sealed") },
        PlantedFault("vault.sealed.missing") { try $0.home.delete($0.home.sealedFile) },
        PlantedFault("vault.sealed.mode") { try $0.home.change(mode: 0o640, of: $0.home.sealedFile) },
        PlantedFault("vault.sealed.symlink") { try moveAway($0.home, $0.home.sealedFile) },
        PlantedFault("vault.sealed.malformed") { scene in
            try scene.home.write(Array(try scene.home.read(scene.home.sealedFile).dropLast(20)), to: scene.home.sealedFile)
        },
        PlantedFault("vault.sealed.foreign") { scene in
            try await stranger(scene) { try scene.home.write(try scene.home.read($0.sealedFile), to: scene.home.sealedFile) }
        },
        PlantedFault("vault.rollback") { scene in
            let older = try scene.home.read(scene.home.sealedFile)
            try await scene.require("auth", "refresh", "codex")
            try scene.home.write(older, to: scene.home.sealedFile)
        },
        PlantedFault("vault.cloned") { scene in
            try set(scene.home, "status", "\"unknown\"")
            try set(scene.home, "statusReason", "\"cloned_vault\"")
        },
        PlantedFault("vault.recipient-mismatch") { scene in
            try await stranger(scene) { try scene.home.write(try scene.home.read($0.keyFile), to: scene.home.keyFile) }
        },
        PlantedFault("vault.in-git-tree") { try $0.home.makeDirectory($0.home.path + "/.git") },
        PlantedFault("vault.in-synced-folder") { try $0.home.makeDirectory($0.home.path + "/data/.stfolder") },
        PlantedFault("vault.leftover-temp") { try $0.home.write([1, 2, 3], to: $0.home.data + "/.tmp-auth.json.0123456789ab") },
        PlantedFault("rotation.intent-left", start: .vault) { scene in
            try await scene.loginExpired()
            try await scene.provider.misbehave("lost-reply")
            _ = try await scene.run("token", "codex")
        },
        PlantedFault("rotation.refused-remembered") { scene in
            try await scene.provider.revokeAll()
            _ = try await scene.run("auth", "refresh", "codex")
        },
    ]

    private static let identity: [PlantedFault] = [
        PlantedFault("identity.missing") { try $0.home.delete($0.home.keyFile) },
        PlantedFault("identity.keyfile.mode") { try $0.home.change(mode: 0o644, of: $0.home.keyFile) },
        PlantedFault("identity.keyfile.beside-vault") { scene in
            try scene.home.write(try scene.home.read(scene.home.keyFile), to: scene.home.data + "/old-key.txt")
        },
        PlantedFault("identity.keyfile.malformed") { try $0.home.write(Array("AGE-SECRET-KEY-1NOT\n".utf8), to: $0.home.keyFile) },
        PlantedFault("identity.source-unavailable") { scene in
            try edit(scene.home, "\"identitySource\": \"key-file\"", "\"identitySource\": \"systemd-credential\"")
        },
        PlantedFault("backend.account-without-secret") { scene in
            try set(scene.home, "id", "\"11111111-2222-3333-4444-555555555555\"")
        },
        PlantedFault("backend.orphan-secret") { scene in
            try set(scene.home, "id", "\"11111111-2222-3333-4444-555555555555\"")
        },
    ]

    private static let accounts: [PlantedFault] = [
        PlantedFault("account.none", start: .vault),
        PlantedFault("account.expired") { scene in
            try set(scene.home, "refreshable", "false")
            try set(scene.home, "expiresAt", "\"2020-01-01T00:00:00Z\"")
        },
        PlantedFault("account.expiring") { scene in
            try set(scene.home, "expiresAt", "\"\((TimeSource.system.now().wholeSeconds + 120).description)\"")
        },
        PlantedFault("account.login-ends-soon") { scene in
            try set(scene.home, "loginExpiresAt", "\"\((TimeSource.system.now().wholeSeconds + 86400).description)\"")
        },
        PlantedFault("account.not-refreshable") { try set($0.home, "refreshable", "false") },
        PlantedFault("account.needs-login") { try set($0.home, "status", "\"needs_login\"") },
        PlantedFault("account.no-identity") { try set($0.home, "accountKey", "\"opaque#0123456789abcdef\"") },
        PlantedFault("account.duplicate-key") { scene in
            try await scene.login("codex", as: "bob")
            try set(scene.home, "accountKey", "\"one-and-the-same\"")
        },
        PlantedFault("account.default"),
        PlantedFault("account.insecure-endpoint"),
        PlantedFault("account.reference-vanished", start: .vault) { scene in
            try await borrow(scene)
            try scene.home.delete(scene.home.path + "/.codex/auth.json")
        },
        PlantedFault("account.reference-moved-on", start: .vault) { scene in
            try await borrow(scene)
            try scene.home.plant(ForeignGrant.synthetic("bob").codex, at: ".codex/auth.json")
        },
        PlantedFault("account.scope-missing") { scene in
            try scene.configure(
                Scene.configuration.replacing(
                    "{\"issuer\": \"BASE\", \"redirect", with: "{\"scopes\": [\"openid\", \"more\"], \"issuer\": \"BASE\", \"redirect"))
        },
        PlantedFault("account.origin-changed") { scene in
            try scene.configure(
                Scene.configuration.replacing("{\"issuer\": \"BASE\", \"redirect", with: "{\"issuer\": \"http://127.0.0.1:1\", \"redirect"))
        },
    ]

    private static func borrow(_ scene: Scene) async throws {
        try scene.home.plant(ForeignGrant.synthetic("ada").codex, at: ".codex/auth.json")
        try await scene.require("auth", "import", "codex")
    }

    private static let host: [PlantedFault] = [
        PlantedFault("flow.port-busy") { scene in
            let port = scene.provider.base.split(separator: ":").last ?? ""
            try scene.configure(Scene.configuration.replacing("http://127.0.0.1/callback", with: "http://127.0.0.1:\(port)/callback"))
        },
        PlantedFault("flow.no-browser"),
        PlantedFault("flow.remote", environment: ["SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"]),
        PlantedFault("flow.proxy", environment: ["HTTPS_PROXY": "http://127.0.0.1:9"]),
        PlantedFault("flow.ca-file", environment: ["SSL_CERT_FILE": "/nowhere/authorities.pem"]),
        PlantedFault("network.unreachable", start: .vault, options: ["--network"]) { scene in
            try scene.configure(
                Scene.configuration.replacing("\"oidc\", \"issuer\": \"BASE\"", with: "\"oidc\", \"issuer\": \"http://127.0.0.1:1\""))
        },
        PlantedFault("exposure.plaintext-store") { scene in
            try scene.home.plant(ForeignGrant.synthetic("bob").codex, at: ".codex/auth.json")
            try scene.home.change(mode: 0o644, of: scene.home.path + "/.codex/auth.json")
        },
        PlantedFault("exposure.shared-refresh-token") { scene in
            let grant = ForeignGrant.synthetic("bob")
            try scene.home.plant(grant.codex, at: ".codex/auth.json")
            try scene.home.plant(grant.pi, at: ".pi/agent/auth.json")
        },
        PlantedFault("exposure.shared-refresh-token") { scene in
            // The vault's own, as a copy of somebody's auth.json has it.
            let tokens = try await scene.provider.tokens()
            let token = try #require(tokens.first { $0.hasPrefix("rt_") }, "\(tokens)")
            var grant = ForeignGrant.synthetic("ada")
            grant.refresh = token
            try scene.home.plant(grant.codex, at: ".codex/auth.json")
        },
        PlantedFault("build.shadowed") { scene in
            let folder = scene.home.path + "/bin"
            try scene.home.makeDirectory(folder)
            try await Executable.write("#!/bin/sh\n", to: folder + "/ai-usage-agent")
            scene.variables.withLock { $0["PATH"] = folder + ":/usr/bin:/bin" }
        },
        PlantedFault("build.not-in-path"),
        PlantedFault("exposure.token-in-environment", environment: ["OPENAI_API_KEY": "sk-planted-in-the-environment"]),
        PlantedFault("exposure.token-in-shell-startup") { scene in
            try scene.home.plant("# nothing\nexport ANTHROPIC_API_KEY=\"sk-planted-in-bashrc\"\n", at: ".bashrc")
        },
        PlantedFault("exposure.home-world-readable") { try $0.home.change(mode: 0o755, of: $0.home.path) },
        PlantedFault("config.malformed") { try $0.home.configure("{\"schemaVersion\": 1,") },
        PlantedFault("config.unknown-key") { try $0.home.configure("{\"schemaVersion\": 1, \"vaultt\": {}}") },
        PlantedFault("config.writable-by-others") { try $0.home.change(mode: 0o666, of: $0.home.configurationFile) },
        PlantedFault("config.relative-xdg", environment: ["XDG_STATE_HOME": "state"]),
        PlantedFault("agent.not-running"),
        PlantedFault("agent.socket.mode") { scene in
            try scene.home.makeDirectory(scene.home.agentFolder)
            try scene.home.change(mode: 0o755, of: scene.home.agentFolder)
        },
        PlantedFault("agent.socket.owner") { scene in
            try scene.home.makeDirectory(scene.home.agentFolder)
            try scene.home.write([], to: scene.home.agentSocket)
        },
        PlantedFault("agent.audit-unwritable") { scene in
            try scene.home.makeDirectory(scene.home.path + "/state/ai-usage-agent/audit.log")
        },
    ]
}
