import Platform
import Providers
import Testing

@testable import OAuth

@Suite("A login takes the first valid answer, from the listener or from a paste")
struct LoginFlowTests {
    /// A person who pastes what the test says, and a browser that goes where the test says.
    final class Person: LoginPresenting {
        private let lines: Guarded<[@Sendable (String) -> String]>
        private let shown = Guarded<(url: String, notes: [String])>(("", []))
        private let browser: @Sendable (_ url: String) async -> Void
        private let isAsked = OAuthGate()
        private let waitsForEver: Bool

        /// - Parameter lines: made from the address that was shown.
        init(
            _ lines: [@Sendable (String) -> String] = [], waitsForEver: Bool = false,
            browser: @escaping @Sendable (String) async -> Void = { _ in }
        ) {
            self.lines = Guarded(lines)
            self.browser = browser
            self.waitsForEver = waitsForEver
        }

        var notes: [String] { shown.withLock { $0.notes } }

        func present(url: String, redirect: String, isListening: Bool) async {
            shown.withLock { $0.url = url }
            await browser(url)
        }

        func pastedLine() async -> SecretBox? {
            let url = shown.withLock { $0.url }
            let next = lines.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            if next == nil, waitsForEver { await isAsked.pass() }
            return next.map { SecretBox(SecretBytes($0(url))) }
        }

        func note(_ text: String) { shown.withLock { $0.notes.append(text) } }
    }

    static func field(_ name: String, of url: String) -> String {
        WebAddress(url)?.query.flatMap { WebAddress.decodeForm($0) }?[name] ?? ""
    }

    /// A browser that is sent back at once with that answer.
    static func browse(_ answer: String) -> @Sendable (String) async -> Void {
        { url in
            let redirect = WebAddress(field("redirect_uri", of: url))!
            let target = "\(redirect.path)?\(answer)&state=\(field("state", of: url))"
            Task {
                _ = await OAuthBrowser.exchange(CallbackListenerTests.get(target, port: redirect.port), port: redirect.port)
                _ = await OAuthBrowser.exchange(CallbackListenerTests.get("/done", port: redirect.port), port: redirect.port)
            }
        }
    }

    struct Outcome: Sendable {
        var access: String?
        var key: String?
        var error: OAuthError?
    }

    static func run(
        _ person: Person, _ server: OAuthServer, manual: Bool = false, pastes: Bool = false, client: OAuthClient = VaultHouse.client()
    ) async -> Outcome {
        var options = LoginOptions()
        options.manual = manual
        options.acceptsPaste = pastes
        do throws(OAuthError) {
            let flow = LoginFlow(http: server, deadline: .seconds(30), time: OAuthClock().source)
            return try await flow.run(client, options, person) { (result) async throws(OAuthError) -> Outcome in
                Outcome(access: oauthText(result.tokens.accessToken), key: result.identity.accountKey)
            }
        } catch { return Outcome(error: error) }
    }

    static let granted = OAuthServer.Step.reply(200, OAuthTokens.answer(OAuthTokens.jwt(["sub": "ada"]), "rt-1"))

    @Test("The browser's answer is exchanged with the verifier and the redirect URI of this login")
    func browser() async throws {
        let server = OAuthServer([LoginFlowTests.granted])
        let outcome = await LoginFlowTests.run(Person(browser: LoginFlowTests.browse("code=c0de")), server)
        #expect(outcome.key == "ada")
        let body = try #require(await server.seen.first?.body)
        let form = try #require(WebAddress.decodeForm(body))
        #expect(form["grant_type"] == "authorization_code")
        #expect(form["code"] == "c0de")
        #expect(form["code_verifier"]?.count == 43)
        #expect(form["redirect_uri"]?.hasPrefix("http://127.0.0.1:") == true)
    }

    @Test("A paste beside the listener completes the login, and the listener is closed")
    func pasteBesideListener() async {
        let server = OAuthServer([LoginFlowTests.granted])
        let person = Person([{ "c0de#" + LoginFlowTests.field("state", of: $0) }])
        let outcome = await oauthWithin { await LoginFlowTests.run(person, server, pastes: true) }
        #expect(outcome?.key == "ada")
        #expect(await server.count == 1)
    }

    @Test("An error pasted beside the listener ends the login")
    func deniedPaste() async {
        let person = Person([{ "error=access_denied&state=" + LoginFlowTests.field("state", of: $0) }])
        let outcome = await oauthWithin { await LoginFlowTests.run(person, OAuthServer(), pastes: true) }
        #expect(outcome?.error?.code == .accessDenied)
    }

    @Test("Useless pastes are said to be so, and the next one counts; a bare code is taken with a warning")
    func pastes() async {
        let person = Person([{ _ in "code=x&state=wrong" }, { _ in "" }, { _ in "b4re-code-0123456789" }])
        let outcome = await LoginFlowTests.run(person, OAuthServer([LoginFlowTests.granted]), manual: true)
        #expect(outcome.key == "ada")
        #expect(person.notes.count == 3)
        #expect(person.notes.last?.contains("could not be checked") == true)
    }

    @Test("With nobody left to paste and no listener the login ends and says why")
    func nobody() async {
        let outcome = await LoginFlowTests.run(Person([{ _ in "code=x&state=wrong" }]), OAuthServer(), manual: true)
        #expect(outcome.error?.code == .usage)
        #expect(outcome.error?.message.contains("state is not the one") == true)
    }

    @Test("The end of the input does not end a login that a listener waits for")
    func endOfInput() async {
        let person = Person(browser: LoginFlowTests.browse("code=c0de"))
        let outcome = await oauthWithin { await LoginFlowTests.run(person, OAuthServer([LoginFlowTests.granted]), pastes: true) }
        #expect(outcome?.key == "ada")
    }

    @Test("A denied login says so, and a workspace without Codex says what to do")
    func denied() async throws {
        let plain = await LoginFlowTests.run(
            Person(browser: LoginFlowTests.browse("error=access_denied&error_description=no")), OAuthServer())
        #expect(plain.error?.code == .accessDenied)
        #expect(plain.error?.message.contains("access_denied: no") == true)
        let codex = try CodexProvider(ProviderSettings()).client()
        let workspace = await LoginFlowTests.run(
            Person(browser: LoginFlowTests.browse("error=access_denied&error_description=missing_codex_entitlement")), OAuthServer(),
            client: VaultHouse.client { $0.deniedHints = codex.deniedHints })
        #expect(workspace.error?.code == .accessDenied)
        #expect(workspace.error?.message.contains("Codex is not enabled") == true)
        #expect(workspace.error?.remedy?.contains("workspace") == true)
    }

    /// The server's answer to the code, and the error that follows. The code is never sent a second time.
    static let failures: [(OAuthServer.Step, OAuthError.Code)] = [
        (.reply(400, #"{"error":"invalid_grant"}"#), .accessDenied), (.reply(401, #"{"error":"invalid_client"}"#), .clientRefused),
        (.reply(500, ""), .providerUnavailable),
        (.reply(429, ""), .rateLimited), (.reply(200, "<html>"), .providerUnavailable), (.failure(.cut, sent: true), .providerUnavailable),
        (.failure(.connect, sent: false), .network),
    ]

    @Test("An exchange that fails is one request and one error", arguments: 0..<7)
    func exchangeFails(_ index: Int) async {
        let (step, code) = LoginFlowTests.failures[index]
        let server = OAuthServer([step])
        let outcome = await LoginFlowTests.run(Person([{ _ in "b4re-code-0123456789" }]), server, manual: true)
        #expect(outcome.error?.code == code)
        #expect(await server.count == 1)
    }

    @Test("An OpenID login whose id_token is for somebody else's login is refused")
    func nonce() async {
        let token = OAuthTokens.jwt([
            "iss": "https://id.example.org", "sub": "ada", "aud": "cli", "iat": 1_790_000_000, "exp": 1_790_003_600,
            "nonce": "of-another-login",
        ])
        let server = OAuthServer([.reply(200, OAuthTokens.answer("at", "rt", idToken: token))])
        let outcome = await LoginFlowTests.run(
            Person([{ _ in "b4re-code-0123456789" }]), server, manual: true, client: VaultHouse.client { $0.isOpenID = true })
        #expect(outcome.error?.message.contains("nonce") == true)
        #expect(outcome.access == nil)
    }

    @Test("Tokens that name nobody get an identity of their own, another one each time")
    func opaque() async {
        var keys: Set<String> = []
        for _ in 0..<2 {
            let server = OAuthServer([.reply(200, OAuthTokens.answer("opaque", "rt"))])
            let outcome = await LoginFlowTests.run(Person([{ _ in "b4re-code-0123456789" }]), server, manual: true)
            #expect(outcome.key?.hasPrefix("opaque#") == true)
            keys.insert(outcome.key ?? "")
        }
        #expect(keys.count == 2)
    }

    @Test("A taken port without paste is an error that names it; with paste the login goes on by hand", .enabled(if: OAuthBrowser.hasV6))
    func portTaken() async throws {
        let holder = try LoopbackSocket.bind(.v4, port: 0)
        let taken = holder.port
        let client = VaultHouse.client { $0.redirect = RedirectRule(host: "localhost", path: "/cb", ports: [taken]) }
        let refused = await LoginFlowTests.run(Person(), OAuthServer(), client: client)
        #expect(refused.error?.code == .portBusy)
        #expect(refused.error?.message.contains("\(taken)") == true)
        let person = Person([{ _ in "b4re-code-0123456789" }])
        let pasted = await LoginFlowTests.run(person, OAuthServer([LoginFlowTests.granted]), pastes: true, client: client)
        #expect(pasted.key == "ada")
        #expect(person.notes.first?.contains("\(taken)") == true)
        extendLifetime(holder)
    }
}
