import Platform

/// What one poll came to (RFC 8628 section 3.5).
enum DevicePoll: ~Copyable, Sendable {
    case pending
    case slowDown(retryAfter: Int?)
    case denied(description: String?)
    case expired
    /// No answer, or one that says nothing about the login: asked again, less often.
    case unreachable(reason: String)
    /// The server's last word, the tokens included.
    case answered(TokenOutcome)
    /// An authorization code and its verifier, to be exchanged (`DeviceDialect.exchangedCode`).
    case code(SecretBytes, verifier: SecretBytes)
}

/// The two requests of a device login, in either dialect; bodies are built and read in protected memory.
struct DeviceEndpoint: Sendable {
    let http: any HTTPSending
    let deadline: Duration

    /// Asks for a code (RFC 8628 section 3.1). Nothing is spent by it.
    ///
    /// - Throws: `configurationInvalid` where the server has no such login, `clientRefused`, `network`, `rateLimited`,
    ///   `providerUnavailable`.
    func begin(_ client: OAuthClient) async throws(OAuthError) -> DeviceAuthorization {
        guard let address = try client.knownEndpoints().deviceAuthorization else {
            throw DeviceEndpoint.missing(client, "its server names no device_authorization_endpoint")
        }
        var request = HTTPRequest(.post, address.description, deadline: deadline)
        switch client.deviceDialect {
        case .standard:
            var body = SecretBuffer()
            body.append("client_id=" + WebAddress.encode(client.clientId))
            if !client.scopes.isEmpty { body.append("&scope=" + WebAddress.encode(client.scopes.joined(separator: " "))) }
            request.body = body.finish()
            request.contentType = "application/x-www-form-urlencoded"
        case .exchangedCode:
            var writer = SecretJSONWriter()
            writer.member("client_id", .string(client.clientId))
            request.body = writer.finish()
            request.contentType = "application/json"
        }
        let response: HTTPResponse
        do throws(HTTPFailure) { response = try await http.send(request) } catch {
            throw OAuthError(.network, "\(client.provider) could not be reached: \(error)", remedy: "check the network, then log in again")
        }
        if (200..<300).contains(response.status) {
            do throws(TokenResponse.Malformed) {
                return try DeviceAuthorization(response.body.duplicate(), client.deviceDialect)
            } catch {
                throw OAuthError(
                    .providerUnavailable, "\(client.provider) gave no code for a device: \(error.reason)",
                    remedy: "log in with a browser: ai-usage-agent auth login \(client.provider)")
            }
        }
        throw DeviceEndpoint.refusal(response, client)
    }

    private static func refusal(_ response: borrowing HTTPResponse, _ client: OAuthClient) -> OAuthError {
        let problem = ServerProblem(response.body)
        let words =
            "\(client.provider) gave no code for a device: the server answered \(response.status)"
            + (problem.map { ": \($0)" } ?? (response.isHTML ? " with a web page" : ""))
        let clientRefusals = ["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_request"]
        if let code = problem?.code, clientRefusals.contains(code) {
            return OAuthError(
                .clientRefused, words, remedy: "the client must be registered for the device flow: check clientId in config.json")
        }
        switch response.status {
        case 404: return missing(client, "the server answered 404")
        case 429:
            return OAuthError(
                .rateLimited, words, remedy: "try again later: ai-usage-agent auth login \(client.provider) --device",
                retryAfter: response.retryAfter)
        default:
            return OAuthError(
                .providerUnavailable, words, remedy: "try again later, or with a browser: ai-usage-agent auth login \(client.provider)",
                retryAfter: response.retryAfter)
        }
    }

    private static func missing(_ client: OAuthClient, _ why: String) -> OAuthError {
        OAuthError(
            .configurationInvalid, "\(client.provider) has no device login: \(why)",
            remedy:
                "log in with a browser (ai-usage-agent auth login \(client.provider)), or name endpoints.deviceAuthorization in config.json"
        )
    }

    /// Asks once whether the person has approved.
    ///
    /// - Parameter within: what is left of the login.
    /// - Throws: `network` for what no later poll would mend: a certificate that is refused, an unusable address.
    func poll(
        _ authorization: borrowing DeviceAuthorization, _ client: OAuthClient, within: Duration
    ) async throws(OAuthError) -> DevicePoll {
        var request = try pollRequest(authorization, client)
        request.deadline = min(deadline, within)
        do throws(HTTPFailure) {
            let response = try await http.send(request)
            // A server that repeats what it was sent must not get it printed.
            let echoes = response.body.withBytes { body in authorization.deviceCode.withBytes { body.contains($0) } }
            return DeviceEndpoint.classify(response, client, quoting: !echoes)
        } catch {
            if error.kind == .configuration || error.kind == .tls {
                throw OAuthError(
                    .network, "\(client.provider) could not be asked: \(error)", remedy: "check the network, then log in again")
            }
            return .unreachable(reason: error.description)
        }
    }

    private func pollRequest(_ authorization: borrowing DeviceAuthorization, _ client: OAuthClient) throws(OAuthError) -> HTTPRequest {
        switch client.deviceDialect {
        case .standard:
            var request = HTTPRequest(.post, try client.knownEndpoints().token.description, deadline: deadline)
            var body = SecretBuffer()
            body.append("grant_type=" + WebAddress.encode("urn:ietf:params:oauth:grant-type:device_code"))
            body.append("&client_id=" + WebAddress.encode(client.clientId) + "&device_code=")
            WebAddress.encode(secret: authorization.deviceCode, into: &body)
            request.body = body.finish()
            request.contentType = "application/x-www-form-urlencoded"
            return request
        case .exchangedCode(let poll, _, _, _, _):
            var request = HTTPRequest(.post, poll.description, deadline: deadline)
            var writer = SecretJSONWriter()
            writer.member("device_auth_id", secret: authorization.deviceCode)
            writer.member("user_code", .string(authorization.userCode))
            request.body = writer.finish()
            request.contentType = "application/json"
            return request
        }
    }

    /// The meaning of a whole answer. The code decides before the status: some servers answer "pending" with 200.
    static func classify(_ response: consuming HTTPResponse, _ client: OAuthClient, quoting: Bool) -> DevicePoll {
        let status = response.status
        let isSuccess = (200..<300).contains(status)
        // An answer that may hold tokens is never copied into ordinary memory.
        let problem = isSuccess ? nil : ServerProblem(response.body)
        let code = isSuccess ? DeviceEndpoint.errorCode(response.body) : problem?.code
        switch code.map({ plain($0, client.deviceDialect) }) {
        case "authorization_pending": return .pending
        case "slow_down": return .slowDown(retryAfter: response.retryAfter)
        case "access_denied": return .denied(description: quoting ? problem?.message.map { TerminalText.escape($0) } : nil)
        case "expired_token", "expired", "not_found": return .expired
        default: break
        }
        let isHTML = response.isHTML
        if status == 429 { return .slowDown(retryAfter: response.retryAfter) }
        if status >= 500 || isHTML && !isSuccess {
            return .unreachable(reason: "the server answered \(status)" + (isHTML ? " with a web page" : ""))
        }
        guard case .exchangedCode = client.deviceDialect else {
            return .answered(TokenEndpoint.classify(response, client, quoting: quoting))
        }
        if isSuccess { return exchangeable(response.body.duplicate()) }
        // This dialect has no word for "not yet" that it always says.
        if status == 403 || status == 404 { return .pending }
        return .answered(TokenEndpoint.classify(response, client, quoting: quoting))
    }

    /// A code as RFC 8628 has it, without what the dialect puts before it.
    private static func plain(_ code: String, _ dialect: DeviceDialect) -> String {
        guard case .exchangedCode(_, _, _, _, let prefix) = dialect, code.hasPrefix(prefix) else { return code }
        return String(code.dropFirst(prefix.count))
    }

    private static func errorCode(_ body: borrowing SecretBytes) -> String? {
        guard let document = try? TokenResponse.read(body.duplicate()) else { return nil }
        return document.text(at: "error")?.lowercased()
    }

    private static func exchangeable(_ body: consuming SecretBytes) -> DevicePoll {
        do throws(TokenResponse.Malformed) {
            let document = try TokenResponse.read(body)
            guard document.isObject(document.root), let code = try TokenResponse.token("authorization_code", in: document),
                let verifier = try TokenResponse.token("code_verifier", in: document)
            else { throw TokenResponse.Malformed(reason: "the answer has no authorization_code and code_verifier") }
            return .code(code, verifier: verifier)
        } catch { return .answered(.ambiguous(reason: error.reason)) }
    }
}
