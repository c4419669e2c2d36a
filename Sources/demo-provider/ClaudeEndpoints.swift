import Platform

/// A second server under `/claude`, which does everything that Anthropic's does its own way: opaque tokens, JSON bodies with the
/// state in the exchange, a page that shows the code, a profile, and a login that ends.
extension Provider {
    static let claudePrefix = "/claude/"
    private static let loginSeconds = 30 * 86400

    func answerClaude(_ request: Request) -> Reply {
        switch request.path.dropFirst(Provider.claudePrefix.count - 1) {
        case "/oauth/authorize": get(request, authorize)
        case "/oauth/code/callback": get(request, showCode)
        case "/v1/oauth/token": post(request, answerJSONTokenRequest)
        case "/v1/oauth/revoke": post(request, revoke)
        case "/api/oauth/profile": get(request, answerProfile)
        case "/api/oauth/usage": get(request, answerClaudeUsage)
        case "/api/organizations": get(request, answerOrganizations)
        case let path where path.hasPrefix("/api/organizations/") && path.hasSuffix("/usage"): get(request, answerWebUsage)
        default: .json(404, ["type": "error", "error": ["type": "not_found_error", "message": "Not found"]])
        }
    }

    private func answerJSONTokenRequest(_ request: Request) -> Reply {
        guard request.header("content-type")?.lowercased().hasPrefix("application/json") == true else {
            return claudeError(400, "invalid_request_error", "Invalid request format")
        }
        return answerTokenRequest(request)
    }

    /// What a person copies: `code#state`.
    private func showCode(_ request: Request) -> Reply {
        guard let code = request.query?["code"], let state = request.query?["state"] else {
            return .text(400, "text/plain; charset=utf-8", "There is no code.\n")
        }
        return .text(200, "text/plain; charset=utf-8", "\(code)#\(state)\n")
    }

    func claudeAnswer(_ tokens: IssuedTokens, _ scope: String, _ owner: Person) -> JSONValue {
        [
            "token_type": "Bearer", "access_token": .string(tokens.access), "refresh_token": .string(tokens.refresh),
            "expires_in": .number(JSONNumber(options.expiresIn)), "refresh_token_expires_in": .number(JSONNumber(Provider.loginSeconds)),
            "scope": .string(scope),
            "organization": ["uuid": .string(owner.accountID), "name": .string("\(owner.name)'s Organization")],
            "account": ["uuid": .string(owner.userID), "email_address": .string(owner.email)],
        ]
    }

    private func answerProfile(_ request: Request) -> Reply {
        if misbehaviours.take(.usage)?.mode == .usage500 { return claudeError(500, "api_error", "Internal server error") }
        return withPerson(request) { person in
            .json([
                "account": ["uuid": .string(person.userID), "display_name": .string(person.name), "email": .string(person.email)],
                "organization": [
                    "uuid": .string(person.accountID), "name": .string("\(person.name)'s Organization"), "organization_type": "claude_max",
                ],
            ])
        }
    }

    private func answerClaudeUsage(_ request: Request) -> Reply {
        statistics.count(\.usageRequests)
        guard request.header("anthropic-beta") != nil else { return claudeError(400, "invalid_request_error", "anthropic-beta is missing") }
        return withPerson(request) { _ in
            let resets = JSONValue.string((TimeSource.system.now().wholeSeconds + 9120).description)
            return .json([
                "five_hour": ["utilization": .optional(options.usedSession), "resets_at": resets],
                "seven_day": ["utilization": .optional(options.usedWeekly), "resets_at": nil],
                "limits": [
                    ["kind": "session", "percent": .optional(options.usedSession), "resets_at": resets, "scope": nil],
                    ["kind": "weekly_all", "percent": .optional(options.usedWeekly), "resets_at": nil, "scope": nil],
                    ["kind": "weekly_scoped", "percent": 12, "resets_at": nil, "scope": ["model": ["id": nil, "display_name": "Fable"]]],
                ],
            ])
        }
    }

    /// The web application knows a person by a cookie, and nobody by a token.
    private func withSession(_ request: Request, _ answer: (Person) -> Reply) -> Reply {
        let prefix = "sessionKey=sk-ant-sid01-"
        guard request.bearer == nil, let cookie = request.header("cookie"), cookie.hasPrefix(prefix),
            let person = Person(hint: String(cookie.dropFirst(prefix.count))), person.name != "nobody"
        else { return claudeError(403, "permission_error", "Invalid authorization") }
        return answer(person)
    }

    private func answerOrganizations(_ request: Request) -> Reply {
        withSession(request) { person in
            .json([
                ["uuid": .string(Person("api").accountID), "name": "API only", "capabilities": ["api"]],
                [
                    "uuid": .string(person.accountID), "name": .string("\(person.name)'s Organization"),
                    "capabilities": ["chat", "claude_max"],
                ],
            ])
        }
    }

    private func answerWebUsage(_ request: Request) -> Reply {
        statistics.count(\.usageRequests)
        return withSession(request) { person in
            guard request.path.contains("/\(person.accountID)/") else { return claudeError(404, "not_found_error", "Not found") }
            return .json(["five_hour": ["utilization": .optional(options.usedSession), "resets_at": nil], "seven_day": nil])
        }
    }

    private func claudeError(_ status: Int, _ type: String, _ message: String) -> Reply {
        .json(status, ["type": "error", "error": ["type": .string(type), "message": .string(message)]])
    }
}
