import Platform
import Testing

@testable import OAuth

@Suite("Discovery believes a server only about itself")
struct DiscoveryTests {
    static let issuer = "https://id.example.org"

    static func document(_ change: JSONObject = [:]) -> String {
        var object: JSONObject = [
            "issuer": .string(issuer), "authorization_endpoint": "https://id.example.org/a", "token_endpoint": "https://id.example.org/t",
            "revocation_endpoint": "https://id.example.org/r", "code_challenge_methods_supported": ["plain", "S256"],
            "authorization_response_iss_parameter_supported": true,
        ]
        for member in change.members { object[member.name] = member.value }
        return JSONValue.object(object).compact
    }

    static func complete(_ server: OAuthServer, issuer: String = issuer, overrides: [String: String] = [:]) async throws(OAuthError)
        -> OAuthClient
    {
        let client = VaultHouse.client {
            $0.endpoints = nil
            $0.issuer = issuer
        }
        return try await Discovery(http: server).complete(client, overrides: overrides.mapValues { WebAddress($0)! })
    }

    static func refusal(_ steps: OAuthServer.Step..., issuer: String = issuer, overrides: [String: String] = [:]) async -> OAuthError? {
        do throws(OAuthError) {
            _ = try await complete(OAuthServer(steps), issuer: issuer, overrides: overrides)
            return nil
        } catch { return error }
    }

    @Test("The OpenID document fills in the endpoints")
    func openID() async throws {
        let server = OAuthServer([.reply(200, DiscoveryTests.document())])
        let endpoints = try #require(try await DiscoveryTests.complete(server).endpoints)
        #expect(endpoints.authorization.description == "https://id.example.org/a")
        #expect(endpoints.token.description == "https://id.example.org/t")
        #expect(endpoints.revocation?.description == "https://id.example.org/r")
        #expect(endpoints.sendsIssuer)
        #expect(endpoints.usage == nil)
        let seen = await server.seen
        #expect(seen.map(\.url) == ["https://id.example.org/.well-known/openid-configuration"])
        #expect(seen.first?.method == "GET")
    }

    /// The issuer, and where its documents are looked for (OpenID Discovery 4, RFC 8414 section 3.1).
    static let places: [(String, String, String)] = [
        (
            "https://id.example.org", "https://id.example.org/.well-known/openid-configuration",
            "https://id.example.org/.well-known/oauth-authorization-server"
        ),
        (
            "https://id.example.org/", "https://id.example.org/.well-known/openid-configuration",
            "https://id.example.org/.well-known/oauth-authorization-server"
        ),
        (
            "https://h.example/realms/a", "https://h.example/realms/a/.well-known/openid-configuration",
            "https://h.example/.well-known/oauth-authorization-server/realms/a"
        ),
        (
            "https://h.example/realms/a/", "https://h.example/realms/a/.well-known/openid-configuration",
            "https://h.example/.well-known/oauth-authorization-server/realms/a"
        ),
        (
            "http://127.0.0.1:8080", "http://127.0.0.1:8080/.well-known/openid-configuration",
            "http://127.0.0.1:8080/.well-known/oauth-authorization-server"
        ),
    ]

    @Test("Where there is no OpenID document, the one of RFC 8414 is asked for", arguments: places)
    func fallback(_ issuer: String, _ first: String, _ second: String) async throws {
        let server = OAuthServer([.reply(404, ""), .reply(200, DiscoveryTests.document(["issuer": .string(issuer)]))])
        _ = try await DiscoveryTests.complete(server, issuer: issuer)
        #expect(await server.seen.map(\.url) == [first, second])
    }

    @Test(
        "A web page or a broken document is none, and the second place is tried",
        arguments: ["<html>", "", "[]", "{", #"{"issuer":1,"issuer":2}"#])
    func page(_ body: String) async throws {
        let server = OAuthServer([.reply(200, body, headers: ["content-type": "text/html"]), .reply(200, DiscoveryTests.document())])
        #expect(try await DiscoveryTests.complete(server).endpoints?.token.path == "/t")
        let error = await DiscoveryTests.refusal(.reply(200, body), .reply(200, body))
        #expect(error?.code == .providerUnavailable)
    }

    @Test("A redirect is not followed", arguments: [301, 302, 307])
    func redirect(_ status: Int) async {
        let elsewhere = ["location": "https://evil.example/.well-known/openid-configuration"]
        #expect(
            await DiscoveryTests.refusal(.reply(status, "", headers: elsewhere), .reply(status, "", headers: elsewhere))?.code
                == .providerUnavailable)
    }

    /// A change of the document that makes it unusable, and a word of the reason.
    static let unusable: [(JSONObject, String)] = [
        (["issuer": "https://evil.example"], "calls itself https://evil.example"), (["issuer": "https://id.example.org/"], "calls itself"),
        (["issuer": "HTTPS://id.example.org"], "calls itself"), (["issuer": nil], "calls itself nothing"),
        (["issuer": ["https://id.example.org"]], "calls itself nothing"),
        (["issuer": "\u{1B}[2J"], "\\u{1b}[2J"),
        (["token_endpoint": "http://id.example.org/t"], "unusable token_endpoint"),
        (["authorization_endpoint": "http://id.example.org/a"], "unusable authorization_endpoint"),
        (["revocation_endpoint": "http://id.example.org/r"], "unusable revocation_endpoint"),
        (["token_endpoint": "https://u@id.example.org/t"], "unusable token_endpoint"),
        (["token_endpoint": "/t"], "unusable token_endpoint"), (["token_endpoint": "javascript:x"], "unusable token_endpoint"),
        (["token_endpoint": nil], "names no authorization or token endpoint"),
        (["authorization_endpoint": 5], "names no authorization or token endpoint"),
        (["code_challenge_methods_supported": ["plain"]], "does not support PKCE"),
        (["code_challenge_methods_supported": []], "does not support PKCE"),
    ]

    @Test("Another issuer's document, plain http and a server without S256 are refused", arguments: 0..<16)
    func refused(_ index: Int) async {
        #expect(DiscoveryTests.unusable.count == 16)
        let (change, reason) = DiscoveryTests.unusable[index]
        let error = await DiscoveryTests.refusal(.reply(200, DiscoveryTests.document(change)))
        #expect(error?.code == .configurationInvalid)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "accepted")")
    }

    @Test("A document that does not speak of PKCE methods is accepted, and iss is then not demanded")
    func silent() async throws {
        let document = DiscoveryTests.document([
            "code_challenge_methods_supported": nil, "authorization_response_iss_parameter_supported": nil,
        ])
        #expect(try await DiscoveryTests.complete(OAuthServer([.reply(200, document)])).endpoints?.sendsIssuer == false)
    }

    @Test("Plain http on this machine is usable where the issuer is plain http on this machine, and nowhere else")
    func loopback() async throws {
        let change: JSONObject = [
            "token_endpoint": "http://127.0.0.1:9/t", "authorization_endpoint": "http://localhost:9/a", "revocation_endpoint": nil,
        ]
        // An https issuer's document must not send codes to a plain port, not even here.
        #expect(await DiscoveryTests.refusal(.reply(200, DiscoveryTests.document(change)))?.code == .configurationInvalid)
        var local = change
        local["issuer"] = "http://127.0.0.1:9"
        let server = OAuthServer([.reply(200, DiscoveryTests.document(local))])
        let endpoints = try #require(try await DiscoveryTests.complete(server, issuer: "http://127.0.0.1:9").endpoints)
        #expect(endpoints.token.description == "http://127.0.0.1:9/t")
        #expect(endpoints.revocation == nil)
    }

    @Test("Endpoints that configuration names win over the document's, even unusable ones")
    func overrides() async throws {
        let server = OAuthServer([.reply(200, DiscoveryTests.document(["token_endpoint": "http://evil.example/t"]))])
        let named = [
            "token": "https://gw.example/t", "usage": "https://gw.example/u", "profile": "https://gw.example/p",
            "revocation": "https://gw.example/r",
        ]
        let endpoints = try #require(try await DiscoveryTests.complete(server, overrides: named).endpoints)
        #expect(endpoints.token.host == "gw.example")
        #expect(endpoints.authorization.host == "id.example.org")
        #expect(
            endpoints.origins == [
                "token": "https://gw.example", "usage": "https://gw.example", "profile": "https://gw.example",
                "revocation": "https://gw.example",
            ])
    }

    /// Where the device endpoint is named, and what is found: nothing on a plain port, and only what the issuer itself says.
    static let devices: [(openID: JSONValue, metadata: JSONObject, found: String?)] = [
        ("https://id.example.org/d", [:], "https://id.example.org/d"),
        (nil, ["device_authorization_endpoint": "https://id.example.org/m"], "https://id.example.org/m"), (nil, [:], nil),
        (nil, ["device_authorization_endpoint": "http://id.example.org/m"], nil),
        (nil, ["device_authorization_endpoint": "http://127.0.0.1:9/m"], nil),
        (nil, ["device_authorization_endpoint": "https://id.example.org/m", "issuer": "https://evil.example"], nil),
    ]

    @Test(
        "A device endpoint is looked for in the OpenID document, then in the one of RFC 8414, and only when it is wanted", arguments: 0..<6)
    func device(_ index: Int) async throws {
        let (openID, metadata, found) = DiscoveryTests.devices[index]
        let client = VaultHouse.client { $0.endpoints = nil }
        func complete(_ server: OAuthServer, wanted: Bool, _ overrides: [String: WebAddress] = [:]) async throws -> WebAddress? {
            try await Discovery(http: server).complete(client, overrides: overrides, withDevice: wanted).endpoints?.deviceAuthorization
        }
        let first = OAuthServer.Step.reply(200, DiscoveryTests.document(["device_authorization_endpoint": openID]))
        let second = OAuthServer.Step.reply(200, DiscoveryTests.document(metadata))
        let server = OAuthServer([first] + (openID.isNull ? [second] : []))
        #expect(try await complete(server, wanted: true)?.description == found)
        #expect(await server.seen.map(\.url).last?.hasSuffix("oauth-authorization-server") == openID.isNull)
        // Another login does without the second request, and configuration wins over both.
        let quick = OAuthServer([first])
        _ = try await complete(quick, wanted: false)
        #expect(await quick.count == 1)
        let named = WebAddress("https://gw.example/d")!
        #expect(try await complete(OAuthServer([first]), wanted: true, ["deviceAuthorization": named]) == named)
    }

    @Test("An unusable device endpoint is refused where it is wanted, and is nothing to any other login")
    func unusableDevice() async throws {
        let client = VaultHouse.client { $0.endpoints = nil }
        let document = OAuthServer.Step.reply(
            200, DiscoveryTests.document(["device_authorization_endpoint": "http://id.example.org/d"]))
        let error = await #expect(throws: OAuthError.self) {
            try await Discovery(http: OAuthServer([document])).complete(client, overrides: [:], withDevice: true)
        }
        #expect(error?.code == .configurationInvalid && error?.message.contains("device_authorization_endpoint") == true)
        let other = try await Discovery(http: OAuthServer([document])).complete(client, overrides: [:])
        #expect(other.endpoints?.token.path == "/t" && other.endpoints?.deviceAuthorization == nil)
    }

    @Test("A client whose endpoints are known asks nobody; one with neither endpoints nor issuer is a configuration error")
    func noRequest() async throws {
        let server = OAuthServer()
        let client = try await Discovery(http: server).complete(VaultHouse.client(), overrides: [:])
        #expect(client.endpoints == VaultHouse.client().endpoints)
        let error = await #expect(throws: OAuthError.self) {
            try await Discovery(http: server).complete(
                VaultHouse.client {
                    $0.endpoints = nil
                    $0.issuer = nil
                }, overrides: [:])
        }
        #expect(error?.code == .configurationInvalid)
        #expect(await server.count == 0)
    }

    @Test("A network that fails is the network's fault")
    func network() async {
        #expect(await DiscoveryTests.refusal(.failure(.resolve, sent: false))?.code == .network)
        #expect(await DiscoveryTests.refusal(.reply(500, ""), .reply(503, ""))?.code == .providerUnavailable)
    }
}
