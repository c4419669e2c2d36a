import Platform

/// Judges the parameters of an authorization response, whichever way they came: listener or paste.
package struct CallbackFields: Sendable {
    /// Whether the parameters are this login's.
    package enum Verdict: Sendable {
        case accepted(AuthorizationAnswer)
        /// Not ours, or forged: the login goes on waiting.
        case rejected(reason: String)
    }

    let state: String
    /// RFC 9207: compared when the server sends it, demanded when it said that it always does.
    let issuer: String?
    let issuerIsRequired: Bool

    /// - Parameters:
    ///   - issuer: compared where the answer names one; nil compares nothing.
    ///   - issuerIsRequired: an answer that names none is refused (RFC 9207 section 2.4).
    package init(state: String, issuer: String?, issuerIsRequired: Bool) {
        self.state = state
        self.issuer = issuer
        self.issuerIsRequired = issuerIsRequired
    }

    /// RFC 6749 section 4.1.2, RFC 9207 section 2.4. What is shown of an error is made safe; no reason repeats a value.
    package func judge(_ fields: [String: String]) -> Verdict {
        // State first, also for errors: otherwise anybody could end the login with one forged request.
        guard let given = fields["state"] else { return .rejected(reason: "the state is missing") }
        guard constantTimeEqual(Array(given.utf8).span, Array(state.utf8).span) else {
            return .rejected(reason: "the state is not the one of this login")
        }
        if let named = fields["iss"], let issuer, named != issuer { return .rejected(reason: "the answer names another issuer") }
        if let error = fields["error"] {
            return .accepted(
                .denied(error: TerminalText.escape(error), description: fields["error_description"].map { TerminalText.escape($0) }))
        }
        if issuerIsRequired, fields["iss"] == nil {
            return .rejected(reason: "the answer does not name its issuer, and this server always does")
        }
        guard let code = fields["code"], !code.isEmpty, code.utf8.count <= 4096 else { return .rejected(reason: "there is no code in it") }
        return .accepted(.code(SecretBox(SecretBytes(code)), stateChecked: true))
    }
}
