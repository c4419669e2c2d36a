import Providers

@testable import OAuth
@testable import Platform

/// What a token endpoint answers to an exchange, a refresh, a device login and its polls, under every status that matters.
extension FuzzTarget {
    static let tokenResponse = FuzzTarget(name: "token-response", longest: 4096) { input in
        for client in clients {
            for status in [200, 204, 400, 401, 403, 404, 429, 500] {
                judge(TokenEndpoint.classify(response(status, input), client), status)
                poll(DeviceEndpoint.classify(response(status, input), client, quoting: true), status)
            }
            judge(TokenEndpoint.classify(response(400, input), client, quoting: false), 400)
            begin(input, client.deviceDialect)
        }
        if let problem = ServerProblem(SecretBytes(input)) { holdShowable(problem.description, limit: 301, "the problem of a server") }
    }

    /// The two that differ most: forms, and JSON with a dialect of its own.
    private static let clients: [OAuthClient] = {
        var settings = ProviderSettings()
        settings.clientId = "fuzz"
        settings.endpoints["authorization"] = WebAddress("https://id.example.org/authorize")
        settings.endpoints["token"] = WebAddress("https://id.example.org/token")
        let catalog = ProviderCatalog(["acme": settings, "claude": settings])
        return ["codex", "acme", "claude"].map { name in
            guard let client = try? catalog.provider(name).client() else { violated("a provider has a client") }
            return client
        }
    }()

    private static func response(_ status: Int, _ body: [UInt8]) -> HTTPResponse {
        HTTPResponse(status: status, headers: [("content-type", "application/json"), ("retry-after", "30")], body: SecretBytes(body))
    }

    private static func judge(_ outcome: consuming TokenOutcome, _ status: Int) {
        let isSuccess = (200..<300).contains(status)
        switch consume outcome {
        case .granted(let tokens):
            hold(isSuccess, "only a success grants")
            check(tokens)
        case .refused(let reason):
            hold([400, 401].contains(status), "only a 400 or a 401 ends a login")
            holdShowable(reason, limit: 301, "the reason of a refusal")
        case .clientRefused(let reason):
            hold([400, 401].contains(status), "only a 400 or a 401 refuses a client")
            holdShowable(reason, limit: 400, "the reason of a refused client")
        case .transient(let reason, let retryAfter, let rateLimited):
            hold(!isSuccess && retryAfter == 30 && rateLimited == (status == 429), "a failure that passes keeps what the server says")
            holdShowable(reason, limit: 400, "the reason of a failure")
        case .ambiguous(let reason):
            hold(isSuccess, "only a success can be ambiguous")
            holdShowable(reason, limit: 400, "the reason of an ambiguous answer")
        case .notSent: violated("an answer is no failure to send")
        }
    }

    private static func check(_ tokens: borrowing TokenResponse) {
        hold(TokenResponse.isToken(tokens.accessToken), "an access token is one")
        hold(SecretBytes.lend(tokens.refreshToken) { TokenResponse.isToken($0) } ?? true, "a refresh token is one")
        hold(SecretBytes.lend(tokens.idToken) { TokenResponse.isToken($0) } ?? true, "an id_token is one")
        let access = Claims.decode(tokens.accessToken)
        let lifetime = TokenLifetime.seconds(expiresIn: tokens.expiresIn, claims: access)
        hold((1...30 * 86400).contains(lifetime), "a lifetime is between a second and thirty days")
        let margin = TokenLifetime.margin(lifetime: lifetime, minimum: tokens.expiresIn)
        hold((0...lifetime).contains(margin), "a margin is a part of the lifetime")
        let now = Timestamp(seconds: 1_795_251_959)
        if let seconds = tokens.loginExpiresIn {
            let end = now + seconds
            hold(Timestamp(end.description) == end, "the end of a login can be written and read: \(end)")
        }
        for scope in tokens.scopes ?? [] { hold(!scope.isEmpty && !scope.contains(" "), "a scope is one word") }
    }

    private static func poll(_ poll: consuming DevicePoll, _ status: Int) {
        switch consume poll {
        case .pending: break
        case .expired: break
        case .slowDown(let retryAfter): hold(retryAfter == 30, "a pause keeps what the server says")
        case .denied(let description): holdShowable(description, limit: 301, "the description of a refusal")
        case .unreachable(let reason): holdShowable(reason, limit: 200, "the reason of an unreachable server")
        case .answered(let outcome): judge(outcome, status)
        case .code(let code, let verifier):
            hold((200..<300).contains(status), "only a success brings a code")
            hold(TokenResponse.isToken(code) && TokenResponse.isToken(verifier), "a code and its verifier are tokens")
        }
    }

    private static func begin(_ body: [UInt8], _ dialect: DeviceDialect) {
        do throws(TokenResponse.Malformed) {
            let authorization = try DeviceAuthorization(SecretBytes(body), dialect)
            hold((1...86400).contains(authorization.lifetime), "a code has an end within a day")
            hold((1...3600).contains(authorization.interval), "polls are between a second and an hour apart")
            hold((1...64).contains(authorization.userCode.utf8.count), "a code for people has 1 to 64 bytes")
            hold(TokenResponse.isToken(authorization.deviceCode), "a device code is a token")
            for text in [authorization.verification, authorization.complete].compactMap({ $0 }) {
                hold(WebAddress(text)?.isAcceptable == true, "a page for people is TLS or this machine")
                holdShowable(text, limit: 8192, "the address of a page")
            }
        } catch { holdShowable(error.reason, limit: 400, "the reason of a malformed answer") }
    }
}
