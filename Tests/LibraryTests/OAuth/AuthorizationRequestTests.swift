import Platform
import Providers
import Testing

@testable import OAuth

@Suite("An authorization request sends fresh secrets and the parameters its server knows")
struct AuthorizationRequestTests {
    /// The query of the address, in its order.
    static func fields(_ request: borrowing AuthorizationRequest) throws -> [(name: String, value: String)] {
        let query = try #require(WebAddress(try request.url())?.query)
        return try query.split(separator: "&").map { pair in
            let decoded = try #require(WebAddress.decodeForm(String(pair))?.first)
            return (decoded.key, decoded.value)
        }
    }

    @Test("The challenge is the unpadded base64url of the SHA-256 of the verifier (RFC 7636)")
    func challenge() throws {
        let request = AuthorizationRequest(client: VaultHouse.client(), redirectURI: "http://127.0.0.1:1/callback")
        let verifier = oauthText(request.verifier)
        let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let isPlain = verifier.allSatisfy(alphabet.contains)
        #expect(verifier.count == 43)
        #expect(isPlain)
        let expected = Base64.encode(SHA256.hash(Array(verifier.utf8).span).span, .urlSafe)
        let challenge = request.challenge
        #expect(challenge == expected)
        #expect(challenge.count == 43)
        let sent = Dictionary(uniqueKeysWithValues: try AuthorizationRequestTests.fields(request).map { ($0.name, $0.value) })
        #expect(sent["code_challenge"] == expected)
        #expect(sent["code_challenge_method"] == "S256")
        // The computation itself against RFC 7636 appendix B.
        #expect(
            Base64.encode(SHA256.hash(Array("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".utf8).span).span, .urlSafe)
                == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    }

    @Test("Verifier, state and nonce are different, 32 bytes each, and new for every login; the verifier is not in the address")
    func secrets() throws {
        var seen: Set<String> = []
        for _ in 0..<50 {
            let request = AuthorizationRequest(client: VaultHouse.client { $0.isOpenID = true }, redirectURI: "http://127.0.0.1:1/callback")
            let secrets = [oauthText(request.verifier), request.state, request.nonce ?? ""]
            #expect(secrets.allSatisfy { $0.count == 43 && Base64.decode($0, .urlSafe)?.count == 32 })
            seen.formUnion(secrets)
            let url = try request.url()
            #expect(!url.contains(secrets[0]))
            #expect(url.contains("state=" + secrets[1]))
            #expect(url.contains("nonce=" + secrets[2]))
        }
        #expect(seen.count == 150)
    }

    @Test("Codex gets exactly the parameters it knows, in that order, and no nonce")
    func codex() throws {
        let client = try CodexProvider(ProviderSettings()).client()
        let request = AuthorizationRequest(client: client, redirectURI: client.redirect.uri(port: 1455))
        let url = try request.url()
        let fields = try AuthorizationRequestTests.fields(request)
        let (challenge, state) = (request.challenge, request.state)
        #expect(url.hasPrefix("https://auth.openai.com/oauth/authorize?response_type=code&client_id=app_EMoamEEZ73f0CkXaXp7hrann&"))
        let expected = [
            "response_type=code", "client_id=app_EMoamEEZ73f0CkXaXp7hrann", "redirect_uri=http://localhost:1455/auth/callback",
            "scope=openid profile email offline_access", "code_challenge=\(challenge)", "code_challenge_method=S256", "state=\(state)",
            "id_token_add_organizations=true", "codex_cli_simplified_flow=true", "originator=ai-usage-agent",
        ]
        #expect(fields.map { "\($0.name)=\($0.value)" } == expected)
        #expect(client.redirect.ports == [1455, 1457])
        #expect(client.clientIdIsObserved)
        // Blanks and slashes are percent-encoded, never +.
        #expect(url.contains("scope=openid%20profile%20email%20offline_access&"))
        #expect(url.contains("redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback&"))
    }

    @Test("A nonce is sent for OpenID and for nothing else", arguments: [true, false])
    func nonce(_ isOpenID: Bool) throws {
        let request = AuthorizationRequest(client: VaultHouse.client { $0.isOpenID = isOpenID }, redirectURI: "http://127.0.0.1:1/callback")
        let hasNonce = request.nonce != nil
        #expect(hasNonce == isOpenID)
        #expect(try request.url().contains("nonce=") == isOpenID)
    }

    @Test("An authorization endpoint that has a query keeps it")
    func existingQuery() throws {
        let client = VaultHouse.client { $0.endpoints?.authorization = WebAddress("https://id.example.org/authorize?tenant=7")! }
        let url = try AuthorizationRequest(client: client, redirectURI: "http://[::1]:9/callback").url()
        #expect(
            url.hasPrefix(
                "https://id.example.org/authorize?tenant=7&response_type=code&client_id=cli&redirect_uri=http%3A%2F%2F%5B%3A%3A1%5D%3A9%2Fcallback&"
            ))
    }

    @Test("What configuration says cannot add a parameter")
    func encoding() throws {
        let client = VaultHouse.client {
            $0.clientId = "cli&state=x#y"
            $0.scopes = ["a&b", "c=d"]
        }
        let request = AuthorizationRequest(client: client, redirectURI: "http://127.0.0.1:1/callback")
        let fields = try AuthorizationRequestTests.fields(request)
        #expect(
            fields.map(\.name) == [
                "response_type", "client_id", "redirect_uri", "scope", "code_challenge", "code_challenge_method", "state",
            ])
        #expect(fields[1].value == "cli&state=x#y")
        #expect(fields[3].value == "a&b c=d")
    }

    @Test("Without known endpoints there is no address, and the error says what to name")
    func noEndpoints() {
        let error = #expect(throws: OAuthError.self) {
            try AuthorizationRequest(client: VaultHouse.client { $0.endpoints = nil }, redirectURI: "http://127.0.0.1:1/callback").url()
        }
        #expect(error?.code == .configurationInvalid)
    }
}
