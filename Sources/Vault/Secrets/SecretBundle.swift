package import Platform

/// What is kept beside the tokens: enough to rebuild the account's record and to know where its tokens may go.
package struct BundleFacts: Sendable, Equatable {
    /// The `id` of the account's record.
    package let accountId: String
    package let provider: String
    /// Another than the record's only in a RESULT that is kept aside.
    package var accountKey: String
    package var providerAccountId: String?
    package var email: String?
    package var label: String?
    package var plan: String?
    package var authType: AuthType
    /// As granted; what was asked for where the answer does not say (RFC 6749 section 5.1).
    package var scopes: [String]
    /// `Bearer`: no other is accepted.
    package var tokenType: String
    /// The client that obtained the tokens; a refresh by another is refused (`originChanged`).
    package var clientId: String
    /// The person gave the client id at login; configuration does not overrule it.
    package var clientIdIsExplicit = false
    /// The client's at login; a refresh with another is refused (`originChanged`). Nil where it had none.
    package var issuer: String?
    /// The origins of the endpoints as they were at login ("token", "usage", …): a token goes nowhere else.
    package var origins: [String: String]
    /// By the clock of this machine when the answer came.
    package var obtainedAt: Timestamp
    /// Of the access token, counted from `obtainedAt`; nil where the server does not say.
    package var expiresAt: Timestamp?
    /// When the login itself ends, whatever is refreshed; nil where the server does not say.
    package var loginExpiresAt: Timestamp?
    /// One more with every change of the tokens.
    package var generation: Int
    /// Came with an export of another machine, which may still use the same single-use token: no refresh before
    /// `vault adopt`.
    package var awaitsAdoption = false
    /// Being moved here from this program, which may still hold the same single-use token: no refresh before its store is
    /// known to be blank.
    package var awaitsBlanking: String?

    package init(
        accountId: String, provider: String, accountKey: String, authType: AuthType, clientId: String, issuer: String?,
        origins: [String: String], obtainedAt: Timestamp
    ) {
        self.accountId = accountId
        self.provider = provider
        self.accountKey = accountKey
        self.authType = authType
        self.clientId = clientId
        self.issuer = issuer
        self.origins = origins
        self.obtainedAt = obtainedAt
        scopes = []
        tokenType = "Bearer"
        generation = 0
    }
}

/// The secrets of one account with the facts that bind them.
package struct SecretBundle: ~Copyable, Sendable {
    package var facts: BundleFacts
    package var accessToken: SecretBytes
    /// Nil where the server granted none.
    package var refreshToken: SecretBytes?
    /// Of the last answer that held one.
    package var idToken: SecretBytes?

    package init(
        facts: BundleFacts, accessToken: consuming SecretBytes, refreshToken: consuming SecretBytes?, idToken: consuming SecretBytes?
    ) {
        self.facts = facts
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.idToken = idToken
    }

    /// A second owner of the same secrets: deliberate, and easy to find in a review.
    package borrowing func duplicate() -> SecretBundle {
        SecretBundle(
            facts: facts, accessToken: accessToken.duplicate(), refreshToken: SecretBundle.duplicate(refreshToken),
            idToken: SecretBundle.duplicate(idToken))
    }

    /// Bytes of all tokens together.
    package var tokenSizes: Int {
        func size(_ secret: borrowing SecretBytes?) -> Int {
            switch secret {
            case .some(let bytes): return bytes.count
            case .none: return 0
            }
        }
        return accessToken.count + size(refreshToken) + size(idToken)
    }

    /// The same of a secret that may be missing.
    package static func duplicate(_ secret: borrowing SecretBytes?) -> SecretBytes? {
        switch secret {
        case .some(let bytes): return bytes.duplicate()
        case .none: return nil
        }
    }

    /// Whether both are missing or both are equal.
    package static func isSame(_ a: borrowing SecretBytes?, _ b: borrowing SecretBytes?) -> Bool {
        switch a {
        case .some(let a):
            switch b {
            case .some(let b): return SecretBytes.equal(a, b)
            case .none: return false
            }
        case .none:
            switch b {
            case .some: return false
            case .none: return true
            }
        }
    }

    /// Whether both hold the same facts and the same secrets: what a commit's read-back compares.
    package static func equal(_ a: borrowing SecretBundle, _ b: borrowing SecretBundle) -> Bool {
        a.facts == b.facts && SecretBytes.equal(a.accessToken, b.accessToken) && isSame(a.refreshToken, b.refreshToken)
            && isSame(a.idToken, b.idToken)
    }
}

extension SecretBundle {
    /// The bundle as JSON in protected memory.
    ///
    /// - Parameter vaultId: the vault that it belongs to, where what it stands in does not say so.
    func encoded(vaultId: String? = nil) -> SecretBytes {
        var writer = SecretJSONWriter(capacity: 16384)
        var origins = JSONObject()
        for (name, origin) in facts.origins.sorted(by: { $0.key < $1.key }) { origins[name] = .string(origin) }
        if let vaultId { writer.member("vaultId", .string(vaultId)) }
        writer.member("accountId", .string(facts.accountId))
        writer.member("provider", .string(facts.provider))
        writer.member("accountKey", .string(facts.accountKey))
        writer.member("providerAccountId", .optional(facts.providerAccountId))
        writer.member("email", .optional(facts.email))
        writer.member("label", .optional(facts.label))
        writer.member("plan", .optional(facts.plan))
        writer.member("authType", .string(facts.authType.rawValue))
        writer.member("scopes", .strings(facts.scopes))
        writer.member("tokenType", .string(facts.tokenType))
        writer.member("clientId", .string(facts.clientId))
        if facts.clientIdIsExplicit { writer.member("clientIdIsExplicit", true) }
        writer.member("issuer", .optional(facts.issuer))
        writer.member("origins", .object(origins))
        writer.member("obtainedAt", .string(facts.obtainedAt.description))
        writer.member("expiresAt", .optional(facts.expiresAt?.description))
        if let end = facts.loginExpiresAt { writer.member("loginExpiresAt", .string(end.description)) }
        writer.member("generation", .number(JSONNumber(facts.generation)))
        if facts.awaitsAdoption { writer.member("awaitsAdoption", true) }
        if let program = facts.awaitsBlanking { writer.member("awaitsBlanking", .string(program)) }
        writer.member("accessToken", secret: accessToken)
        writer.member("refreshToken", optionalSecret: refreshToken)
        writer.member("idToken", optionalSecret: idToken)
        return writer.finish()
    }

    /// Reads a bundle out of an opened store.
    ///
    /// - Throws: `corrupt` when a member is missing or of the wrong type.
    init(_ document: borrowing JSONDocument, _ node: JSONDocument.Node) throws(VaultError) {
        let facts = try BundleFacts(document, node)
        func secret(_ name: String) -> SecretBytes? {
            guard let member = document.member(name, of: node) else { return nil }
            return document.secret(member)
        }
        guard let accessToken = secret("accessToken"), !accessToken.isEmpty else {
            throw VaultError(
                .corrupt, "the bundle of account \(facts.accountId) has no access token",
                remedy: "log in again: ai-usage-agent auth login \(facts.provider)")
        }
        self.init(facts: facts, accessToken: accessToken.duplicate(), refreshToken: secret("refreshToken"), idToken: secret("idToken"))
    }
}

extension BundleFacts {
    init(_ document: borrowing JSONDocument, _ node: JSONDocument.Node) throws(VaultError) {
        var object = JSONObject()
        // Only what is no secret is copied out of protected memory.
        for name in BundleFacts.names {
            guard let member = document.member(name, of: node) else { continue }
            object[name] = document.value(member)
        }
        do throws(MetadataReader.Problem) {
            var reader = try MetadataReader(.object(object), "secret bundle")
            self.init(
                accountId: try reader.text("accountId"), provider: try reader.text("provider"),
                accountKey: try reader.text("accountKey"), authType: try reader.choice("authType", AuthType.init),
                clientId: try reader.text("clientId"), issuer: try reader.optionalText("issuer"), origins: [:],
                obtainedAt: try reader.optionalTime("obtainedAt") ?? Timestamp(seconds: 0))
            providerAccountId = try reader.optionalText("providerAccountId")
            email = try reader.optionalText("email")
            label = try reader.optionalText("label")
            plan = try reader.optionalText("plan")
            clientIdIsExplicit = try reader.flag("clientIdIsExplicit")
            scopes = try reader.texts("scopes")
            tokenType = try reader.text("tokenType")
            expiresAt = try reader.optionalTime("expiresAt")
            loginExpiresAt = try reader.optionalTime("loginExpiresAt")
            generation = try reader.count("generation")
            awaitsAdoption = try reader.flag("awaitsAdoption")
            awaitsBlanking = try reader.optionalText("awaitsBlanking")
            for member in reader.take("origins").object?.members ?? [] { origins[member.name] = member.value.string }
        } catch { throw VaultError(.corrupt, error.description, remedy: "restore it from a copy, or log in again") }
    }

    private static let names = [
        "accountId", "provider", "accountKey", "providerAccountId", "email", "label", "plan", "authType", "scopes", "tokenType",
        "clientId", "clientIdIsExplicit", "issuer", "origins", "obtainedAt", "expiresAt", "loginExpiresAt", "generation",
        "awaitsAdoption", "awaitsBlanking",
    ]
}
