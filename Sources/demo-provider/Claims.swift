import Platform

/// The three tokens of one grant.
struct IssuedTokens: Sendable {
    let access: String
    let id: String
    var refresh: String
}

/// What a grant is about: it stays the same through every rotation.
struct Grant: Sendable {
    var person: Person
    let clientID: String
    let scope: String
    let nonce: String?
    let authenticated: Timestamp
    let session: String
    /// Tokens that say nothing, and whose owner the answer and the profile name.
    var isOpaque = false
}

/// Makes tokens with the claims that Codex clients read (docs: OpenAI's access and id tokens).
///
/// They are well-formed JWTs, but the signature is random: a client that got them over the token endpoint does not check it.
struct TokenMint: Sendable {
    let issuer: String
    let plan: String
    let expiresIn: Int

    func issue(_ grant: Grant) -> IssuedTokens {
        if grant.isOpaque { return IssuedTokens(access: opaque("sk-ant-oat01-"), id: opaque("none-"), refresh: opaque("sk-ant-ort01-")) }
        let now = TimeSource.system.now()
        let access = jwt(accessClaims(grant, now))
        let random = Random.bytes(32)
        return IssuedTokens(
            access: access, id: jwt(idClaims(grant, now, access)), refresh: "rt_" + Base64.encode(random.span, .urlSafe))
    }

    private func opaque(_ prefix: String) -> String {
        let random = Random.bytes(48)
        return prefix + Base64.encode(random.span, .urlSafe)
    }

    private func accessClaims(_ grant: Grant, _ now: Timestamp) -> JSONValue {
        let person = grant.person
        return [
            "iss": .string(issuer),
            "aud": ["https://api.openai.com/v1"],
            "client_id": .string(grant.clientID),
            "sub": .string(person.subject),
            "iat": number(now.seconds),
            "nbf": number(now.seconds),
            "exp": number(now.seconds + expiresIn),
            "auth_time": number(grant.authenticated.seconds),
            "jti": .string(Random.uuid()),
            "scp": .strings(grant.scope.split(separator: " ").map(String.init)),
            "session_id": .string("authsess_" + grant.session),
            "sl": true,
            "pwd_auth_time": number(Int(grant.authenticated.milliseconds)),
            "email": .string(person.email),
            "https://api.openai.com/auth": [
                "chatgpt_account_id": .string(person.accountID),
                "chatgpt_account_user_id": .string("\(person.userID)__\(person.accountID)"),
                "chatgpt_user_id": .string(person.userID),
                "user_id": .string(person.userID),
                "chatgpt_plan_type": .string(plan),
                "chatgpt_compute_residency": "no_constraint",
                "chatgpt_account_is_fedramp": false,
                "localhost": true,
                "poid": .string(person.organizationID),
                "amr": ["pwd", "otp", "mfa"],
            ],
            "https://api.openai.com/profile": ["email": .string(person.email), "email_verified": true],
        ]
    }

    private func idClaims(_ grant: Grant, _ now: Timestamp, _ access: String) -> JSONValue {
        let person = grant.person
        let month = 30 * 86400
        var claims = JSONObject()
        claims["iss"] = .string(issuer)
        claims["aud"] = .strings([grant.clientID])
        claims["sub"] = .string(person.subject)
        claims["iat"] = number(now.seconds)
        claims["exp"] = number(now.seconds + 3600)
        claims["auth_time"] = number(grant.authenticated.seconds)
        claims["nonce"] = grant.nonce.map(JSONValue.string)
        claims["auth_provider"] = "password"
        claims["at_hash"] = .string(accessTokenHash(access))
        claims["sid"] = .string(grant.session)
        claims["name"] = .string(person.name.prefix(1).uppercased() + person.name.dropFirst() + " Example")
        claims["email"] = .string(person.email)
        claims["email_verified"] = true
        claims["https://api.openai.com/auth"] = [
            "chatgpt_account_id": .string(person.accountID),
            "chatgpt_user_id": .string(person.userID),
            "user_id": .string(person.userID),
            "chatgpt_plan_type": .string(plan),
            "chatgpt_subscription_active_start": date(grant.authenticated + -month / 2),
            "chatgpt_subscription_active_until": date(grant.authenticated + month / 2),
            "chatgpt_subscription_last_checked": date(grant.authenticated),
            "organizations": [
                ["id": .string(person.organizationID), "title": "Personal", "role": "owner", "is_default": true]
            ],
            "groups": [],
            "organization_id": .string(person.organizationID),
            "completed_platform_onboarding": true,
            "is_org_owner": true,
            "chatgpt_account_is_fedramp": false,
        ]
        claims["https://api.openai.com/profile"] = ["email": .string(person.email), "email_verified": true]
        return .object(claims)
    }

    /// OpenID Connect Core 3.1.3.6: the left half of the hash.
    private func accessTokenHash(_ token: String) -> String {
        let text = Array(token.utf8)
        let hash = SHA256.hash(text.span)
        return Base64.encode(hash.span.extracting(first: 16), .urlSafe)
    }

    private func jwt(_ claims: JSONValue) -> String {
        let header = Array(#"{"alg":"RS256","kid":"demo","typ":"JWT"}"#.utf8)
        let payload = Array(claims.compact.utf8)
        let signature = Random.bytes(256)
        return [
            Base64.encode(header.span, .urlSafe), Base64.encode(payload.span, .urlSafe), Base64.encode(signature.span, .urlSafe),
        ].joined(separator: ".")
    }

    private func number(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }

    private func date(_ time: Timestamp) -> JSONValue { .string(time.wholeSeconds.description.dropLast() + "+00:00") }
}
