import Platform
import Vault

/// One revocation request (RFC 7009), by the refresh token where there is one.
struct Revocation: Sendable {
    let http: any HTTPSending

    /// - Returns: why the server did not accept it; nil if it did.
    func revoke(_ bundle: borrowing SecretBundle, client: OAuthClient) async throws(OAuthError) -> String? {
        guard let address = try client.knownEndpoints().revocation else { return "\(client.provider) has no revocation endpoint" }
        guard bundle.facts.origins["revocation"] == address.origin else {
            return OAuthError.originChanged(client.provider, "revocation endpoint").message
        }
        var request = HTTPRequest(.post, address.description, deadline: .seconds(10))
        switch bundle.refreshToken {
        case .some(let token): fill(&request, token, "refresh_token", client)
        case .none: fill(&request, bundle.accessToken, "access_token", client)
        }
        do throws(HTTPFailure) {
            let response = try await http.send(request)
            if (200..<300).contains(response.status) { return nil }
            return "the server answered \(response.status)" + (ServerProblem(response.body).map { ": \($0)" } ?? "")
        } catch { return "the server could not be asked: \(error)" }
    }

    private func fill(_ request: inout HTTPRequest, _ token: borrowing SecretBytes, _ hint: String, _ client: OAuthClient) {
        if client.revokesWithJSON {
            var writer = SecretJSONWriter()
            writer.member("token", secret: token)
            writer.member("token_type_hint", .string(hint))
            if hint == "refresh_token" { writer.member("client_id", .string(client.clientId)) }
            request.body = writer.finish()
            request.contentType = "application/json"
        } else {
            var body = SecretBuffer()
            body.append("client_id=\(WebAddress.encode(client.clientId))&token_type_hint=\(hint)&token=")
            WebAddress.encode(secret: token, into: &body)
            request.body = body.finish()
            request.contentType = "application/x-www-form-urlencoded"
        }
    }
}
