import OAuth
import Platform
import Providers
import Testing

@testable import Agent

@Suite("A login on its way to the agent")
struct LoginBundleTests {
    private static func bundle(_ change: (inout JSONObject) -> Void = { _ in }) -> SecretBytes {
        var object: JSONObject = [
            "provider": "codex", "clientId": "client", "clientIdIsExplicit": true, "issuer": "https://id.example.org", "scopes": ["openid"],
            "endpoints": ["authorization": "https://id.example.org/a", "token": "https://id.example.org/t"],
            "identity": ["accountKey": "ada", "email": "ada@example.org"], "receivedAt": "2026-11-21T09:05:59Z",
            "tokens": ["access_token": "at", "refresh_token": "rt", "expires_in": 60],
        ]
        change(&object)
        return SecretBytes(JSONValue.object(object).compact)
    }

    @Test("What is written is read again")
    func roundTrip() throws {
        let login = try LoginBundle.decode(Self.bundle(), ProviderCatalog([:]))
        let again = try LoginBundle.decode(try LoginBundle.encode(login), ProviderCatalog([:]))
        #expect(again.identity == login.identity)
        #expect(again.client.clientId == "client")
        #expect(again.receivedAt == Timestamp(seconds: 1_795_251_959))
    }

    @Test("A name that is empty is refused: what is stored under it could not be read again", arguments: ["clientId", "accountKey"])
    func emptyNames(_ name: String) {
        #expect(throws: OAuthError.self) {
            let text = Self.bundle { object in
                if name == "accountKey" { object["identity"] = ["accountKey": ""] } else { object[name] = "" }
            }
            _ = try LoginBundle.decode(text, ProviderCatalog([:])).receivedAt
        }
    }
}
