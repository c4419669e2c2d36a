import Logging
import OAuth
import Platform
import Providers
import Testing

@testable import Agent
@testable import Vault

/// A usage endpoint (and a token endpoint) that answers as the test says and notes when it was asked.
actor UsageServer: HTTPSending {
    enum Answer: Sendable {
        case reply(Int, String, headers: [String: String] = [:])
        case failure(sent: Bool)
    }

    private let clock: OAuthClock
    private let gate: OAuthGate?
    var answer: Answer
    private(set) var requests: [Timestamp] = []
    private(set) var refreshes = 0

    init(_ clock: OAuthClock, _ answer: Answer = .reply(200, UsageServer.body(37)), gate: OAuthGate? = nil) {
        self.clock = clock
        self.answer = answer
        self.gate = gate
    }

    func answer(_ answer: Answer) { self.answer = answer }

    func send(_ request: consuming HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        if request.method == .post {
            refreshes += 1
            return oauthResponse(200, OAuthTokens.answer("at-new-\(refreshes)", "rt-new-\(refreshes)", expiresIn: 10 * 86400))
        }
        if let gate { await gate.pass() }
        switch answer {
        case .reply(let status, let text, let headers):
            requests.append(clock.now)
            return oauthResponse(status, text, headers)
        case .failure(let sent):
            if sent { requests.append(clock.now) }
            throw HTTPFailure(kind: .connect, mayHaveBeenSent: sent, host: "id.example.org", reason: "scripted")
        }
    }

    /// Codex's answer with one window.
    static func body(_ percent: Int) -> String {
        #"{"plan_type":"plus","rate_limit":{"primary_window":{"used_percent":\#(percent),"limit_window_seconds":604800,"reset_at":1790400000}}}"#
    }
}

/// A vault with one account at each kind of provider, and the usage of it, on a clock that the test moves.
struct PollHouse {
    let house: VaultHouse
    let clock: OAuthClock
    let server: UsageServer
    var configuration: Configuration

    /// - Parameter providers: that an account is logged in at.
    init(
        _ providers: [String] = ["codex"], _ answer: UsageServer.Answer = .reply(200, UsageServer.body(37)), gate: OAuthGate? = nil,
        clock: OAuthClock = OAuthClock()
    ) async throws {
        self.clock = clock
        house = try await VaultHouse(clock: clock)
        server = UsageServer(clock, answer, gate: gate)
        configuration = Configuration()
        configuration.historyDays = 0
        var settings = ProviderSettings()
        settings.issuer = VaultHouse.issuer
        settings.clientId = "cli"
        for name in ["authorization", "token", "profile", "usage"] {
            settings.endpoints[name] = WebAddress(VaultHouse.issuer + "/" + name)
        }
        for name in ["codex", "claude", "acme"] { configuration.providers[name] = settings }
        for name in providers {
            let client = try ProviderCatalog(configuration.providers).provider(name).client()
            try await house.login("at-" + name, "rt-" + name, as: "ada-" + name, expiresIn: 10 * 86400, client: client)
        }
    }

    /// The usage as one process has it.
    func usage(time: TimeSource? = nil, chance: @escaping @Sendable () -> Double = { 0.5 }) throws -> UsageService {
        let vault = try house.neighbour().vault
        let service = AgentService(
            vault: vault, http: server, configuration: configuration, environment: ProcessEnvironment([:]), time: time ?? clock.source,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        var usage = UsageService(service)
        usage.chance = chance
        return usage
    }

    func accounts() throws -> [AccountRecord] { try house.vault.metadataStore.read().accounts }

    func account(_ provider: String = "codex") throws -> AccountRecord {
        try #require(try accounts().first { $0.provider == provider })
    }

    /// One look, as a process of its own.
    func look(_ provider: String = "codex", refresh: Bool = false) async throws -> UsageSnapshot {
        try #require(try await usage().readings(of: [account(provider)], refresh: refresh).first)
    }

    var folder: String { house.paths.usage }
    var count: Int { get async { await server.requests.count } }
}

extension UsageSnapshot {
    /// bucket code percent stale, in one line.
    var line: String {
        let used = windows.first?.usedPercent.map { String(Int($0)) } ?? "-"
        return "\(bucket.rawValue) \(failure?.code ?? "-") \(used) \(stale ? "stale" : "fresh")"
    }
}
