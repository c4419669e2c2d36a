import Logging
import Platform
import TestSupport
import Testing

@testable import Age
@testable import OAuth
@testable import Vault

/// What happens to a login from its code to its end, with a search of the memory at each station.
enum MemoryFlow {
    /// What must be in memory and what must not, at one moment; prints the counts.
    ///
    /// A thread that has handed over its result may hold it a moment longer: what must not be there gets that time to go.
    static func expect(at moment: String, held: [Canary] = [], gone: [Canary] = [], among canaries: [Canary]) async throws {
        var scan = try MemoryScan.run(canaries)
        for _ in 0..<20 where gone.contains(where: { scan.counts[$0.name] != 0 }) {
            await TimeSource.system.sleep(.milliseconds(20))
            scan = try MemoryScan.run(canaries)
        }
        print("memory scan, \(moment): \(scan)")
        for canary in held { #expect(scan.counts[canary.name] ?? 0 > 0, "\(moment): \(canary.name) is held, and found") }
        for canary in gone {
            #expect(scan.counts[canary.name] == 0, "\(moment): \(scan.places.filter { $0.hasPrefix(canary.name) })")
        }
    }

    /// The two forms of the vault's identity, masked before anybody loads it.
    private struct Identity {
        let text: Canary
        let key: Canary

        init(_ house: VaultHouse) throws {
            let file = try MemoryFlow.identityFile(house)
            let identity = try file.withBytes { try AgeIdentity(identityFile: $0) }
            let text = identity.encoded()
            var key = SecretBuffer(capacity: 64)
            #expect(text.withBytes { Bech32.decode($0, prefix: "AGE-SECRET-KEY-") { key.append($0) } })
            self.text = Canary("identity text", endOf: text)
            self.key = Canary("identity key", endOf: key.finish())
        }
    }

    private static func identityFile(_ house: VaultHouse) throws -> SecretBytes {
        let (folder, name) = AbsolutePath.split(house.paths.defaultKeyFile)
        return try PrivateDirectory.open(folder).read(name)
    }

    private static func manager(_ house: VaultHouse, _ http: any HTTPSending) -> TokenManager {
        TokenManager(
            vault: house.vault, http: http, deadline: .seconds(30), time: house.clock.source,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    private static func bundle(_ house: VaultHouse, _ account: AccountRecord) async throws -> SecretBundle {
        try unwrap(try await house.vault.open().bundle(account.id))
    }

    // MARK: - Answers made of canaries

    /// Through everything but the network: the answers' bytes are canaries from the beginning.
    static func scripted() async throws {
        let house = try await VaultHouse()
        let identity = try Identity(house)
        await house.vault.lock()
        let first = CanaryServer.Answer("1")
        let second = CanaryServer.Answer("2")
        let code = Canary("code")
        let verifier = Canary("verifier")
        let all = [code, verifier] + first.all + second.all + [identity.text, identity.key]
        let server = CanaryServer([first, second])
        let tokens = manager(house, server)
        let client = VaultHouse.client { $0.endpoints?.revocation = WebAddress("https://id.example.org/revoke") }

        let account = try await login(house, server, client, code, verifier)
        do {
            let held = try await tokens.token(account, .live(minimum: nil)) { () throws(OAuthError) in client }
            let stored = try await bundle(house, account)
            let file = try identityFile(house)
            try await expect(
                at: "scripted, the first tokens and the key file held", held: first.all + [identity.text, identity.key],
                gone: second.all + [code, verifier], among: all)
            extendLifetime(held)
            extendLifetime(stored)
            extendLifetime(file)
        }
        do {
            let held = try await tokens.token(account, .new) { () throws(OAuthError) in client }
            let stored = try await bundle(house, account)
            try await expect(
                at: "scripted, refreshed, the new tokens held", held: second.all, gone: first.all + [code, verifier, identity.text],
                among: all)
            extendLifetime(held)
            extendLifetime(stored)
        }
        try await expect(
            at: "scripted, the vault open, no token held", held: [identity.key],
            gone: first.all + second.all + [code, verifier, identity.text], among: all)
        #expect(try await tokens.remove(account, revokingAt: client) == nil, "the server was told")
        try await expect(
            at: "scripted, after the logout", held: [identity.key],
            gone: first.all + second.all + [code, verifier, identity.text], among: all)
        await house.vault.lock()
        try await expect(at: "scripted, after logout and lock", gone: all, among: all)
    }

    /// The exchange of a code, and the login's adoption.
    private static func login(
        _ house: VaultHouse, _ server: CanaryServer, _ client: OAuthClient, _ code: Canary, _ verifier: Canary
    ) async throws -> AccountRecord {
        let outcome = try await TokenEndpoint(http: server, deadline: .seconds(30)).exchange(
            code: code.secret(), verifier: verifier.secret(), redirectURI: "http://127.0.0.1/callback", state: "s", client: client)
        guard case .granted(let tokens) = consume outcome else { throw VaultError(.usage, "the server granted nothing", remedy: nil) }
        let result = LoginResult(
            tokens: tokens, identity: AccountIdentity(accountKey: "ada"), client: client, receivedAt: house.clock.now)
        return try await manager(house, server).adopt(result, label: nil).account
    }

    // MARK: - Answers of a server

    /// Against the demo provider, in a process of its own, through the transport that ships.
    static func transported() async throws {
        let provider = try await DemoProvider()
        try await converse("libcurl", provider, base: provider.base, HTTPTransport.Settings(userAgent: "test"))
        await provider.stop()
    }

    /// The same over TLS.
    static func encrypted() async throws {
        #expect(ProcessHardening.apply().isEmpty)
        let proxy = try await TLSProxy()
        let provider = try await DemoProvider(["--issuer", proxy.base])
        proxy.connect(to: provider.base)
        var settings = HTTPTransport.Settings(userAgent: "test")
        settings.authorityFiles = [proxy.certificate]
        try await converse("TLS", provider, base: proxy.base, settings)
        await provider.stop()
        await proxy.stop()
    }

    /// The same with a code for another device, in both dialects.
    static func device() async throws {
        let provider = try await DemoProvider()
        let base = provider.base
        let settings = HTTPTransport.Settings(userAgent: "test")
        try await converse("device", provider, base: base, settings, isDevice: true) {
            $0.endpoints?.deviceAuthorization = WebAddress(base + "/oauth/device")
        }
        let poll = try #require(WebAddress(base + "/api/accounts/deviceauth/token"))
        try await converse("device, exchanged", provider, base: base, settings, isDevice: true) {
            $0.endpoints?.deviceAuthorization = WebAddress(base + "/api/accounts/deviceauth/usercode")
            $0.deviceDialect = .exchangedCode(
                poll: poll, verification: base + "/codex/device", redirectURI: base + "/deviceauth/callback", lifetime: 900,
                errorPrefix: "deviceauth_")
        }
        await provider.stop()
    }

    private static func login(
        _ provider: DemoProvider, _ client: OAuthClient, _ http: any HTTPSending, _ house: VaultHouse, isDevice: Bool
    ) async throws -> AccountRecord {
        let tokens = manager(house, http)
        if isDevice {
            let flow = DeviceFlow(http: http, deadline: .seconds(30), time: house.clock.source)
            return try await flow.run(client, patience: nil, ApprovingPerson(provider)) { (result) async throws(OAuthError) in
                try await tokens.adopt(result, label: nil)
            }.account
        }
        var options = LoginOptions()
        options.manual = true
        let flow = LoginFlow(http: http, deadline: .seconds(30), time: house.clock.source)
        return try await flow.run(client, options, PastingPerson(provider)) { (result) async throws(OAuthError) in
            try await tokens.adopt(result, label: nil)
        }.account
    }

    private static func converse(
        _ way: String, _ provider: DemoProvider, base: String, _ settings: HTTPTransport.Settings, isDevice: Bool = false,
        _ change: (inout OAuthClient) -> Void = { _ in }
    ) async throws {
        let house = try await VaultHouse(clock: OAuthClock(startingAt: TimeSource.system.now()))
        let identity = try Identity(house)
        await house.vault.lock()
        let http = HTTPTransport(settings)
        let tokens = manager(house, http)
        var made = try MemoryFlow.client(at: base)
        change(&made)
        let client = made
        let account = try await login(provider, client, http, house, isDevice: isDevice)
        var all = [identity.text, identity.key]
        let first = try await canaries(house, account, "1")
        all += first
        do {
            let held = try await tokens.token(account, .live(minimum: nil)) { () throws(OAuthError) in client }
            // As a bearer it goes out once more.
            var request = HTTPRequest(.get, base + "/backend-api/wham/usage")
            request.bearer = held.accessToken.duplicate()
            #expect(try await http.send(request).status == 200)
            let stored = try await bundle(house, account)
            try await expect(
                at: "\(way), the first tokens held", held: first + [identity.key], gone: [identity.text], among: all)
            extendLifetime(held)
            extendLifetime(stored)
        }
        _ = try await tokens.token(account, .new) { () throws(OAuthError) in client }
        let second = try await canaries(house, account, "2")
        all += second
        do {
            let stored = try await bundle(house, account)
            try await expect(at: "\(way), refreshed, the new tokens held", held: second, gone: first, among: all)
            extendLifetime(stored)
        }
        try await expect(at: "\(way), the vault open, no token held", held: [identity.key], gone: first + second, among: all)
        #expect(try await tokens.remove(account, revokingAt: client) == nil, "the server was told")
        try await expect(at: "\(way), after the logout", held: [identity.key], gone: first + second, among: all)
        await house.vault.lock()
        try await expect(at: "\(way), after logout and lock", gone: all, among: all)
    }

    private static func client(at base: String) throws -> OAuthClient {
        func endpoint(_ path: String) throws -> WebAddress { try #require(WebAddress(base + path)) }
        var endpoints = ServerEndpoints(authorization: try endpoint("/oauth/authorize"), token: try endpoint("/oauth/token"))
        endpoints.revocation = try endpoint("/oauth/revoke")
        let known = endpoints
        return VaultHouse.client {
            $0.issuer = base
            $0.endpoints = known
        }
    }

    /// The ends of an account's tokens, masked.
    private static func canaries(_ house: VaultHouse, _ account: AccountRecord, _ number: String) async throws -> [Canary] {
        let bundle = try await bundle(house, account)
        var found = [Canary("access token \(number)", endOf: bundle.accessToken)]
        switch bundle.refreshToken {
        case .some(let token): found.append(Canary("refresh token \(number)", endOf: token))
        case .none: break
        }
        switch bundle.idToken {
        case .some(let token): found.append(Canary("id token \(number)", endOf: token))
        case .none: break
        }
        try #require(found.count == 3)
        return found
    }
}

/// Answers with canaries; keeps nothing of what it is sent.
private final class CanaryServer: HTTPSending {
    struct Answer: Sendable {
        let access: Canary
        let refresh: Canary
        let id: Canary

        init(_ number: String) {
            access = Canary("access token \(number)")
            refresh = Canary("refresh token \(number)")
            id = Canary("id token \(number)")
        }

        var all: [Canary] { [access, refresh, id] }
    }

    private let answers: Guarded<[Answer]>

    init(_ answers: [Answer]) { self.answers = Guarded(answers) }

    func send(_ request: consuming HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        var body = SecretBuffer(capacity: 4096)
        body.append("{")
        if !request.url.hasSuffix("/revoke"), let answer = answers.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
            for (name, canary) in [("access_token", answer.access), ("refresh_token", answer.refresh), ("id_token", answer.id)] {
                body.append("\"\(name)\":\"")
                canary.append(to: &body)
                body.append("\",")
            }
            body.append(#""token_type":"Bearer","expires_in":3600"#)
        }
        body.append("}")
        return HTTPResponse(status: 200, headers: [("content-type", "application/json")], body: body.finish())
    }
}

/// Approves the code that is shown.
private final class ApprovingPerson: DevicePresenting {
    private let provider: DemoProvider

    init(_ provider: DemoProvider) { self.provider = provider }

    func present(_ prompt: DevicePrompt) { Task { try await provider.decide(prompt.userCode, as: "ada") } }

    func note(_ text: String) { Issue.record("\(text)") }
}

/// Goes to the provider as a browser would and pastes where it was sent.
private final class PastingPerson: LoginPresenting {
    private let provider: DemoProvider
    private let url = Guarded("")

    init(_ provider: DemoProvider) { self.provider = provider }

    func present(url: String, redirect: String, isListening: Bool) async { self.url.withLock { $0 = url } }

    func pastedLine() async -> SecretBox? {
        // A browser's own way to the server is not what is tested: never through TLS.
        let target = url.withLock { $0 }.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false).dropFirst(3).joined()
        guard let location = try? await LoopbackClient().get(provider.base + "/" + target).location else { return nil }
        return SecretBox(SecretBytes(location))
    }

    func note(_ text: String) {}
}
