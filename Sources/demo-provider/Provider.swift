import Platform

/// The whole provider: what it was told, what it remembers, and which endpoint answers what.
final class Provider: Sendable {
    let options: Options
    /// `http://127.0.0.1:PORT`
    let base: String
    let issuer: String
    /// Where the redirecting misbehaviours point: another name and another port.
    let redirectTarget: String
    let statistics = Statistics()
    let misbehaviours: Misbehaviours
    let authorizations = Authorizations()
    let devices = DeviceLogins()
    let families: TokenFamilies
    let traffic = Traffic()

    init(_ options: Options, port: Int, redirectPort: Int) {
        self.options = options
        base = "http://127.0.0.1:\(port)"
        issuer = options.issuer ?? base
        redirectTarget = "http://localhost:\(redirectPort)"
        misbehaviours = Misbehaviours(options.misbehaviours)
        families = TokenFamilies(
            TokenMint(issuer: issuer, plan: options.plan, expiresIn: options.expiresIn), options.grace, statistics)
    }

    func answer(_ request: Request) -> Reply {
        if request.header("authorization") != nil { statistics.count(\.authorizedRequests) }
        var reply = route(request)
        if request.path.hasSuffix("/usage") { reply.delay += options.usageDelay }
        return reply
    }

    private func route(_ request: Request) -> Reply {
        switch request.path {
        case "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server": get(request) { _ in .json(discovery) }
        case "/.well-known/jwks.json": get(request) { _ in .json(["keys": []]) }
        case "/oauth/authorize": get(request, authorize)
        case "/oauth/token": post(request, answerTokenRequest)
        case "/oauth/revoke": post(request, revoke)
        case "/oauth/device": post(request, beginDevice)
        case "/api/accounts/deviceauth/usercode": post(request, beginOwnDevice)
        case "/api/accounts/deviceauth/token": post(request, pollOwnDevice)
        case "/backend-api/wham/usage", "/usage": get(request, answerUsage)
        case "/userinfo": get(request, answerUserInfo)
        case let path where path.hasPrefix("/demo/"): control(request)
        case let path where path.hasPrefix(Provider.claudePrefix): answerClaude(request)
        default: .json(404, ["detail": "Not Found"])
        }
    }

    /// What listens on the other port: nothing of a token request may ever arrive here.
    func answerAtRedirectTarget(_ request: Request) -> Reply {
        statistics.count(\.redirectHits)
        if !request.body.isEmpty { statistics.count(\.redirectBodies) }
        return .json(404, ["detail": "a redirect was followed"])
    }

    func get(_ request: Request, _ endpoint: (Request) -> Reply) -> Reply {
        request.method == "GET" ? endpoint(request) : Reply(status: 405).with("Allow", "GET")
    }

    func post(_ request: Request, _ endpoint: (Request) -> Reply) -> Reply {
        request.method == "POST" ? endpoint(request) : Reply(status: 405).with("Allow", "POST")
    }

    /// OpenID Connect Discovery 1.0 and RFC 8414.
    private var discovery: JSONValue {
        [
            "issuer": .string(issuer),
            "authorization_endpoint": .string(base + "/oauth/authorize"),
            "token_endpoint": .string(base + "/oauth/token"),
            "revocation_endpoint": .string(base + "/oauth/revoke"),
            "device_authorization_endpoint": .string(base + "/oauth/device"),
            "userinfo_endpoint": .string(base + "/userinfo"),
            "jwks_uri": .string(base + "/.well-known/jwks.json"),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token", .string(Provider.deviceGrant)],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "authorization_response_iss_parameter_supported": .bool(options.sendsIssuer),
        ]
    }
}
