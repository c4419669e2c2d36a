import Platform

extension Provider {
    /// POST /oauth/token: exchanges codes and refresh tokens, or misbehaves.
    func answerTokenRequest(_ request: Request) -> Reply {
        statistics.count(\.tokenRequests)
        let misbehaviour = misbehaviours.take(.token)
        if misbehaviour != nil { statistics.count(\.misbehaved) }
        var fields = request.fields
        if let client = request.client, fields?["client_id"] == nil { fields?["client_id"] = client }
        if let fields, fields["grant_type"] == "refresh_token" { statistics.see(refreshToken: fields["refresh_token"] ?? "") }
        guard let misbehaviour else {
            do throws(Refusal) {
                return .json(answer(try grant(fields, nil)))
            } catch { return refusal(error) }
        }
        guard misbehaviour.makesGrant else { return withoutGrant(misbehaviour.mode) }
        do throws(Refusal) {
            let granted = try grant(fields, misbehaviour)
            return spoil(granted, misbehaviour)
        } catch { return refusal(error) }
    }

    /// POST /oauth/revoke (RFC 7009): the whole family goes; an unknown token is no error.
    func revoke(_ request: Request) -> Reply {
        guard let token = request.fields?["token"], !token.isEmpty else {
            return .oauthError(400, "invalid_request", "token is missing")
        }
        if options.refusesRevocation { return .oauthError(401, "invalid_client", "client authentication is required") }
        if families.revoke(token: token) { statistics.count(\.revocations) }
        return .json([:])
    }

    // MARK: - Grants

    /// What a grant answers.
    private struct Granted {
        /// Named in the answer where the tokens are opaque.
        var owner: Person?
        let tokens: IssuedTokens
        let scope: String
        /// Whether the refresh token in it is new.
        let isRotated: Bool
    }

    private func grant(_ fields: [String: String]?, _ misbehaviour: Misbehaviour?) throws(Refusal) -> Granted {
        guard let fields else { throw .malformed("the body is neither a form nor JSON") }
        guard let clientID = fields["client_id"], !clientID.isEmpty else { throw .malformed("client_id is missing") }
        let rotating = misbehaviour?.rotates ?? true
        let stranger = misbehaviour?.mode == .otherIdentity ? Person("mallory") : nil
        switch fields["grant_type"] {
        case "authorization_code":
            let granted = try exchange(fields, clientID, stranger)
            statistics.count(\.codeGrants)
            return granted
        case Provider.deviceGrant:
            switch devices.redeem(fields["device_code"] ?? "", clientID: clientID) {
            case .pending: throw .device("authorization_pending")
            case .denied: throw .device("access_denied")
            case .unknown: throw .code("the device code is unknown, spent or another client's")
            case .approved(let grant):
                statistics.count(\.codeGrants)
                return Granted(tokens: families.begin(grant, as: stranger).tokens, scope: grant.scope, isRotated: false)
            }
        case "refresh_token":
            guard let token = fields["refresh_token"] else { throw .malformed("refresh_token is missing") }
            guard !token.isEmpty else { throw .emptyToken }
            let (tokens, scope, owner) = try families.refresh(token, clientID: clientID, rotating: rotating, as: stranger)
            statistics.count(\.refreshGrants)
            return Granted(owner: owner, tokens: tokens, scope: scope, isRotated: rotating)
        case nil: throw .malformed("grant_type is missing")
        default: throw .unsupportedGrant
        }
    }

    private func exchange(_ fields: [String: String], _ clientID: String, _ stranger: Person?) throws(Refusal) -> Granted {
        guard let code = fields["code"], let verifier = fields["code_verifier"], let redirectURI = fields["redirect_uri"] else {
            throw .malformed("code, code_verifier or redirect_uri is missing")
        }
        switch authorizations.redeem(code) {
        case .unknown: throw .code("the code is unknown or expired")
        case .reused(let family):
            statistics.count(\.reused)
            if let family { families.revoke(family: family) }
            throw .code("the code was used before")
        case .valid(let authorization):
            guard authorization.grant.clientID == clientID else { throw .code("the code belongs to another client") }
            guard authorization.redirectURI == redirectURI else { throw .code("redirect_uri differs from the one of the login") }
            let text = Array(verifier.utf8)
            let hash = SHA256.hash(text.span)
            guard (43...128).contains(text.count), Base64.encode(hash.span, .urlSafe) == authorization.challenge else {
                throw .code("code_verifier does not match")
            }
            let (family, tokens) = families.begin(authorization.grant, as: stranger)
            authorizations.note(family: family, of: code)
            let owner = authorization.grant.isOpaque ? stranger ?? authorization.grant.person : nil
            if owner != nil, fields["state"] != authorization.state { throw .malformed("state is not the one of the login") }
            return Granted(owner: owner, tokens: tokens, scope: authorization.grant.scope, isRotated: false)
        }
    }

    private func answer(_ granted: Granted) -> JSONValue {
        if let owner = granted.owner { return claudeAnswer(granted.tokens, granted.scope, owner) }
        return [
            "access_token": .string(granted.tokens.access),
            "id_token": .string(granted.tokens.id),
            "refresh_token": .string(granted.tokens.refresh),
            "expires_in": .number(JSONNumber(options.expiresIn)),
            "token_type": "Bearer",
            "scope": .string(granted.scope),
        ]
    }

    private func refusal(_ refusal: Refusal) -> Reply {
        statistics.count(\.refused)
        if case .reused = refusal { statistics.count(\.reused) }
        let (codexCode, message): (String, String)
        switch refusal {
        case .malformed(let text): return .oauthError(400, "invalid_request", text)
        case .unsupportedGrant: return .oauthError(400, "unsupported_grant_type", "authorization_code and refresh_token are supported")
        case .device(let code): return .json(400, ["error": .string(code)])
        case .code(let text): return .oauthError(400, "invalid_grant", text)
        case .otherClient: return .oauthError(400, "invalid_grant", "the token belongs to another client")
        case .emptyToken:
            if options.errorStyle == .oauth { return .oauthError(400, "invalid_request", "refresh_token is empty") }
            return .codexError(400, "empty_string", "Invalid 'refresh_token': empty string. Expected a string with minimum length 1.")
        case .reused:
            (codexCode, message) = (
                "refresh_token_reused",
                "Your refresh token has already been used to generate a new access token. Please try signing in again."
            )
        case .revoked, .unknownToken:
            (codexCode, message) = ("refresh_token_invalidated", "Your session has ended. Please log in again.")
        }
        switch options.errorStyle {
        case .codex: return .codexError(401, codexCode, message)
        case .oauth: return .json(400, ["error": "invalid_grant"])
        }
    }

    // MARK: - Misbehaviours

    /// The answers that need no grant.
    private func withoutGrant(_ mode: Misbehaviour.Mode) -> Reply {
        switch mode {
        case .redirect307: .redirect(307, to: redirectTarget + "/oauth/token")
        case .redirect302: .redirect(302, to: redirectTarget + "/oauth/token")
        case .html200: .html(200)
        case .html403: .html(403)
        case .status404: .json(404, ["detail": "Not Found"])
        case .status429: Reply.json(429, ["detail": "Too Many Requests"]).with("Retry-After", "7")
        case .status503: Reply.json(503, ["detail": "Service Unavailable"]).with("Retry-After", "3")
        case .invalidClient: .oauthError(401, "invalid_client", "the client is not known")
        case .empty400: Reply(status: 400)
        case .hugeError: .oauthError(400, "invalid_grant", String(repeating: "x", count: 10 << 20))
        case .lostBefore: Reply(status: 200).delivered(.closed)
        case .hang: Reply(status: 200).delivered(.never)
        default: .json(500, ["detail": "Internal Server Error"])
        }
    }

    /// The answer to a grant that was made, changed as the mode asks.
    private func spoil(_ granted: Granted, _ misbehaviour: Misbehaviour) -> Reply {
        let mode = misbehaviour.mode
        if granted.isRotated && mode.hidesTokens { statistics.count(\.unavoidable) }
        guard mode.makesGrant else { return withoutGrant(mode) }
        guard var object = answer(granted).object else { return Reply(status: 500) }
        switch mode {
        case .noRefresh: object["refresh_token"] = nil
        case .emptyRefresh: object["refresh_token"] = ""
        case .wrongTypeRefresh: object["refresh_token"] = 17
        case .expiresNegative: object["expires_in"] = -1
        case .expiresHuge: object["expires_in"] = .number(JSONNumber(literal: "1e18"))
        case .expiresString: object["expires_in"] = .string("\(options.expiresIn)")
        case .expiresMissing: object["expires_in"] = nil
        case .lowercaseType: object["token_type"] = "bearer"
        case .noIDToken: object["id_token"] = nil
        default: break
        }
        var reply = Reply.json(.object(object))
        switch mode {
        case .huge:
            let padding = [UInt8](repeating: UInt8(ascii: "x"), count: 10 << 20)
            reply.body = Array(#"{"padding":""#.utf8) + padding + Array(#"","#.utf8) + reply.body.dropFirst()
        case .duplicateKeys: reply.body = Array(#"{"access_token":"first","#.utf8) + reply.body.dropFirst()
        case .truncatedJSON: reply.body = Array(reply.body.prefix(reply.body.count / 2))
        case .truncated: reply.delivery = .cut
        case .lostReply: reply.delivery = .reset
        case .slowBody: reply.delivery = .slowly
        case .slow: reply.delay = .seconds(misbehaviour.seconds)
        default: break
        }
        return reply
    }
}
