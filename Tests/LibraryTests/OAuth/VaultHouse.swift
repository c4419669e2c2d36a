import Foundation
import Logging
import Platform
import Testing

@testable import OAuth
@testable import Vault

/// One real vault in a scratch folder with a token manager on it; a second house on the same folder is a second process.
struct VaultHouse {
    static let issuer = "https://id.example.org"

    let scratch: OAuthScratch
    let clock: OAuthClock
    let server: OAuthServer
    let paths: VaultPaths
    let vault: Vault
    let tokens: TokenManager

    init(server: OAuthServer = OAuthServer(), clock: OAuthClock = OAuthClock()) async throws {
        try self.init(on: OAuthScratch(), server: server, clock: clock)
        let made = VaultInitialization(sources: vault.sources, time: clock.source)
        _ = try await made.run(.file, .keyFile(path: paths.defaultKeyFile))
    }

    private init(on scratch: OAuthScratch, server: OAuthServer, clock: OAuthClock) throws {
        self.scratch = scratch
        self.clock = clock
        self.server = server
        paths = try #require(VaultPaths(ProcessEnvironment(["HOME": scratch.path])))
        vault = Vault(
            sources: .headless(paths: paths, passphrase: VaultHouse.noPassphrase, time: clock.source), time: clock.source, machineId: "test"
        )
        tokens = TokenManager(
            vault: vault, http: server, deadline: .seconds(30), time: clock.source,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    /// Another process on the same folder: its own vault object, its own manager.
    func neighbour(server: OAuthServer? = nil, clock: OAuthClock? = nil) throws -> VaultHouse {
        try VaultHouse(on: scratch, server: server ?? self.server, clock: clock ?? self.clock)
    }

    static let noPassphrase = PassphraseReader(source: .command(["/bin/false"]), environment: [:])

    // MARK: what a test does

    static func client(reader: any IdentityReading = SubjectReader(), _ change: (inout OAuthClient) -> Void = { _ in }) -> OAuthClient {
        var endpoints = ServerEndpoints(
            authorization: WebAddress("https://id.example.org/authorize")!, token: WebAddress("https://id.example.org/token")!)
        endpoints.usage = WebAddress("https://id.example.org/usage")
        var client = OAuthClient(
            provider: "acme", clientId: "cli", scopes: ["openid", "offline_access"], issuer: issuer, endpoints: endpoints,
            redirect: RedirectRule(host: "127.0.0.1", path: "/callback", ports: []), identityReader: reader)
        change(&client)
        return client
    }

    /// Stores what a login brought.
    @discardableResult
    func login(
        _ access: String = "at-1", _ refresh: String? = "rt-1", as key: String = "ada", expiresIn: Int = 3600, label: String? = nil,
        client: OAuthClient = VaultHouse.client()
    ) async throws -> TokenManager.Adoption {
        let tokens = try TokenResponse(SecretBytes(OAuthTokens.answer(access, refresh, expiresIn: expiresIn)))
        var identity = AccountIdentity(accountKey: key)
        identity.email = key + "@example.org"
        return try await self.tokens.adopt(
            LoginResult(tokens: tokens, identity: identity, client: client, receivedAt: clock.now), label: label)
    }

    /// An account whose access token ended an hour ago.
    func expiredAccount() async throws -> AccountRecord {
        let account = try await login().account
        clock.advance(7200)
        return account
    }

    func token(
        _ account: AccountRecord, _ demand: TokenManager.Demand = .live(minimum: nil), client: OAuthClient = VaultHouse.client()
    ) async throws(OAuthError) -> HeldToken {
        try await tokens.token(account, demand) { () async throws(OAuthError) -> OAuthClient in client }
    }

    /// The error of a call that must fail.
    func refusal(
        _ account: AccountRecord, _ demand: TokenManager.Demand = .live(minimum: nil), client: OAuthClient = VaultHouse.client()
    ) async -> OAuthError? {
        do throws(OAuthError) {
            _ = try await token(account, demand, client: client)
            return nil
        } catch { return error }
    }

    // MARK: what a test looks at

    func record(_ account: AccountRecord) throws -> AccountRecord? { try vault.metadataStore.read().account(id: account.id) }

    struct Stored: Equatable {
        let access: String
        let refresh: String?
        let generation: Int
    }

    /// What the sealed store holds, read by a process that has seen nothing else.
    func stored(_ account: AccountRecord) async throws -> Stored? {
        let open = try await neighbour().vault.open()
        guard let bundle = try await open.bundle(account.id) else { return nil }
        return Stored(
            access: oauthText(bundle.accessToken), refresh: oauthText(optional: bundle.refreshToken), generation: bundle.facts.generation)
    }

    /// What the sealed store says of the account besides its tokens.
    func facts(_ account: AccountRecord) async throws -> BundleFacts? {
        try await vault.open().backend.list().first { $0.accountId == account.id }
    }

    /// The account key of the RESULT in the journal.
    func journaledKey(_ account: AccountRecord) async throws -> String? {
        guard let result = try await vault.open().journal.read(account.id) else { return nil }
        return result.bundle.facts.accountKey
    }

    /// Whether a RESULT waits in the journal.
    func isPending(_ account: AccountRecord) async throws -> Bool { try await vault.open().journal.mark(account.id) == .result }

    /// Writes a RESULT as a flight that was killed before its commit leaves one.
    func leaveResult(_ account: AccountRecord, generation: Int, access: String, refresh: String, spent: String) async throws {
        let open = try await vault.open()
        guard var next = try await open.bundle(account.id) else { throw VaultError(.missing, "the account has no bundle", remedy: nil) }
        next.facts.generation = generation
        next.facts.obtainedAt = clock.now
        next.facts.expiresAt = clock.now + 3600
        next.accessToken = SecretBytes(access)
        next.refreshToken = SecretBytes(refresh)
        let intent = leftIntent(open.keys.fingerprint(of: SecretBytes(spent)), generation: generation - 1)
        try open.journal.begin(intent, account.id, tokenSizes: 100)
        try open.journal.write(next, for: intent)
    }

    /// Writes a record of intent as a flight that was killed before its answer leaves one.
    func leaveIntent(_ account: AccountRecord, attempt: Int = 1, spent: String = "rt-1", generation: Int = 1, ago: Duration = .zero)
        async throws
    {
        let open = try await vault.open()
        let intent = leftIntent(open.keys.fingerprint(of: SecretBytes(spent)), generation: generation, attempt: attempt, ago: ago)
        try open.journal.begin(intent, account.id, tokenSizes: 100)
    }

    /// By a process that is gone.
    private func leftIntent(_ fingerprint: String, generation: Int, attempt: Int = 1, ago: Duration = .zero) -> RotationIntent {
        RotationIntent(
            generation: generation, fingerprint: fingerprint, attempt: attempt, holder: ProcessMark(pid: 1, started: 1),
            boot: ProcessMark.boot,
            writtenAt: clock.source.elapsed() - ago, time: clock.now)
    }

    /// From here on reading works and no commit does: its lock cannot be taken.
    func breakCommits() throws {
        let lock = paths.data + "/locks/vault"
        try? FileManager.default.removeItem(atPath: lock)
        try FileManager.default.createDirectory(atPath: lock, withIntermediateDirectories: false)
    }

    func repairCommits() throws { try FileManager.default.removeItem(atPath: paths.data + "/locks/vault") }
}

/// The identity of tests: `sub` of the access token; opaque tokens name nobody.
struct SubjectReader: IdentityReading {
    func identity(idToken: JSONValue?, accessToken: JSONValue?) -> AccountIdentity? {
        (accessToken ?? idToken)?["sub"].string.map { AccountIdentity(accountKey: $0) }
    }
}

extension HeldToken {
    var text: String { oauthText(accessToken) }
}
