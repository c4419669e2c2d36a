package import Platform

/// What a request to a token endpoint came to (docs/rotation.md, step 5).
package enum TokenOutcome: ~Copyable, Sendable {
    case granted(TokenResponse)
    /// The grant is dead for good.
    case refused(reason: String)
    /// The server refuses this client, not this token.
    case clientRefused(reason: String)
    /// A whole answer that changes nothing: ask again later. `retryAfter`: seconds, where the server names them.
    case transient(reason: String, retryAfter: Int?, rateLimited: Bool)
    /// The request may have been carried out, and we do not know.
    case ambiguous(reason: String)
    /// The request never left: asking again is safe.
    case notSent(reason: String)
}

/// Speaks to a token endpoint: bodies built and answers read in protected memory, one request, no second try.
package struct TokenEndpoint: Sendable {
    let http: any HTTPSending
    /// `network.timeoutSeconds`, never above 30.
    let deadline: Duration

    /// - Parameter deadline: of one request; more than 30 s is cut to 30 s.
    package init(http: any HTTPSending, deadline: Duration) {
        self.http = http
        self.deadline = min(deadline, .seconds(30))
    }

    /// RFC 6749 section 4.1.3 with the verifier of RFC 7636 section 4.5.
    ///
    /// - Parameter state: of the authorization request, for servers that want it here as well.
    /// - Throws: only for what is wrong here, before anything is sent; every answer and every silence is an outcome.
    package func exchange(
        code: borrowing SecretBytes, verifier: borrowing SecretBytes, redirectURI: String, state: String? = nil, client: OAuthClient
    ) async throws(OAuthError) -> TokenOutcome {
        if client.sendsJSON {
            var writer = SecretJSONWriter()
            writer.member("grant_type", "authorization_code")
            writer.member("client_id", .string(client.clientId))
            writer.member("code", secret: code)
            writer.member("redirect_uri", .string(redirectURI))
            writer.member("code_verifier", secret: verifier)
            writer.member("state", .optional(state))
            return try await post(writer.finish(), client, deadline, [Sent(code), Sent(verifier)])
        }
        var body = SecretBuffer(capacity: 4096)
        body.append("grant_type=authorization_code&client_id=" + WebAddress.encode(client.clientId))
        body.append("&redirect_uri=" + WebAddress.encode(redirectURI) + "&code=")
        WebAddress.encode(secret: code, into: &body)
        body.append("&code_verifier=")
        WebAddress.encode(secret: verifier, into: &body)
        return try await post(body.finish(), client, deadline, [Sent(code), Sent(verifier)])
    }

    /// RFC 6749 section 6; the scope is left out, so that it stays what was granted.
    ///
    /// - Parameter within: what is left of the flight.
    /// - Throws: as `exchange`.
    package func refresh(
        _ refreshToken: borrowing SecretBytes, client: OAuthClient, within: Duration = .seconds(30)
    ) async throws(OAuthError) -> TokenOutcome {
        if client.sendsJSON {
            var writer = SecretJSONWriter()
            writer.member("grant_type", "refresh_token")
            writer.member("client_id", .string(client.clientId))
            writer.member("refresh_token", secret: refreshToken)
            return try await post(writer.finish(), client, within, [Sent(refreshToken)])
        }
        var body = SecretBuffer(capacity: 4096)
        body.append("grant_type=refresh_token&client_id=" + WebAddress.encode(client.clientId) + "&refresh_token=")
        WebAddress.encode(secret: refreshToken, into: &body)
        return try await post(body.finish(), client, within, [Sent(refreshToken)])
    }

    private func post(_ body: consuming SecretBytes, _ client: OAuthClient, _ within: Duration, _ secrets: [Sent]) async throws(OAuthError)
        -> TokenOutcome
    {
        var request = HTTPRequest(.post, try client.knownEndpoints().token.description, deadline: min(deadline, within))
        request.contentType = client.sendsJSON ? "application/json" : "application/x-www-form-urlencoded"
        request.body = consume body
        request.takesLateAnswer = true
        do throws(HTTPFailure) {
            let response = try await http.send(request)
            // A server that repeats what it was sent must not get it printed or stored.
            let echoes = secrets.contains { secret in response.body.withBytes { body in secret.secret.withBytes { body.contains($0) } } }
            return TokenEndpoint.classify(response, client, quoting: !echoes)
        } catch {
            if error.kind == .configuration { throw OAuthError(.network, error.description, remedy: "check network in config.json") }
            return error.mayHaveBeenSent ? .ambiguous(reason: error.description) : .notSent(reason: error.description)
        }
    }

    /// A secret of the request, kept until the answer is judged.
    private final class Sent: Sendable {
        let secret: SecretBytes
        init(_ secret: borrowing SecretBytes) { self.secret = secret.duplicate() }
    }

    /// The class of a whole answer.
    ///
    /// - Parameter quoting: may the server's own words be passed on? Its known codes always are.
    static func classify(_ response: consuming HTTPResponse, _ client: OAuthClient, quoting: Bool = true) -> TokenOutcome {
        let status = response.status
        let retryAfter = response.retryAfter
        if (200..<300).contains(status) {
            do throws(TokenResponse.Malformed) {
                return .granted(try TokenResponse(response.body.duplicate()))
            } catch { return .ambiguous(reason: "the server answered \(status), but \(error.reason)") }
        }
        let isHTML = response.isHTML
        let problem = ServerProblem(response.body)
        let quoted = quoting ? problem?.description : nil
        let words = "the server answered \(status)" + (quoted.map { ": \($0)" } ?? (isHTML ? " with a web page" : ""))
        switch status {
        case 400, 401:
            if let code = problem?.code {
                if code == invalidGrant || client.refusalCodes.contains(code) { return .refused(reason: code) }
                if clientRefusals.contains(code) { return .clientRefused(reason: words) }
            }
            if status == 401, client.treats401AsRefusal, !isHTML {
                let code = quoting ? problem?.code.map { TerminalText.escape($0, limit: 100) } : nil
                return .refused(reason: code ?? "status 401")
            }
            return .transient(reason: words, retryAfter: retryAfter, rateLimited: false)
        case 429: return .transient(reason: words, retryAfter: retryAfter, rateLimited: true)
        default: return .transient(reason: words, retryAfter: retryAfter, rateLimited: false)
        }
    }

    /// RFC 6749 section 5.2.
    private static let invalidGrant = "invalid_grant"
    private static let clientRefusals: Set<String> = [
        "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_request",
    ]
}

/// The error that an authorization server or API put into its JSON body.
package struct ServerProblem: Sendable, Equatable, CustomStringConvertible {
    /// Lower case.
    package let code: String?
    /// In the server's words; `description` makes them safe to show.
    package let message: String?

    /// Looks where servers put it: error.code, error, code, detail. Nil if the body says nothing.
    package init?(_ body: borrowing SecretBytes) {
        guard let value = try? JSONValue(parsing: body) else { return nil }
        let error = value["error"]
        code = (error["code"].string ?? error.string ?? error["type"].string ?? value["code"].string)?.lowercased()
        message = value["error_description"].string ?? error["message"].string ?? value["detail"].string ?? value["message"].string
        if code == nil && message == nil { return nil }
    }

    package var description: String {
        TerminalText.escape([code, message].compactMap { $0 }.joined(separator: ": "))
    }
}
