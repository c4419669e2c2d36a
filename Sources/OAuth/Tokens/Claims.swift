package import Platform

/// The claims of a JWT, decoded and never verified: tokens come straight from the token endpoint over TLS, which is what
/// vouches for them (OpenID Connect Core 3.1.3.7, item 6).
package enum Claims {
    /// The payload of a compact JWS; nil if the token is opaque or malformed.
    package static func decode(_ token: borrowing SecretBytes) -> JSONValue? {
        token.withBytes { bytes in
            let dots = bytes.indices.filter { bytes[$0] == UInt8(ascii: ".") }
            guard dots.count == 2, let payload = Base64.decode(bytes.extracting(dots[0] + 1..<dots[1]), .urlSafe),
                let value = try? JSONValue(parsing: payload.span), value.object != nil
            else { return nil }
            return value
        }
    }

    /// Nil also where there is no token.
    package static func decode(optional token: borrowing SecretBytes?) -> JSONValue? {
        switch token {
        case .some(let token): return decode(token)
        case .none: return nil
        }
    }

    /// A NumericDate claim in seconds, also when it is written as a float (RFC 7519 section 2).
    package static func seconds(_ value: JSONValue) -> Int? {
        guard let number = value.number?.double, number.isFinite, abs(number) < 1e12 else { return nil }
        return Int(number.rounded(.down))
    }

    /// `aud` as a list: it may be one string or several.
    package static func audiences(_ value: JSONValue) -> [String] {
        value.string.map { [$0] } ?? (value.array ?? []).compactMap(\.string)
    }

    /// Holds an id_token to OpenID Connect Core 3.1.3.7 as far as it applies to a token from the token endpoint.
    ///
    /// `exp` and `iat` are compared with two days of tolerance: a host whose clock is off must still be able to log in, and
    /// a token that has just come over TLS cannot be an old one.
    ///
    /// - Returns: what is wrong, nil if nothing is.
    package static func problem(idToken claims: JSONValue, issuer: String?, clientId: String, nonce: String?, now: Timestamp) -> String? {
        if let issuer, claims["iss"].string != issuer { return "its issuer is not \(issuer)" }
        let audiences = audiences(claims["aud"])
        guard audiences.contains(clientId) else { return "it is meant for another client" }
        if let party = claims["azp"].string, party != clientId { return "its authorized party is another client" }
        if audiences.count > 1, claims["azp"].isNull { return "it is meant for several clients and names none of them as its party" }
        guard let expires = seconds(claims["exp"]), let issued = seconds(claims["iat"]) else { return "it has no exp or iat" }
        let tolerance = 2 * 86400
        if expires <= issued { return "it expires before it was issued" }
        if expires < now.seconds - tolerance { return "it expired more than two days ago by the clock of this machine" }
        if issued > now.seconds + tolerance { return "it was issued more than two days in the future by the clock of this machine" }
        if let nonce, claims["nonce"].string != nonce { return "its nonce is not the one of this login" }
        return nil
    }
}
