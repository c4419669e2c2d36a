import Platform
import Testing

@testable import OAuth

/// A server that answers what the test wrote down, one step for each request, and remembers every request.
actor OAuthServer: HTTPSending {
    struct Seen: Sendable {
        let method: String
        let url: String
        let body: String
        let contentType: String?
        let deadline: Duration
    }

    enum Step: Sendable {
        case reply(Int, String, headers: [String: String] = [:])
        case failure(HTTPFailure.Kind, sent: Bool)
    }

    private var script: [Step]
    private let gate: OAuthGate?
    private(set) var seen: [Seen] = []

    init(_ script: [Step] = [], gate: OAuthGate? = nil) {
        self.script = script
        self.gate = gate
    }

    func expect(_ steps: Step...) { script += steps }

    var count: Int { seen.count }

    func send(_ request: consuming HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        let hasBody = request.body != nil
        let body = hasBody ? oauthText(request.body!) : ""
        let url = request.url
        seen.append(
            Seen(method: request.method.rawValue, url: url, body: body, contentType: request.contentType, deadline: request.deadline))
        let step = script.isEmpty ? nil : script.removeFirst()
        if let gate { await gate.pass() }
        guard let step else {
            Issue.record("a request that nobody expected: \(url) \(body)")
            throw HTTPFailure(kind: .configuration, mayHaveBeenSent: false, host: "?", reason: "not in the script")
        }
        switch step {
        case .reply(let status, let text, let headers): return oauthResponse(status, text, headers)
        case .failure(let kind, let sent): throw HTTPFailure(kind: kind, mayHaveBeenSent: sent, host: "id.example.org", reason: "scripted")
        }
    }
}

func oauthResponse(_ status: Int, _ body: String, _ headers: [String: String] = [:]) -> HTTPResponse {
    var lines = headers.map { (name: $0.key.lowercased(), value: $0.value) }
    if headers["content-type"] == nil { lines.append(("content-type", "application/json")) }
    return HTTPResponse(status: status, headers: lines, body: SecretBytes(body))
}

func oauthText(_ secret: borrowing SecretBytes) -> String {
    secret.withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
}

func oauthText(optional secret: borrowing SecretBytes?) -> String? {
    switch secret {
    case .some(let secret): return oauthText(secret)
    case .none: return nil
    }
}

/// Bodies of a token endpoint, and tokens whose claims a test chooses.
enum OAuthTokens {
    static func answer(_ access: String, _ refresh: String? = nil, expiresIn: Int = 3600, idToken: String? = nil) -> String {
        var object: JSONObject = ["access_token": .string(access), "token_type": "Bearer", "expires_in": .number(JSONNumber(expiresIn))]
        if let refresh { object["refresh_token"] = .string(refresh) }
        if let idToken { object["id_token"] = .string(idToken) }
        return JSONValue.object(object).compact
    }

    static func jwt(_ claims: JSONValue) -> String {
        let payload = Array(claims.compact.utf8)
        return "eyJhbGciOiJub25lIn0." + Base64.encode(payload.span, .urlSafe) + ".c2lnbmF0dXJl"
    }
}
