package import Platform

/// How an account authenticates: by tokens, or by the key of a web session, which shows usage and is handed to nobody.
/// No account has an `apiKey` yet.
package enum AuthType: String, Sendable {
    case oauth, apiKey, sessionKey
}

/// Whether an account can be used, as far as we know.
package enum AccountStatus: String, Sendable {
    case active
    /// A person has to log in again; `statusReason` says why.
    case needsLogin = "needs_login"
    /// The newest tokens wait in the journal: shown (`Metadata.showingPending`) and not written.
    case pendingCommit = "pending_commit"
    /// The vault is distrusted, or a move from another program is unfinished.
    case unknown
}

/// What auth.json says of one account: everything that is no secret.
///
/// Times are UTC. `id` is the only key that the secrets use; `accountKey` is the provider's stable identity and never
/// the e-mail address.
package struct AccountRecord: Sendable, Equatable {
    /// At most 64 letters, digits, `-` and `_`; random, and the name of the account's journal record.
    package let id: String
    /// Its canonical name: `codex`, `claude`, or one of config.json.
    package let provider: String
    /// Codex `user__account`, Claude `account:organization`, OpenID `issuer#sub`, else `opaque#…` (docs/providers.md).
    package let accountKey: String
    /// What the provider's API wants in a header, as `ChatGPT-Account-Id`.
    package var providerAccountId: String?
    /// As last said by the provider, unverified; never what tells accounts apart.
    package var email: String?
    /// Unique for each provider, without regard to case; at most 100 bytes.
    package var label: String?
    /// In the provider's word, not made safe to show.
    package var plan: String?
    package var authType: AuthType
    /// `agent-store`, `env`, `reference:NAME` or `import:NAME`.
    package var source: String
    /// Where the tokens of a reference stand; nil for every other source.
    package var reference: AccountReference?
    /// As granted; empty where nobody says.
    package var scopes: [String]
    /// Of the access token; nil where the server does not say.
    package var expiresAt: Timestamp?
    /// When the login itself ends, whatever is refreshed; nil where the server does not say.
    package var loginExpiresAt: Timestamp?
    /// Whether there is a refresh token.
    package var refreshable: Bool
    /// A token of this account travels over plain http (loopback only).
    package var insecure: Bool
    /// Of the login: an access token that has ended changes nothing here while it can be renewed.
    package var status: AccountStatus
    /// A word of ours (`secret_missing`, …) or the provider's, made safe to show; nil while it is active.
    package var statusReason: String?
    /// Keyed fingerprint of the refresh token that the provider refused for good: no second request with it.
    package var refusedFingerprint: String?
    /// Before this moment an automatic refresh does not ask again: the server said so, or did not answer well.
    package var retryAt: Timestamp? {
        didSet { if retryAt == nil { isRateLimited = false } }
    }
    /// It pauses because the server was asked too often.
    package var isRateLimited: Bool
    /// How often in a row a refresh came to nothing.
    package var retryCount: Int
    /// Of the first login, which later ones keep; of its tokens where the record was rebuilt from them.
    package let createdAt: Timestamp
    /// A login, or a token that was asked for by the account's name; noted once a minute at most.
    package var lastUsedAt: Timestamp?
    /// When the last refreshed tokens were obtained; nil before the first refresh.
    package var lastRefreshAt: Timestamp?
    /// Of the bundle that was committed last: one more with every change of the tokens.
    package var generation: Int
    /// Whether the agent gives the token to callers; nil: as the source of the account says.
    package var agentAccess: Bool?
    /// Members that a newer version wrote; they survive a rewrite.
    private var unknown: JSONObject

    /// Active, with nothing said of its tokens yet.
    package init(id: String, provider: String, accountKey: String, authType: AuthType, source: String, createdAt: Timestamp) {
        self.id = id
        self.provider = provider
        self.accountKey = accountKey
        self.authType = authType
        self.source = source
        self.createdAt = createdAt
        scopes = []
        refreshable = false
        insecure = false
        isRateLimited = false
        status = .active
        retryCount = 0
        generation = 0
        unknown = JSONObject()
    }

    /// The `statusReason` of an account whose tokens are gone from a store that is open and whole (recovery rule R6).
    package static let secretMissing = "secret_missing"
}

extension AccountRecord {
    /// Reads one element of `accounts`.
    ///
    /// - Throws: the member that is missing or of the wrong type.
    init(_ value: JSONValue) throws(MetadataReader.Problem) {
        var reader = try MetadataReader(value, "account")
        id = try reader.text("id")
        // The id names the account's journal record: nothing in it may lead out of that directory.
        guard AccountRecord.isIdentifier(id) else { throw reader.problem("id", "is no identifier of an account") }
        provider = try reader.text("provider")
        accountKey = try reader.text("accountKey")
        providerAccountId = try reader.optionalText("providerAccountId")
        email = try reader.optionalText("email")
        label = try reader.optionalText("label")
        plan = try reader.optionalText("plan")
        authType = try reader.choice("authType", AuthType.init)
        source = try reader.text("source")
        reference = try AccountReference(reader.take("reference"))
        scopes = try reader.texts("scopes")
        expiresAt = try reader.optionalTime("expiresAt")
        loginExpiresAt = try reader.optionalTime("loginExpiresAt")
        refreshable = try reader.flag("refreshable")
        insecure = try reader.flag("insecure")
        status = try reader.choice("status", AccountStatus.init)
        statusReason = try reader.optionalText("statusReason")
        refusedFingerprint = try reader.optionalText("refusedFingerprint")
        retryAt = try reader.optionalTime("retryAt")
        isRateLimited = try reader.flag("rateLimited")
        retryCount = try reader.optionalCount("retryCount") ?? 0
        guard let created = try reader.optionalTime("createdAt") else { throw reader.problem("createdAt", "is missing") }
        createdAt = created
        lastUsedAt = try reader.optionalTime("lastUsedAt")
        lastRefreshAt = try reader.optionalTime("lastRefreshAt")
        generation = try reader.count("generation")
        let access = reader.take("agentAccess")
        if !access.isNull {
            guard let isOn = access.bool else { throw reader.problem("agentAccess", "is neither true nor false") }
            agentAccess = isOn
        }
        unknown = reader.rest
    }

    /// Whether the text can name an account, and so a file.
    static func isIdentifier(_ id: String) -> Bool {
        !id.isEmpty && id.utf8.count <= 64 && id.utf8.allSatisfy { idCharacters.contains($0) }
    }

    private static let idCharacters = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8)

    var json: JSONValue {
        var object: JSONObject = [
            "id": .string(id), "provider": .string(provider), "accountKey": .string(accountKey),
            "providerAccountId": .optional(providerAccountId), "email": .optional(email), "label": .optional(label),
            "plan": .optional(plan), "authType": .string(authType.rawValue), "source": .string(source), "scopes": .strings(scopes),
            "expiresAt": .optional(expiresAt?.description), "loginExpiresAt": .optional(loginExpiresAt?.description),
            "refreshable": .bool(refreshable), "insecure": .bool(insecure), "status": .string(status.rawValue),
            "statusReason": .optional(statusReason), "refusedFingerprint": .optional(refusedFingerprint),
            "retryAt": .optional(retryAt?.description), "retryCount": .number(JSONNumber(retryCount)),
            "createdAt": .string(createdAt.description), "lastUsedAt": .optional(lastUsedAt?.description),
            "lastRefreshAt": .optional(lastRefreshAt?.description), "generation": .number(JSONNumber(generation)),
        ]
        object["reference"] = reference?.json
        if isRateLimited { object["rateLimited"] = true }
        if let agentAccess { object["agentAccess"] = .bool(agentAccess) }
        for member in unknown.members { object[member.name] = member.value }
        return .object(object)
    }
}
