package import OAuth
package import Platform
import Vault

/// Claude's web application, asked with the key of a person's session in it: the last way to a usage that no token shows
/// (docs/providers.md, "A web session"). Off unless `providers.claude.webSession` is true: the key can do everything that the
/// person can, and the site does not want programs.
package struct ClaudeWeb: Sendable {
    private static let defaultOrganizations = "https://claude.ai/api/organizations"

    /// The list of the person's organizations; their usage stands below it.
    package let organizations: WebAddress

    /// - Throws: `configurationInvalid` where it is not switched on.
    package init(_ settings: ProviderSettings) throws(OAuthError) {
        guard settings.usesWebSession else {
            throw OAuthError(
                .configurationInvalid,
                "a session key of claude.ai can do everything that you can there, so it is used only where config.json says so",
                remedy: "set providers.claude.webSession to true, or use another way: docs/providers.md")
        }
        guard
            let address = settings.endpoints["webUsage"]
                ?? WebAddress(settings.base.map { $0 + "/api/organizations" } ?? ClaudeWeb.defaultOrganizations)
        else {
            throw OAuthError(
                .configurationInvalid, "the issuer of claude is no usable address", remedy: "ai-usage-agent config validate")
        }
        organizations = address
    }

    /// Where the usage of one organization stands; nil for an id that is none.
    package func usage(of organization: String) -> WebAddress? {
        guard ClaudeWeb.isIdentifier(organization) else { return nil }
        return WebAddress(organizations.description + "/\(organization)/usage")
    }

    /// This program as the vault remembers it: the key goes to this origin alone.
    package var client: OAuthClient {
        var endpoints = ServerEndpoints(authorization: organizations, token: organizations)
        endpoints.usage = organizations
        // No client is registered there; the vault wants a name for what obtained a credential.
        return OAuthClient(
            provider: "claude", clientId: "web-session", scopes: [], issuer: nil, endpoints: endpoints,
            redirect: RedirectRule(host: "localhost", path: "/callback", ports: []), identityReader: ClaudeIdentity())
    }

    /// `sessionKey=…`, in protected memory.
    package static func cookie(_ key: borrowing SecretBytes) -> SecretBytes {
        var cookie = SecretBuffer(capacity: 256)
        cookie.append("sessionKey=")
        cookie.append(key)
        return cookie.finish()
    }

    /// Whether a text can be a key: nothing in it may end the cookie.
    package static func isKey(_ key: borrowing SecretBytes) -> Bool {
        let prefix = Array("sk-ant-sid".utf8)
        return key.withBytes { bytes in
            guard bytes.count > prefix.count, bytes.count <= 1024 else { return false }
            for index in bytes.indices {
                let byte = bytes[index]
                let isPlain =
                    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45 || byte == 95
                guard isPlain, index >= prefix.count || byte == prefix[index] else { return false }
            }
            return true
        }
    }

    private static func isIdentifier(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 45 }
    }

    // MARK: - Login

    /// Asks whose session it is: the organization that can chat, not one that is for the API alone.
    ///
    /// - Throws: `accessDenied` for a key that is not good any more, `network`, `providerUnavailable`.
    package func login(_ key: borrowing SecretBytes, _ http: any HTTPSending, deadline: Duration, now: Timestamp) async throws(OAuthError)
        -> LoginResult
    {
        let list = try await ask(organizations, key, http, deadline, now)
        let found = (list.array ?? []).filter { $0["uuid"].string.map(ClaudeWeb.isIdentifier) == true }
        func canChat(_ organization: JSONValue) -> Bool { organization["capabilities"].array?.contains("chat") ?? false }
        guard let organization = found.first(where: canChat) ?? found.first, let id = organization["uuid"].string else {
            throw OAuthError(.providerUnavailable, "claude.ai names no organization of that session", remedy: "log in at claude.ai again")
        }
        // Of a session, not of a token: it stands beside a login of the same person and never takes its place.
        var identity = AccountIdentity(accountKey: "web:" + id)
        identity.providerAccountId = id
        identity.name = organization["name"].string
        let tokens = TokenResponse(
            accessToken: key.duplicate(), refreshToken: nil, idToken: nil, expiresIn: ClaudeWeb.lifetime, scopes: [])
        return LoginResult(tokens: tokens, identity: identity, client: client, receivedAt: now, authType: .sessionKey)
    }

    /// A session ends after some thirty days, whatever is done with it.
    private static let lifetime = 30 * 86400

    private func ask(_ address: WebAddress, _ key: borrowing SecretBytes, _ http: any HTTPSending, _ deadline: Duration, _ now: Timestamp)
        async throws(OAuthError) -> JSONValue
    {
        var request = HTTPRequest(.get, address.description, deadline: deadline)
        request.bodyLimit = 1 << 20
        request.cookie = ClaudeWeb.cookie(key)
        let response: HTTPResponse
        do throws(HTTPFailure) { response = try await http.send(request) } catch {
            throw OAuthError(.network, "claude.ai could not be asked: \(error)", remedy: "check the network and try again")
        }
        if [401, 403].contains(response.status), !response.isHTML {
            throw OAuthError(
                .accessDenied, "claude.ai refused the session key", remedy: "log in at claude.ai and copy the key of the new session")
        }
        guard response.status == 200, let value = try? JSONValue(parsing: response.body) else {
            throw OAuthError(
                .providerUnavailable, "claude.ai answered \(response.status)\(response.isHTML ? " with a web page" : "")",
                remedy: "try again later", retryAfter: response.retryAfter(now: now))
        }
        return value
    }
}
