package import Platform

/// Asks a server where its endpoints are: OpenID Connect Discovery 1.0, then RFC 8414.
package struct Discovery: Sendable {
    let http: any HTTPSending

    package init(http: any HTTPSending) { self.http = http }

    /// The client with its endpoints filled in; those that configuration named stay as they are.
    ///
    /// - Parameters:
    ///   - withRevocation: look further for a revocation endpoint (login, revocation), which may cost a second request.
    ///   - withDevice: the same for a device authorization endpoint (RFC 8628 section 4).
    /// - Throws: `configurationInvalid` when the document is not the issuer's own, `network`, `providerUnavailable`.
    package func complete(
        _ client: OAuthClient, overrides: [String: WebAddress], withRevocation: Bool = false, withDevice: Bool = false
    ) async throws(OAuthError) -> OAuthClient {
        if client.endpoints != nil { return client }
        guard let issuer = client.issuer, let address = WebAddress(issuer) else {
            throw OAuthError(
                .configurationInvalid, "provider \(client.provider) has neither an issuer nor endpoints",
                remedy: "ai-usage-agent config validate")
        }
        let document = try await fetch(issuer, address)
        // RFC 8414 section 3.3: another issuer's document would send our codes to another issuer's server.
        guard document["issuer"].string == issuer else {
            throw OAuthError(
                .configurationInvalid,
                "the server at \(issuer) calls itself \(TerminalText.escape(document["issuer"].string ?? "nothing"))",
                remedy: "set the issuer of \(client.provider) in config.json to exactly what the server calls itself")
        }
        let issuerIsSecure = address.isSecure
        func endpoint(_ name: String, _ member: String) throws(OAuthError) -> WebAddress? {
            if let override = overrides[name] { return override }
            guard let text = document[member].string else { return nil }
            // A document must not send an https issuer's codes to a plain port, not even on this machine.
            guard let address = WebAddress(text), address.isSecure || (address.isLoopback && !issuerIsSecure) else {
                throw OAuthError(
                    .configurationInvalid, "the server names an unusable \(member): \(TerminalText.escape(text))", remedy: Discovery.remedy)
            }
            return address
        }
        guard let authorization = try endpoint("authorization", "authorization_endpoint"),
            let token = try endpoint("token", "token_endpoint")
        else {
            throw OAuthError(
                .configurationInvalid, "the discovery document of \(issuer) names no authorization or token endpoint",
                remedy: Discovery.remedy)
        }
        if let methods = document["code_challenge_methods_supported"].array, !methods.contains("S256") {
            throw OAuthError(
                .configurationInvalid, "the server at \(issuer) does not support PKCE with S256, which this program needs",
                remedy: "ask who runs it for PKCE (RFC 7636)")
        }
        var endpoints = ServerEndpoints(authorization: authorization, token: token)
        endpoints.revocation = try endpoint("revocation", "revocation_endpoint")
        // What a browser login and a refresh do not need must not stop them either.
        if withDevice { endpoints.deviceAuthorization = try endpoint("deviceAuthorization", "device_authorization_endpoint") }
        // OpenID Connect Discovery knows neither; servers that keep to it name theirs in RFC 8414's document only.
        if withRevocation && endpoints.revocation == nil || withDevice && endpoints.deviceAuthorization == nil {
            let metadata = await metadata(issuer, address)
            endpoints.revocation = endpoints.revocation ?? metadata["revocation_endpoint"]
            endpoints.deviceAuthorization = endpoints.deviceAuthorization ?? metadata["device_authorization_endpoint"]
        }
        endpoints.usage = overrides["usage"]
        endpoints.profile = overrides["profile"]
        endpoints.sendsIssuer = document["authorization_response_iss_parameter_supported"].bool ?? false
        var completed = client
        completed.endpoints = endpoints
        return completed
    }

    /// The usable endpoints that RFC 8414's document of the issuer names; none when there is no such document, which is no failure.
    private func metadata(_ issuer: String, _ address: WebAddress) async -> [String: WebAddress] {
        var request = HTTPRequest(.get, Discovery.metadataPlace(address), deadline: .seconds(5))
        request.bodyLimit = 256 << 10
        guard let response = try? await http.send(request), response.status == 200,
            let document = try? JSONValue(parsing: response.body),
            document["issuer"].string == issuer
        else { return [:] }
        var found: [String: WebAddress] = [:]
        for name in ["revocation_endpoint", "device_authorization_endpoint"] {
            guard let named = document[name].string.flatMap({ WebAddress($0) }) else { continue }
            if named.isSecure || !address.isSecure && named.isLoopback { found[name] = named }
        }
        return found
    }

    /// RFC 8414 section 3.1 puts its path before the issuer's.
    private static func metadataPlace(_ address: WebAddress) -> String {
        let path = address.path == "/" ? "" : (address.path.hasSuffix("/") ? String(address.path.dropLast()) : address.path)
        return address.origin + "/.well-known/oauth-authorization-server" + path
    }

    private static let remedy = "name the endpoints in config.json (providers.NAME.endpoints), or correct the issuer there"

    private func fetch(_ issuer: String, _ address: WebAddress) async throws(OAuthError) -> JSONValue {
        let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
        let places = [base + "/.well-known/openid-configuration", Discovery.metadataPlace(address)]
        var last = OAuthError(.providerUnavailable, "\(issuer) has no discovery document", remedy: Discovery.remedy)
        for place in places {
            let response: HTTPResponse
            do throws(HTTPFailure) {
                var request = HTTPRequest(.get, place, deadline: .seconds(15))
                request.bodyLimit = 256 << 10
                response = try await http.send(request)
            } catch {
                throw OAuthError(
                    .network, "discovery of \(issuer) failed: \(error)", remedy: "check the network and the issuer in config.json")
            }
            guard response.status == 200 else {
                last = OAuthError(
                    .providerUnavailable, "\(place) answered \(response.status)",
                    remedy: Discovery.remedy)
                continue
            }
            guard let value = try? JSONValue(parsing: response.body),
                value.object != nil
            else {
                last = OAuthError(
                    .providerUnavailable, "\(place) answered something that is no discovery document", remedy: Discovery.remedy)
                continue
            }
            return value
        }
        throw last
    }
}
