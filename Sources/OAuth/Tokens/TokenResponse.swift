package import Platform

/// A successful answer of a token endpoint (RFC 6749 section 5.1), its tokens in protected memory.
package struct TokenResponse: ~Copyable, Sendable {
    /// Printable ASCII of at most 48 KiB where a server sent it (`isToken`).
    package let accessToken: SecretBytes
    /// Nil when the answer has none: the old one stays valid (recovery rule R8).
    package let refreshToken: SecretBytes?
    /// A signed JWT, of which only the claims are read.
    package let idToken: SecretBytes?
    /// Seconds, as the server said them; nil when it did not.
    package let expiresIn: Int?
    /// What was granted; nil when the answer does not say, and it is what was asked for (RFC 6749 section 5.1).
    package let scopes: [String]?
    /// Seconds until the login itself ends, whatever is refreshed; nil when the server does not say.
    package let loginExpiresIn: Int?
    /// What the answer says of the tokens' owner, where it says anything: `account` and `organization`.
    package let owner: JSONValue?

    /// Tokens that another program was granted.
    package init(
        accessToken: consuming SecretBytes, refreshToken: consuming SecretBytes?, idToken: consuming SecretBytes?, expiresIn: Int?,
        scopes: [String]?
    ) {
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.idToken = idToken
        self.expiresIn = expiresIn
        self.scopes = scopes
        loginExpiresIn = nil
        owner = nil
    }

    /// Why a body is no token answer. Nothing of it is in the reason.
    package struct Malformed: Error, Sendable {
        package let reason: String
    }

    /// Reads the body of a 2xx answer. Unknown members are ignored; a member of the wrong type is not guessed at.
    ///
    /// - Throws: `Malformed` for no JSON object, no access token, one that is empty, longer than 48 KiB or not printable ASCII, and
    ///   a `token_type` other than Bearer.
    package init(_ body: consuming SecretBytes) throws(Malformed) {
        let document = try TokenResponse.read(body)
        guard document.isObject(document.root) else { throw Malformed(reason: "the answer is no JSON object") }

        guard let access = try TokenResponse.token("access_token", in: document) else {
            throw Malformed(reason: "the answer has no access_token")
        }
        let refresh = try TokenResponse.token("refresh_token", in: document)
        let identity = try TokenResponse.token("id_token", in: document)
        if let node = document.at("token_type"), !document.isNull(node) {
            // Compared without case (RFC 6749 section 5.1).
            guard let type = document.string(node), type.lowercased() == "bearer" else {
                throw Malformed(reason: "the token_type is not Bearer")
            }
        }
        accessToken = access
        refreshToken = refresh
        idToken = identity
        expiresIn = TokenResponse.seconds("expires_in", in: document)
        loginExpiresIn = TokenResponse.seconds("refresh_token_expires_in", in: document)
        owner = TokenResponse.owner(document)
        scopes = document.text(at: "scope").map { $0.split(separator: " ").map(String.init) }
    }

    static func read(_ body: consuming SecretBytes) throws(Malformed) -> JSONDocument {
        do throws(JSONError) { return try JSONDocument(body) } catch { throw Malformed(reason: "the answer is no JSON: \(error.reason)") }
    }

    /// A token or code: printable ASCII, nothing else.
    static func token(_ name: String, in document: borrowing JSONDocument) throws(Malformed) -> SecretBytes? {
        guard let node = document.at(name), !document.isNull(node) else { return nil }
        guard let secret = document.secret(node) else { throw Malformed(reason: "\(name) is no string") }
        guard isToken(secret) else { throw Malformed(reason: "\(name) is empty or holds characters that no token has") }
        return secret
    }

    /// Whether the bytes can be a token: a header line could carry them (RFC 6750 section 2.1).
    package static func isToken(_ secret: borrowing SecretBytes) -> Bool {
        secret.withBytes { bytes in
            !bytes.isEmpty && bytes.count <= 48 << 10 && !bytes.indices.contains { bytes[$0] <= 0x20 || bytes[$0] >= 0x7F }
        }
    }

    private static func owner(_ document: borrowing JSONDocument) -> JSONValue? {
        var owner = JSONObject()
        for name in ["account", "organization"] {
            if let node = document.at(name), document.isObject(node) { owner[name] = document.value(node) }
        }
        return owner.members.isEmpty ? nil : .object(owner)
    }

    /// A time in seconds as a number or, as some servers send it, a string; nonsense counts as not said.
    static func seconds(_ name: String, in document: borrowing JSONDocument) -> Int? {
        guard let node = document.at(name) else { return nil }
        let value = document.number(node)?.double ?? document.string(node).flatMap(Double.init)
        guard let value, value.isFinite else { return nil }
        return Int(max(-1, min(value, 1e12)))
    }
}

/// How long an access token lives, from what the server says and never from what its clock says.
package enum TokenLifetime {
    static let unknown = 3600

    /// Seconds from receipt: the smaller of `expires_in` and `exp - iat`, between a second and thirty days. A server that
    /// says nothing usable gets an hour, the customary lifetime: a 401 corrects us in time.
    package static func seconds(expiresIn: Int?, claims: JSONValue?) -> Int {
        var candidates: [Int] = []
        if let expiresIn { candidates.append(expiresIn) }
        if let claims, let expires = Claims.seconds(claims["exp"]), let issued = Claims.seconds(claims["iat"]) {
            candidates.append(expires - issued)
        }
        return min(max(candidates.min() ?? unknown, 1), 30 * 86400)
    }

    /// How many seconds must be left for a token to be handed out without a refresh.
    ///
    /// - Parameter minimum: what the caller asks for; never more than half the lifetime, or every call would refresh.
    package static func margin(lifetime: Int, minimum: Int?) -> Int {
        max(min(300, lifetime / 5), min(minimum ?? 0, lifetime / 2))
    }
}
