import Platform
import Synchronization

/// Logins that wait for a person to approve a code (RFC 8628), and the two ways of asking for them.
final class DeviceLogins: Sendable {
    enum Standing: Sendable {
        case pending, denied, unknown
        case approved(Grant)
    }

    private struct Entry {
        let userCode: String
        let clientID: String
        let scope: String
        var standing = Standing.pending
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// A new device code and the user code beside it.
    func begin(clientID: String, scope: String) -> (deviceCode: String, userCode: String) {
        let random = Random.bytes(24)
        let deviceCode = "dc_" + Base64.encode(random.span, .urlSafe)
        // Consonants and nothing that looks like something else (RFC 8628 section 6.1).
        let letters = Array("BCDFGHJKLMNPQRSTVWXZ")
        let word = Random.bytes(8).map { letters[Int($0) % letters.count] }
        let userCode = String(word.prefix(4)) + "-" + String(word.suffix(4))
        entries.withLock { $0[deviceCode] = Entry(userCode: userCode, clientID: clientID, scope: scope) }
        return (deviceCode, userCode)
    }

    /// What the person at the page does; false if nobody waits with that code.
    func decide(_ userCode: String, approvedBy person: Person?) -> Bool {
        entries.withLock { entries in
            guard let (code, entry) = entries.first(where: { $0.value.userCode == userCode }) else { return false }
            entries[code]?.standing =
                person.map {
                    .approved(
                        Grant(
                            person: $0, clientID: entry.clientID, scope: entry.scope, nonce: nil, authenticated: TimeSource.system.now(),
                            session: Random.uuid()))
                } ?? .denied
            return true
        }
    }

    /// How a login stands; an approved one is handed out once.
    func redeem(_ deviceCode: String, clientID: String?) -> Standing {
        entries.withLock { entries in
            guard let entry = entries[deviceCode], clientID == nil || entry.clientID == clientID else { return .unknown }
            if case .approved = entry.standing { entries[deviceCode] = nil }
            return entry.standing
        }
    }
}

extension Provider {
    static let deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

    /// POST /oauth/device (RFC 8628 section 3.1).
    func beginDevice(_ request: Request) -> Reply {
        guard let fields = request.fields, let clientID = fields["client_id"], !clientID.isEmpty else {
            return .oauthError(400, "invalid_request", "client_id is missing")
        }
        let (deviceCode, userCode) = devices.begin(clientID: clientID, scope: fields["scope"] ?? "openid")
        return .json([
            "device_code": .string(deviceCode), "user_code": .string(userCode), "verification_uri": .string(base + "/device"),
            "verification_uri_complete": .string(base + "/device?user_code=" + userCode), "expires_in": 600, "interval": 1,
        ])
    }

    /// POST /api/accounts/deviceauth/usercode: the same in OpenAI's own way.
    func beginOwnDevice(_ request: Request) -> Reply {
        guard let clientID = request.fields?["client_id"], !clientID.isEmpty else {
            return .codexError(400, "invalid_request", "client_id is missing")
        }
        let (deviceCode, userCode) = devices.begin(clientID: clientID, scope: "openid profile email offline_access")
        // A number as text: so does the server that this one stands for.
        return .json(["device_auth_id": .string(deviceCode), "user_code": .string(userCode), "interval": "1"])
    }

    /// POST /api/accounts/deviceauth/token: an authorization code with a verifier that the server made.
    func pollOwnDevice(_ request: Request) -> Reply {
        guard let id = request.fields?["device_auth_id"] else { return .codexError(400, "invalid_request", "device_auth_id is missing") }
        switch devices.redeem(id, clientID: nil) {
        case .pending: return .json(403, ["error": ["code": "deviceauth_authorization_pending"]])
        case .denied: return .json(403, ["error": ["code": "deviceauth_access_denied"]])
        case .unknown: return .json(404, ["error": ["code": "deviceauth_not_found"]])
        case .approved(let grant):
            let random = Random.bytes(32)
            let verifier = Base64.encode(random.span, .urlSafe)
            let text = Array(verifier.utf8)
            let hash = SHA256.hash(text.span)
            let challenge = Base64.encode(hash.span, .urlSafe)
            let code = authorizations.register(
                Authorization(grant: grant, redirectURI: issuer + "/deviceauth/callback", challenge: challenge))
            return .json(["authorization_code": .string(code), "code_challenge": .string(challenge), "code_verifier": .string(verifier)])
        }
    }
}
