import Platform

/// Asks a server whose an opaque token is, once, right after the exchange.
struct ProfileRequest: Sendable {
    let http: any HTTPSending
    /// The code is spent by then: nobody waits long for a name.
    static let deadline = Duration.seconds(10)

    /// The profile; nil where the client has no such endpoint.
    ///
    /// - Throws: `providerUnavailable`, with what came instead.
    func ask(_ client: OAuthClient, _ token: borrowing SecretBytes) async throws(OAuthError) -> JSONValue? {
        guard let address = try client.knownEndpoints().profile else { return nil }
        var request = HTTPRequest(.get, address.description, deadline: ProfileRequest.deadline)
        request.bearer = token.duplicate()
        let response: HTTPResponse
        do throws(HTTPFailure) { response = try await http.send(request) } catch {
            throw OAuthError(
                .providerUnavailable, "the profile of \(client.provider) could not be asked: \(error)",
                remedy: "log in again: ai-usage-agent auth login \(client.provider)")
        }
        let value = try? JSONValue(parsing: response.body)
        guard response.status == 200, let value, value.object != nil else {
            throw OAuthError(
                .providerUnavailable, "the profile of \(client.provider) could not be read: status \(response.status)",
                remedy: "log in again later: ai-usage-agent auth login \(client.provider)")
        }
        return value
    }
}
