package import OAuth
package import Platform
import Providers

/// A login on its way to the agent: whose it is, where it was granted, and what the token endpoint answered.
///
/// `{provider, clientId, clientIdIsExplicit, issuer, scopes, endpoints {authorization, token, revocation, usage, profile},
/// identity {accountKey, providerAccountId, email, plan, name}, receivedAt, tokens}`; `tokens` has the names of RFC 6749 section
/// 5.1. Tokens only ever travel this way, into the agent.
package enum LoginBundle {
    /// - Throws: `configurationInvalid` where the endpoints are not known.
    package static func encode(_ login: borrowing LoginResult) throws(OAuthError) -> SecretBytes {
        let client = login.client
        let endpoints = try client.knownEndpoints()
        let identity = login.identity
        var writer = SecretJSONWriter(capacity: 16384)
        writer.member("provider", .string(client.provider))
        writer.member("clientId", .string(client.clientId))
        writer.member("clientIdIsExplicit", .bool(client.clientIdIsExplicit))
        writer.member("issuer", .optional(client.issuer))
        writer.member("scopes", .strings(login.tokens.scopes ?? client.scopes))
        writer.member(
            "endpoints",
            [
                "authorization": .string(endpoints.authorization.description), "token": .string(endpoints.token.description),
                "revocation": .optional(endpoints.revocation?.description), "usage": .optional(endpoints.usage?.description),
                "profile": .optional(endpoints.profile?.description),
            ])
        writer.member(
            "identity",
            [
                "accountKey": .string(identity.accountKey), "providerAccountId": .optional(identity.providerAccountId),
                "email": .optional(identity.email), "plan": .optional(identity.plan), "name": .optional(identity.name),
            ])
        writer.member("receivedAt", .string(login.receivedAt.description))
        var tokens = SecretJSONWriter(capacity: 16384)
        tokens.member("access_token", secret: login.tokens.accessToken)
        tokens.member("refresh_token", optionalSecret: login.tokens.refreshToken)
        tokens.member("id_token", optionalSecret: login.tokens.idToken)
        tokens.member("expires_in", .optional(login.tokens.expiresIn))
        tokens.member("refresh_token_expires_in", .optional(login.tokens.loginExpiresIn))
        let text = tokens.finish()
        text.withBytes { writer.member("tokens", raw: $0) }
        return writer.finish()
    }

    /// - Throws: `usage` for what is no such bundle, and what the catalog says of its provider.
    static func decode(_ text: consuming SecretBytes, _ catalog: ProviderCatalog) throws(OAuthError) -> LoginResult {
        let reader = try LoginBundleReader(text)
        var client = try catalog.provider(try reader.text("provider")).client()
        client.clientId = try reader.text("clientId")
        client.clientIdIsExplicit = reader.value("clientIdIsExplicit") == .bool(true)
        client.issuer = try reader.optionalText("issuer")
        client.scopes = reader.value("scopes").array?.compactMap(\.string) ?? []
        guard let authorization = try reader.address("authorization"), let token = try reader.address("token") else {
            throw LoginBundleReader.wrong("endpoints")
        }
        var endpoints = ServerEndpoints(authorization: authorization, token: token)
        endpoints.revocation = try reader.address("revocation")
        endpoints.usage = try reader.address("usage")
        endpoints.profile = try reader.address("profile")
        client.endpoints = endpoints
        var identity = AccountIdentity(accountKey: try reader.text("identity", "accountKey"))
        identity.providerAccountId = try reader.optionalText("identity", "providerAccountId")
        identity.email = try reader.optionalText("identity", "email")
        identity.plan = try reader.optionalText("identity", "plan")
        identity.name = try reader.optionalText("identity", "name")
        guard let receivedAt = Timestamp(try reader.text("receivedAt")) else { throw LoginBundleReader.wrong("receivedAt") }
        return LoginResult(tokens: try reader.tokens(), identity: identity, client: client, receivedAt: receivedAt)
    }
}

/// Takes a bundle apart, member by member.
private struct LoginBundleReader: ~Copyable {
    static let remedy = "docs/agent.md says what Adopt takes"

    private let document: JSONDocument

    init(_ text: consuming SecretBytes) throws(OAuthError) {
        do throws(JSONError) { document = try JSONDocument(text) } catch { throw LoginBundleReader.wrong("text") }
    }

    static func wrong(_ name: String) -> OAuthError {
        OAuthError(.usage, "the bundle's \(name) is missing or of the wrong type", remedy: LoginBundleReader.remedy)
    }

    func value(_ name: String) -> JSONValue { document.at(name).map { document.value($0) } ?? .null }

    func text(_ path: String...) throws(OAuthError) -> String {
        // What is stored without a name could not be read again.
        guard let text = try optional(path), !text.isEmpty else { throw LoginBundleReader.wrong(path.joined(separator: ".")) }
        return text
    }

    func optionalText(_ path: String...) throws(OAuthError) -> String? { try optional(path) }

    private func optional(_ path: [String]) throws(OAuthError) -> String? {
        guard let node = document.at(path), !document.isNull(node) else { return nil }
        guard let text = document.string(node) else { throw LoginBundleReader.wrong(path.joined(separator: ".")) }
        return text
    }

    func address(_ name: String) throws(OAuthError) -> WebAddress? {
        guard let text = try optional(["endpoints", name]) else { return nil }
        guard let address = WebAddress(text) else { throw LoginBundleReader.wrong("endpoints.\(name)") }
        return address
    }

    func tokens() throws(OAuthError) -> TokenResponse {
        guard let node = document.at("tokens"), document.isObject(node) else { throw LoginBundleReader.wrong("tokens") }
        let answer = document.withRawText(of: node) { SecretBytes(copying: $0) }
        do throws(TokenResponse.Malformed) { return try TokenResponse(answer) } catch {
            throw OAuthError(.usage, "the bundle's tokens: \(error.reason)", remedy: LoginBundleReader.remedy)
        }
    }
}
