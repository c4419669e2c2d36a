import Platform
import Synchronization

/// An approved login that waits for the exchange of its code.
struct Authorization: Sendable {
    let grant: Grant
    let redirectURI: String
    /// Base64url of SHA-256 of the verifier (RFC 7636).
    let challenge: String
    var state = ""
}

/// The codes that were handed out: each good once, for 60 seconds.
final class Authorizations: Sendable {
    private struct Entry {
        let authorization: Authorization
        let expires: Duration
        var isSpent = false
        /// The family that the code was exchanged for.
        var family: Int?
    }

    enum Redemption: Sendable {
        case valid(Authorization)
        case unknown
        /// Used before; the family that the first use made, if it made one.
        case reused(Int?)
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// A new code.
    func register(_ authorization: Authorization) -> String {
        let random = Random.bytes(24)
        let code = "ac_" + Base64.encode(random.span, .urlSafe)
        let expires = TimeSource.system.elapsed() + .seconds(60)
        entries.withLock { $0[code] = Entry(authorization: authorization, expires: expires) }
        return code
    }

    /// Spends the code.
    func redeem(_ code: String) -> Redemption {
        let now = TimeSource.system.elapsed()
        return entries.withLock { entries in
            guard let entry = entries[code] else { return .unknown }
            guard !entry.isSpent else { return .reused(entry.family) }
            entries[code]?.isSpent = true
            return entry.expires > now ? .valid(entry.authorization) : .unknown
        }
    }

    /// Remembers what came of a code, so that its second use can revoke it.
    func note(family: Int, of code: String) { entries.withLock { $0[code]?.family = family } }
}

extension Provider {
    /// GET /oauth/authorize: checks the request and approves it without asking (or denies it).
    func authorize(_ request: Request) -> Reply {
        guard let query = request.query else { return page("The query is malformed.") }
        guard let clientID = query["client_id"], !clientID.isEmpty else { return page("client_id is missing.") }
        guard let redirectURI = query["redirect_uri"], let address = WebAddress(redirectURI), !address.isSecure, address.isLoopback else {
            return page("redirect_uri must be http on this machine.")
        }
        let isOpaque = request.path.hasPrefix(Provider.claudePrefix)
        func reply(_ fields: [(String, String)]) -> Reply {
            var fields = fields
            if let state = query["state"] { fields.append(("state", state)) }
            if options.sendsIssuer { fields.append(("iss", issuer)) }
            let text = fields.map { "\($0.0)=\(WebAddress.encode($0.1))" }.joined(separator: "&")
            return .redirect(302, to: redirectURI + (address.query == nil ? "?" : "&") + text)
        }
        func refuse(_ code: String, _ description: String) -> Reply { reply([("error", code), ("error_description", description)]) }

        guard query["response_type"] == "code" else { return refuse("unsupported_response_type", "response_type must be code") }
        guard query["state"]?.isEmpty == false else { return refuse("invalid_request", "state is missing") }
        guard query["code_challenge_method"] == "S256", let challenge = query["code_challenge"],
            Base64.decode(challenge, .urlSafe)?.count == SHA256.size
        else { return refuse("invalid_request", "PKCE with S256 is required") }
        guard let person = Person(hint: query["demo_user"] ?? query["login_hint"] ?? options.user, workspace: query["demo_workspace"])
        else {
            return refuse("invalid_request", "nobody has that name")
        }
        if options.denies || query["demo_deny"] == "1" { return refuse("access_denied", "The person said no.") }

        let grant = Grant(
            person: person, clientID: clientID, scope: query["scope"] ?? "openid profile email offline_access",
            nonce: query["nonce"], authenticated: TimeSource.system.now(), session: Random.uuid(), isOpaque: isOpaque)
        let authorization = Authorization(grant: grant, redirectURI: redirectURI, challenge: challenge, state: query["state"] ?? "")
        return reply([("code", authorizations.register(authorization))])
    }

    /// An error that must not be sent to an unchecked redirect_uri (RFC 6749 section 4.1.2.1).
    private func page(_ text: String) -> Reply { .text(400, "text/plain; charset=utf-8", text + "\n") }
}
