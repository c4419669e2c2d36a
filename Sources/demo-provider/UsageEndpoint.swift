import Platform

extension Provider {
    /// GET /backend-api/wham/usage: the numbers a Codex client shows.
    func answerUsage(_ request: Request) -> Reply {
        statistics.count(\.usageRequests)
        let misbehaviour = misbehaviours.take(.usage)
        if misbehaviour != nil { statistics.count(\.misbehaved) }
        switch misbehaviour?.mode {
        case .usage401: return expired
        case .usage429: return Reply.json(429, ["detail": "Too Many Requests"]).with("Retry-After", "60")
        case .usageHTML403: return .html(403)
        case .usage500: return .json(500, ["detail": "Internal Server Error"])
        default: break
        }
        return withPerson(request) { person in
            if let account = request.header("chatgpt-account-id"), account != person.accountID {
                return .codexError(403, "account_mismatch", "The token does not belong to that account.")
            }
            return .json(usage(person, misbehaviour?.mode))
        }
    }

    /// GET /userinfo (OpenID Connect Core 5.3).
    func answerUserInfo(_ request: Request) -> Reply {
        withPerson(request) { person in
            .json([
                "sub": .string(person.subject),
                "preferred_username": .string(person.name),
                "email": .string(person.email),
                "email_verified": true,
            ])
        }
    }

    private var expired: Reply {
        Reply.codexError(401, "token_expired", "Provided authentication token is expired. Please try signing in again.")
            .with("WWW-Authenticate", "Bearer error=\"invalid_token\"")
    }

    /// Answers for the person that the bearer token stands for, or 401.
    func withPerson(_ request: Request, _ answer: (Person) -> Reply) -> Reply {
        switch request.bearer.map(families.standing(of:)) {
        case .good(let person): answer(person)
        case .expired, nil: expired
        case .revoked:
            Reply.codexError(401, "token_invalidated", "Your authentication token has been invalidated. Please try signing in again.")
                .with("WWW-Authenticate", "Bearer error=\"invalid_token\"")
        }
    }

    private func usage(_ person: Person, _ mode: Misbehaviour.Mode?) -> JSONValue {
        let isAtLimit = mode == .usageLimit
        let session = window(isAtLimit ? 100 : options.usedSession, length: 18000, resetAfter: 9120)
        let weekly = window(options.usedWeekly, length: 604_800, resetAfter: 400_000)
        let reached = isAtLimit || options.usedSession >= 100 || options.usedWeekly >= 100
        let windows: (JSONValue, JSONValue) =
            switch mode {
            case .usageNullWindows: (nil, nil)
            case .usageWeeklyPrimary: (weekly, nil)
            default: (session, weekly)
            }
        let extra: JSONValue = [
            "limit_name": "Example-Model", "metered_feature": "codex_example",
            "rate_limit": limit(false, (window(5, length: 18000, resetAfter: 18000), nil)),
        ]
        return [
            "user_id": .string(person.userID),
            "account_id": .string(person.accountID),
            "email": .string(person.email),
            "plan_type": .string(options.plan),
            "rate_limit": limit(reached, windows),
            "code_review_rate_limit": nil,
            "additional_rate_limits": mode == .usageExtra ? [extra] : nil,
            "credits": [
                "has_credits": true, "unlimited": false, "overage_limit_reached": false, "balance": "12.50",
                "approx_local_messages": [40, 60], "approx_cloud_messages": [8, 12],
            ],
            "spend_control": ["reached": false, "individual_limit": nil],
            "rate_limit_reached_type": reached ? ["type": "rate_limit_reached"] : nil,
            "rate_limit_reset_credits": ["available_count": 0, "applicable_available_count": 0],
            "promo": nil,
            "referral_beacon": nil,
        ]
    }

    private func limit(_ isReached: Bool, _ windows: (JSONValue, JSONValue)) -> JSONValue {
        [
            "allowed": .bool(!isReached), "limit_reached": .bool(isReached),
            "primary_window": windows.0, "secondary_window": windows.1,
        ]
    }

    private func window(_ used: Double, length: Int, resetAfter: Int) -> JSONValue {
        [
            "used_percent": .optional(used),
            "limit_window_seconds": .number(JSONNumber(length)),
            "reset_after_seconds": .number(JSONNumber(resetAfter)),
            "reset_at": .number(JSONNumber(TimeSource.system.now().seconds + resetAfter)),
        ]
    }
}
