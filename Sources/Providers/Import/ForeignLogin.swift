package import OAuth
package import Platform

/// A login in another program's store, without its refresh token: nothing that only reads it can spend it.
package final class ForeignLogin: Sendable {
    /// What the program itself calls it.
    package let entry: String
    /// Our name of it: `codex` or `claude`.
    package let provider: String
    /// Nil when nothing in the store says whose it is.
    package let identity: AccountIdentity?
    package let accessToken: SecretBytes
    /// Of the access token: its own `exp`, else what the store says.
    package let expiresAt: Timestamp?
    /// Said by Claude Code alone (`refreshTokenExpiresAt`).
    package let loginExpiresAt: Timestamp?
    /// Nil where the store does not say.
    package let scopes: [String]?
    let parts: ForeignParts

    init(
        parts: ForeignParts, identity: AccountIdentity?, accessToken: consuming SecretBytes, expiresAt: Timestamp?,
        loginExpiresAt: Timestamp?, scopes: [String]?
    ) {
        entry = parts.entry
        provider = parts.provider
        self.parts = parts
        self.identity = identity
        self.accessToken = accessToken
        self.expiresAt = expiresAt
        self.loginExpiresAt = loginExpiresAt
        self.scopes = scopes
    }

    /// What takes the login out of the store, as the program itself would find it after a logout.
    package var logout: [JSONEdit] { parts.logout }

    /// The refresh token, read for a move and for nothing else; nil if the store has none.
    package func refreshToken(in document: borrowing JSONDocument) -> SecretBytes? {
        guard let node = document.at(parts.refresh), let token = document.secret(node), TokenResponse.isToken(token) else { return nil }
        return token
    }

    /// Nil where the store has none.
    package func idToken(in document: borrowing JSONDocument) -> SecretBytes? {
        guard let path = parts.id, let node = document.at(path), let token = document.secret(node), TokenResponse.isToken(token) else {
            return nil
        }
        return token
    }
}

/// Where the parts of one login stand in a store's JSON text.
struct ForeignParts: Sendable {
    let entry: String
    let provider: String
    let access: [String]
    let refresh: [String]
    var id: [String]?
    /// Milliseconds since 1970.
    var expires: [String]?
    let logout: [JSONEdit]
}

/// What a store holds: logins that can be used, and a sentence for each thing that cannot.
package struct ForeignReading: Sendable {
    /// In the order of the store.
    package private(set) var logins: [ForeignLogin] = []
    /// Each names the entry and what is wrong with it; no secret.
    package private(set) var refusals: [String] = []

    init() {}

    mutating func refuse(_ sentence: String) { refusals.append(sentence) }

    /// Takes the login if its access token is one.
    ///
    /// - Parameter identify: whose it is, from the claims of id token and access token.
    mutating func take(
        _ parts: ForeignParts, in document: borrowing JSONDocument, scopes: [String]? = nil, loginExpiresAt: Timestamp? = nil,
        identify: (_ idToken: JSONValue?, _ accessToken: JSONValue?) -> AccountIdentity?
    ) {
        let entry = TerminalText.escape(parts.entry, limit: 80)
        if ForeignReading.isFenced(parts.access, document) || ForeignReading.isFenced(parts.refresh, document) {
            return refuse("\(entry): a refresh of OpenClaw is under way there or failed (a fence marker); run OpenClaw once")
        }
        guard let node = document.at(parts.access), let token = document.secret(node), !token.isEmpty else {
            return refuse("\(entry): it is logged out (there is no access token)")
        }
        guard TokenResponse.isToken(token) else { return refuse("\(entry): its access token is none") }
        let access = Claims.decode(token)
        var idToken: JSONValue?
        if let path = parts.id, let node = document.at(path), let id = document.secret(node) { idToken = Claims.decode(id) }
        let stated = parts.expires.flatMap { document.at($0) }.flatMap { document.number($0)?.integer }
        let claimed = access.flatMap { Claims.seconds($0["exp"]) }
        // The token's own word first: the other is what a client made of it.
        let expiry = claimed.map { Timestamp(seconds: $0) } ?? stated.map { Timestamp(milliseconds: Int64($0)) }
        logins.append(
            ForeignLogin(
                parts: parts, identity: identify(idToken, access), accessToken: token, expiresAt: expiry?.wholeSeconds,
                loginExpiresAt: loginExpiresAt, scopes: scopes))
    }

    /// OpenClaw's note in place of a token that is being spent (docs/import.md, "What is refused").
    private static let fence = Array("\"openclaw-oauth-refresh-fence:v1:".utf8)

    private static func isFenced(_ path: [String], _ document: borrowing JSONDocument) -> Bool {
        guard let node = document.at(path) else { return false }
        return document.withRawText(of: node) { text in
            text.count >= fence.count && fence.indices.allSatisfy { text[$0] == fence[$0] }
        }
    }
}
