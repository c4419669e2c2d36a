import Platform
import Testing

@testable import OAuth

@Suite("A device login polls as RFC 8628 asks and ends by its own clock")
struct DeviceFlowTests {
    /// Keeps what the person would have read.
    final class Person: DevicePresenting {
        private let shown = Guarded<(prompts: [DevicePrompt], notes: [String])>(([], []))
        var prompt: DevicePrompt? { shown.withLock { $0.prompts.first } }
        var notes: [String] { shown.withLock { $0.notes } }
        func present(_ prompt: DevicePrompt) { shown.withLock { $0.prompts.append(prompt) } }
        func note(_ text: String) { shown.withLock { $0.notes.append(text) } }
    }

    struct Outcome: Sendable {
        var access: String?
        var key: String?
        var error: OAuthError?
        var slept: [Int]
        var seen: [OAuthServer.Seen]
        var person: Person
    }

    static let page = "https://id.example.org/device"

    static func begun(_ change: JSONObject = [:]) -> OAuthServer.Step {
        var object: JSONObject = [
            "device_code": "dc-s3cret", "user_code": "WDJB-MJHT", "verification_uri": .string(page), "expires_in": 600, "interval": 5,
        ]
        for member in change.members { object[member.name] = member.value }
        return .reply(200, JSONValue.object(object).compact)
    }

    static func refusal(_ code: String, _ status: Int = 400) -> OAuthServer.Step { .reply(status, "{\"error\":\"\(code)\"}") }

    static let pending = refusal("authorization_pending")
    static let granted = OAuthServer.Step.reply(200, OAuthTokens.answer(OAuthTokens.jwt(["sub": "ada"]), "rt-1"))

    static func client(_ change: (inout OAuthClient) -> Void = { _ in }) -> OAuthClient {
        VaultHouse.client {
            $0.endpoints?.deviceAuthorization = WebAddress("https://id.example.org/device_authorization")
            change(&$0)
        }
    }

    static func run(
        _ steps: [OAuthServer.Step], patience: Int? = nil, client: OAuthClient = client()
    ) async -> Outcome {
        let (server, clock, person) = (OAuthServer(steps), OAuthClock(), Person())
        var outcome = Outcome(slept: [], seen: [], person: person)
        do throws(OAuthError) {
            let flow = DeviceFlow(http: server, deadline: .seconds(30), time: clock.source)
            (outcome.access, outcome.key) = try await flow.run(client, patience: patience.map { .seconds($0) }, person) {
                (result) async throws(OAuthError) in (oauthText(result.tokens.accessToken), result.identity.accountKey)
            }
        } catch { outcome.error = error }
        outcome.slept = clock.slept.map { Int($0.components.seconds) }
        outcome.seen = await server.seen
        return outcome
    }

    @Test("Client id and scopes get a code, the person is shown it, and polling with the device code brings the tokens")
    func login() async throws {
        let complete = DeviceFlowTests.page + "?user_code=WDJB-MJHT"
        let outcome = await DeviceFlowTests.run([
            DeviceFlowTests.begun(["verification_uri_complete": .string(complete)]), DeviceFlowTests.pending, DeviceFlowTests.granted,
        ])
        #expect(outcome.error == nil)
        #expect(outcome.key == "ada")
        let forms = outcome.seen.map { WebAddress.decodeForm($0.body) ?? [:] }
        #expect(outcome.seen.map(\.url).first == "https://id.example.org/device_authorization")
        #expect(forms.first == ["client_id": "cli", "scope": "openid offline_access"])
        #expect(outcome.seen.dropFirst().allSatisfy { $0.url == "https://id.example.org/token" && $0.method == "POST" })
        #expect(
            forms.last == [
                "grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": "cli", "device_code": "dc-s3cret",
            ])
        let prompt = try #require(outcome.person.prompt)
        #expect(prompt.userCode == "WDJB-MJHT" && prompt.verification == DeviceFlowTests.page && prompt.complete == complete)
        #expect(prompt.patience == 600)
        #expect(outcome.slept == [5, 5])
    }

    /// `interval` as servers write it, and the pause that follows.
    static let intervals: [(JSONValue, Int)] = [(7, 7), ("9", 9), (nil, 5), (0, 1), (-3, 1), ("soon", 5)]

    @Test("The interval is the server's, 5 seconds where it names none, and never shorter than a second", arguments: 0..<6)
    func interval(_ index: Int) async {
        #expect(DeviceFlowTests.intervals.count == 6)
        let (written, pause) = DeviceFlowTests.intervals[index]
        let outcome = await DeviceFlowTests.run([DeviceFlowTests.begun(["interval": written]), DeviceFlowTests.granted])
        #expect(outcome.key == "ada")
        #expect(outcome.slept == [pause])
    }

    @Test("slow_down makes this and all later pauses 5 seconds longer, each time")
    func slowDown() async {
        let outcome = await DeviceFlowTests.run([
            DeviceFlowTests.begun(), DeviceFlowTests.pending, DeviceFlowTests.refusal("slow_down"), DeviceFlowTests.pending,
            DeviceFlowTests.pending, DeviceFlowTests.refusal("slow_down"), DeviceFlowTests.pending, DeviceFlowTests.granted,
        ])
        #expect(outcome.key == "ada")
        #expect(outcome.slept == [5, 5, 10, 10, 10, 15, 15])
    }

    @Test("A 429 without a word is a slow_down, and Retry-After is respected")
    func rateLimited() async {
        let outcome = await DeviceFlowTests.run([
            DeviceFlowTests.begun(), .reply(429, ""), .reply(429, "", headers: ["retry-after": "40"]), DeviceFlowTests.granted,
        ])
        #expect(outcome.key == "ada")
        #expect(outcome.slept == [5, 10, 40])
    }

    @Test(
        "A server that says pending for ever is left when the code has expired by our own clock",
        arguments: [(600, nil), (600, 61), (12, nil)])
    func ownDeadline(_ lifetime: Int, _ patience: Int?) async {
        let limit = min(lifetime, patience ?? lifetime)
        let pendings = Array(repeating: DeviceFlowTests.pending, count: 200)
        let outcome = await DeviceFlowTests.run(
            [DeviceFlowTests.begun(["expires_in": .number(JSONNumber(lifetime))])] + pendings, patience: patience)
        #expect(outcome.error?.code == .loginTimeout)
        #expect(outcome.error?.message.contains("\(limit) s") == true)
        #expect(outcome.error?.remedy?.contains("--device") == true)
        // As many polls as fit in, and not one afterwards.
        #expect(outcome.slept == Array(repeating: 5, count: (limit - 1) / 5))
        #expect(outcome.seen.count == 1 + (limit - 1) / 5)
        // The last of them must not outlast the login either.
        #expect(outcome.seen.allSatisfy { $0.deadline <= .seconds(30) })
        #expect(outcome.seen.last?.deadline == .seconds(limit - (limit - 1) / 5 * 5))
    }

    @Test("A machine that slept past the end of the code does not ask once more")
    func slept() async {
        let clock = OAuthClock()
        // Whoever sleeps wakes up an hour later.
        let source = TimeSource(
            now: clock.source.now, elapsed: clock.source.elapsed, sleep: { _ in await clock.source.sleep(.seconds(3600)) })
        let server = OAuthServer([DeviceFlowTests.begun()])
        let error = await #expect(throws: OAuthError.self) {
            let flow = DeviceFlow(http: server, deadline: .seconds(30), time: source)
            try await flow.run(DeviceFlowTests.client(), patience: nil, Person()) { (_) async throws(OAuthError) in }
        }
        #expect(error?.code == .loginTimeout)
        #expect(await server.count == 1)
    }

    @Test("A network that fails is asked again with doubled pauses, at most a minute, and said to be so once")
    func network() async {
        let cut = OAuthServer.Step.failure(.timeout, sent: true)
        let down = OAuthServer.Step.failure(.connect, sent: false)
        let outcome = await DeviceFlowTests.run([
            DeviceFlowTests.begun(), down, cut, .reply(503, ""), .reply(502, "<html>", headers: ["content-type": "text/html"]), cut, cut,
            DeviceFlowTests.pending, DeviceFlowTests.granted,
        ])
        #expect(outcome.key == "ada")
        #expect(outcome.slept == [5, 10, 20, 40, 60, 60, 60, 5])
        #expect(outcome.person.notes.count == 1)
        #expect(outcome.person.notes.first?.contains("less often") == true)
    }

    @Test("A network that stays down until the code has expired is a timeout that says so")
    func downToTheEnd() async {
        let outcome = await DeviceFlowTests.run(
            [DeviceFlowTests.begun(["expires_in": 30])] + Array(repeating: .failure(.connect, sent: false), count: 9))
        #expect(outcome.error?.code == .loginTimeout)
        #expect(outcome.error?.message.contains("no answer") == true)
        #expect(outcome.slept == [5, 10])
    }

    /// What a poll is answered with, and the error that ends the login: no further request.
    static let endings: [(OAuthServer.Step, OAuthError.Code)] = [
        (refusal("access_denied"), .accessDenied), (refusal("expired_token"), .loginTimeout), (refusal("invalid_grant"), .accessDenied),
        (refusal("invalid_client", 401), .clientRefused), (refusal("unsupported_grant_type"), .clientRefused),
        (refusal("something_new"), .providerUnavailable), (.reply(400, ""), .providerUnavailable), (.reply(404, ""), .providerUnavailable),
        (.reply(200, "<html>"), .providerUnavailable), (.reply(200, #"{"access_token":""}"#), .providerUnavailable),
        (.failure(.tls, sent: false), .network), (.reply(200, #"{"error":"access_denied"}"#), .accessDenied),
    ]

    @Test("Any other answer ends the login at once", arguments: 0..<12)
    func ends(_ index: Int) async {
        #expect(DeviceFlowTests.endings.count == 12)
        let (step, code) = DeviceFlowTests.endings[index]
        let outcome = await DeviceFlowTests.run([DeviceFlowTests.begun(), step])
        #expect(outcome.error?.code == code, "\(outcome.error?.message ?? "logged in")")
        #expect(outcome.seen.count == 2)
        #expect(outcome.access == nil)
    }

    @Test("A server that answers pending with status 200 is asked again")
    func pendingWith200() async {
        let outcome = await DeviceFlowTests.run([
            DeviceFlowTests.begun(), DeviceFlowTests.refusal("authorization_pending", 200), DeviceFlowTests.granted,
        ])
        #expect(outcome.key == "ada")
    }

    @Test("A server that repeats the device code in its error does not get it printed")
    func echo() async {
        let outcome = await DeviceFlowTests.run([
            DeviceFlowTests.begun(), .reply(400, #"{"error":"access_denied","error_description":"dc-s3cret was refused"}"#),
        ])
        #expect(outcome.error?.code == .accessDenied)
        #expect(outcome.error?.description.contains("dc-s3cret") == false)
    }

    /// What the server answers when it is asked for a code.
    static let starts: [(OAuthServer.Step, OAuthError.Code)] = [
        (.reply(404, ""), .configurationInvalid), (refusal("unauthorized_client"), .clientRefused), (.reply(429, ""), .rateLimited),
        (.reply(500, ""), .providerUnavailable), (.reply(200, "<html>"), .providerUnavailable), (.reply(200, "[]"), .providerUnavailable),
        (.failure(.resolve, sent: false), .network), (begun(["device_code": nil]), .providerUnavailable),
        (begun(["device_code": "a b"]), .providerUnavailable), (begun(["user_code": nil]), .providerUnavailable),
        (begun(["user_code": .string(String(repeating: "A", count: 65))]), .providerUnavailable),
        (begun(["verification_uri": nil]), .providerUnavailable),
        (begun(["verification_uri": "http://evil.example/"]), .providerUnavailable),
        (begun(["verification_uri": "javascript:x"]), .providerUnavailable), (begun(["expires_in": nil]), .providerUnavailable),
        (begun(["expires_in": 0]), .providerUnavailable),
    ]

    @Test("A server that gives no usable code ends the login before anything is shown", arguments: 0..<16)
    func noCode(_ index: Int) async {
        #expect(DeviceFlowTests.starts.count == 16)
        let (step, code) = DeviceFlowTests.starts[index]
        let outcome = await DeviceFlowTests.run([step])
        #expect(outcome.error?.code == code, "\(outcome.error?.message ?? "logged in")")
        #expect(outcome.person.prompt == nil)
        #expect(outcome.slept.isEmpty)
    }

    @Test("A provider without a device endpoint says so and asks nobody")
    func noEndpoint() async {
        let outcome = await DeviceFlowTests.run([], client: VaultHouse.client())
        #expect(outcome.error?.code == .configurationInvalid)
        #expect(outcome.error?.remedy?.contains("endpoints.deviceAuthorization") == true)
    }

    @Test("An OpenID server may send no id_token; one that it sends needs no nonce, but issuer and audience as ever")
    func idTokens() async {
        func token(_ audience: JSONValue) -> String {
            OAuthTokens.jwt([
                "iss": "https://id.example.org", "sub": "ada", "aud": audience, "iat": 1_790_000_000, "exp": 1_790_003_600,
                "auth_time": .number(JSONNumber(literal: "1789999999.25")),
            ])
        }
        func run(_ idToken: String?) async -> Outcome {
            await DeviceFlowTests.run(
                [DeviceFlowTests.begun(), .reply(200, OAuthTokens.answer("opaque", "rt", idToken: idToken))],
                client: DeviceFlowTests.client { $0.isOpenID = true })
        }
        #expect(await run(nil).key?.hasPrefix("opaque#") == true)
        #expect(await run(token(["cli"])).key == "ada")
        #expect(await run(token("other")).error?.message.contains("another client") == true)
    }

    // MARK: - The other dialect

    static let exchanging = client {
        $0.deviceDialect = .exchangedCode(
            poll: WebAddress("https://id.example.org/poll")!, verification: DeviceFlowTests.page,
            redirectURI: "https://id.example.org/deviceauth/callback", lifetime: 900, errorPrefix: "deviceauth_")
    }

    static func begunOwn(_ body: String = #"{"device_auth_id":"da-1","user_code":"ABCD-EFGHI","interval":"5"}"#) -> OAuthServer.Step {
        .reply(200, body)
    }

    @Test("Where polling gives a code and a verifier, they are exchanged with the server's own redirect URI")
    func exchanged() async throws {
        let outcome = await DeviceFlowTests.run(
            [
                DeviceFlowTests.begunOwn(), .reply(403, "{}"), .reply(404, "not yet"),
                .reply(403, #"{"error":{"code":"deviceauth_authorization_pending"}}"#),
                .reply(200, #"{"authorization_code":"ac_1","code_challenge":"x","code_verifier":"v3rifier"}"#), DeviceFlowTests.granted,
            ], client: DeviceFlowTests.exchanging)
        #expect(outcome.key == "ada", "\(outcome.error?.message ?? "")")
        #expect(outcome.slept == [5, 5, 5, 5])
        #expect(outcome.person.prompt?.verification == DeviceFlowTests.page && outcome.person.prompt?.patience == 900)
        #expect(outcome.seen[0].body == #"{"client_id":"cli"}"# && outcome.seen[0].contentType == "application/json")
        #expect(outcome.seen[1].url == "https://id.example.org/poll")
        #expect(outcome.seen[1].body == #"{"device_auth_id":"da-1","user_code":"ABCD-EFGHI"}"#)
        let form = try #require(WebAddress.decodeForm(outcome.seen[5].body))
        #expect(form["grant_type"] == "authorization_code" && form["code"] == "ac_1" && form["code_verifier"] == "v3rifier")
        #expect(form["redirect_uri"] == "https://id.example.org/deviceauth/callback")
    }

    /// Errors of that dialect, whose codes come with a prefix, and whose status says "not yet" unless a code says more.
    static let ownEndings: [(OAuthServer.Step, OAuthError.Code)] = [
        (.reply(403, #"{"error":{"code":"deviceauth_access_denied"}}"#), .accessDenied),
        (.reply(403, #"{"error":"access_denied"}"#), .accessDenied),
        (.reply(404, #"{"error":{"code":"deviceauth_expired"}}"#), .loginTimeout),
        (.reply(404, #"{"error":{"code":"deviceauth_not_found"}}"#), .loginTimeout), (.reply(400, "{}"), .providerUnavailable),
        (.reply(200, "{}"), .providerUnavailable),
    ]

    @Test("In that dialect, too, a code decides before the status, and what is no answer ends the login", arguments: 0..<6)
    func ownEnds(_ index: Int) async {
        #expect(DeviceFlowTests.ownEndings.count == 6)
        let (step, code) = DeviceFlowTests.ownEndings[index]
        let outcome = await DeviceFlowTests.run([DeviceFlowTests.begunOwn(), step], client: DeviceFlowTests.exchanging)
        #expect(outcome.error?.code == code, "\(outcome.error?.message ?? "logged in")")
        #expect(outcome.seen.count == 2)
    }

    @Test("The code may be named usercode and the interval be a number; slow_down with 429 is obeyed; 15 minutes are the end")
    func ownShapes() async {
        let outcome = await DeviceFlowTests.run(
            [DeviceFlowTests.begunOwn(#"{"device_auth_id":"da-1","usercode":"ABCD","interval":3}"#)]
                + [.reply(429, #"{"error":{"code":"deviceauth_slow_down"}}"#)] + Array(repeating: .reply(403, ""), count: 200),
            client: DeviceFlowTests.exchanging)
        #expect(outcome.person.prompt?.userCode == "ABCD")
        #expect(outcome.error?.code == .loginTimeout)
        #expect(outcome.slept == [3] + Array(repeating: 8, count: 112))
    }
}
