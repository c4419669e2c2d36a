package import Platform

/// A grant that another program holds, and the stores in which programs keep one.
package struct ForeignGrant: Sendable {
    package var access: String
    package var refresh: String
    package var id: String
    package var expires: Timestamp
    package var accountId: String

    package init(access: String, refresh: String, id: String, expires: Timestamp, accountId: String) {
        self.access = access
        self.refresh = refresh
        self.id = id
        self.expires = expires
        self.accountId = accountId
    }

    /// Tokens that no server issued, with the claims of Codex's own.
    package static func synthetic(_ person: String, lives seconds: Int = 3600) -> ForeignGrant {
        let expires = TimeSource.system.now().wholeSeconds + seconds
        let account = "account-\(person)"
        let auth: JSONValue = [
            "chatgpt_account_id": .string(account), "chatgpt_user_id": .string("user-\(person)"), "chatgpt_plan_type": "plus",
        ]
        let claims: JSONValue = [
            "iat": .number(JSONNumber(expires.seconds - 3600)), "exp": .number(JSONNumber(expires.seconds)), "sub": .string(person),
            "email": .string("\(person)@example.org"), "https://api.openai.com/auth": auth,
        ]
        let token = jwt(claims)
        return ForeignGrant(access: token, refresh: "rt_\(person)_secret", id: token, expires: expires, accountId: account)
    }

    package static func jwt(_ claims: JSONValue) -> String {
        func part(_ text: String) -> String { Base64.encode(Array(text.utf8).span, .urlSafe) }
        return part(#"{"alg":"none"}"#) + "." + part(claims.compact) + "." + part(Random.uuid())
    }

    package var accountKey: String { "user-" + accountId.dropFirst("account-".count) + "__" + accountId }

    private var milliseconds: String { String(expires.milliseconds) }

    // MARK: - The stores' texts, with members that nobody here knows

    package var codex: String {
        """
        {
          "auth_mode": "chatgpt",
          "OPENAI_API_KEY": null,
          "tokens": {
            "id_token": "\(id)",
            "access_token": "\(access)",
            "refresh_token": "\(refresh)",
            "account_id": "\(accountId)"
          },
          "last_refresh": "2026-09-20T10:00:00.123456Z",
          "later": {"kept": [1, 2.50, "\\u00e9"]}
        }

        """
    }

    package var claudeCode: String {
        """
        {"claudeAiOauth":{"accessToken":"\(access)","refreshToken":"\(refresh)","expiresAt":\(milliseconds),"refreshTokenExpiresAt":1989900000000,"scopes":["user:inference","user:profile"],"subscriptionType":"max","rateLimitTier":"x"},"mcpOAuth":{"kept": 1.0}}
        """
    }

    package static let claudeProfile = """
        {"numStartups": 3, "oauthAccount": {"accountUuid": "acc-1", "organizationUuid": "org-1", "emailAddress": "ada@example.org"}}
        """

    package var pi: String {
        """
        {"openai-codex": {"type":"oauth","access":"\(access)","refresh":"\(refresh)","expires":\(milliseconds),"accountId":"\(accountId)"}, "x": {"type":"api_key","key":"k"}}
        """
    }

    package var opencode: String {
        """
        {"y":{"type":"wellknown","key":"K","token":"t"},"openai":{"type":"oauth","refresh":"\(refresh)","access":"\(access)","expires":\(milliseconds),"accountId":"\(accountId)"}}
        """
    }

    package var openclaw: String {
        """
        {"version":1,
         "profiles":{
          "openai-codex:ada@example.org":{"type":"oauth","provider":"openai-codex","access":"\(access)","refresh":"\(refresh)","expires":\(milliseconds),"email":"ada@example.org","accountId":"\(accountId)"},
          "openai:default":{"type":"api_key","provider":"openai","key":"sk-example"},
          "other:manual":{"type":"token","provider":"other","token":"tok-example"}},
         "order":{"openai-codex":["openai-codex:ada@example.org"]}}
        """
    }
}

/// Each program's store of one Codex login, by the program's name here.
package struct ForeignStoreCase: Sendable, CustomStringConvertible {
    package let program: String
    /// Below the home.
    package let file: String
    package let text: @Sendable (ForeignGrant) -> String
    /// What the program finds in it after the login was taken out.
    package let loggedOut: @Sendable (ForeignGrant) -> String

    package var description: String { program }

    package static let all: [ForeignStoreCase] = [
        ForeignStoreCase(program: "codex", file: ".codex/auth.json", text: \.codex) { grant in
            let text = grant.codex
            let start = text.range(of: "{\n    \"id_token\"")
            let end = text.range(of: "\n  },\n  \"last_refresh\"")
            return text[..<start.lowerBound] + "null" + text[end.lowerBound...].dropFirst("\n  }".count)
        },
        ForeignStoreCase(program: "pi", file: ".pi/agent/auth.json", text: \.pi) { _ in #"{"x": {"type":"api_key","key":"k"}}"# },
        ForeignStoreCase(program: "opencode", file: "data/opencode/auth.json", text: \.opencode) { _ in
            #"{"y":{"type":"wellknown","key":"K","token":"t"}}"#
        },
        ForeignStoreCase(program: "openclaw", file: ".openclaw/agents/main/agent/auth-profiles.json", text: \.openclaw) { grant in
            grant.openclaw.replacing("\"\(grant.access)\"", "\"\"").replacing("\"\(grant.refresh)\"", "\"\"")
        },
    ]
}

extension String {
    /// The first place of a text that is known to be there.
    fileprivate func range(of part: String) -> (lowerBound: Index, upperBound: Index) {
        var start = startIndex
        while start < endIndex, !self[start...].hasPrefix(part) { start = index(after: start) }
        return (start, index(start, offsetBy: part.count, limitedBy: endIndex) ?? endIndex)
    }

    fileprivate func replacing(_ part: String, _ other: String) -> String {
        let found = range(of: part)
        return self[..<found.lowerBound] + other + self[found.upperBound...]
    }
}

extension Home {
    /// Writes a file of another program, 0600, with the directories that lead to it.
    package func plant(_ text: String, at file: String) throws {
        var folder = path
        for part in file.split(separator: "/").dropLast() {
            folder += "/" + part
            if !exists(folder) { try makeDirectory(folder) }
        }
        try write(Array(text.utf8), to: path + "/" + file)
    }

    /// Every file below the home, byte for byte.
    package func snapshot() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for entry in try entries() { files[entry.description] = entry.isDirectory ? [] : try read(entry.path) }
        return files
    }
}

extension Scene {
    /// A login that the scene's provider granted to another program: this one has forgotten it.
    package func foreignGrant() async throws -> ForeignGrant {
        try await login()
        guard let bundle = try await contents()["ada"], let access = bundle["accessToken"].string,
            let refresh = bundle["refreshToken"].string, let id = bundle["idToken"].string,
            let expires = bundle["expiresAt"].string.flatMap(Timestamp.init), let account = bundle["providerAccountId"].string
        else { throw Failed(description: "the login has no tokens") }
        try await require("auth", "logout", "codex")
        return ForeignGrant(access: access, refresh: refresh, id: id, expires: expires, accountId: account)
    }

    /// Takes away everything that this program keeps.
    package func forgetEverything() throws {
        for path in [home.data, home.path + "/state/ai-usage-agent"] where home.exists(path) { try home.delete(path) }
    }
}
