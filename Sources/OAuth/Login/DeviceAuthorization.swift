import Platform

/// What a server answers when a device login begins (RFC 8628 section 3.2).
struct DeviceAuthorization: ~Copyable, Sendable {
    /// Known to this program and the server alone.
    let deviceCode: SecretBytes
    /// What the person types in, as the server wrote it.
    let userCode: String
    let verification: String
    /// The address with the code in it; nil where the server gives none.
    let complete: String?
    /// Seconds after which the code is worth nothing.
    let lifetime: Int
    /// Seconds between two polls, at least.
    let interval: Int

    /// RFC 8628 section 3.2.
    static let standardInterval = 5
    private static let longestLifetime = 86400

    init(_ body: consuming SecretBytes, _ dialect: DeviceDialect) throws(TokenResponse.Malformed) {
        let document = try TokenResponse.read(body)
        guard document.isObject(document.root) else { throw TokenResponse.Malformed(reason: "the answer is no JSON object") }
        let name: String
        let page: String?
        let seconds: Int?
        switch dialect {
        case .standard:
            (name, page) = ("device_code", DeviceAuthorization.address(document.text(at: "verification_uri")))
            seconds = TokenResponse.seconds("expires_in", in: document)
        case .exchangedCode(_, let fixedPage, _, let fixedSeconds, _): (name, page, seconds) = ("device_auth_id", fixedPage, fixedSeconds)
        }
        guard let page else { throw TokenResponse.Malformed(reason: "the answer has no usable verification_uri") }
        // Without it nobody could know when to stop.
        guard let seconds, seconds > 0 else { throw TokenResponse.Malformed(reason: "the answer has no usable expires_in") }
        let shown = document.text(at: "user_code") ?? document.text(at: "usercode") ?? ""
        guard !shown.isEmpty, shown.utf8.count <= 64 else { throw TokenResponse.Malformed(reason: "the answer has no usable user_code") }
        guard let code = try TokenResponse.token(name, in: document) else {
            throw TokenResponse.Malformed(reason: "the answer has no \(name)")
        }
        deviceCode = code
        userCode = shown
        verification = page
        complete = DeviceAuthorization.address(document.text(at: "verification_uri_complete"))
        lifetime = min(seconds, DeviceAuthorization.longestLifetime)
        interval = min(max(TokenResponse.seconds("interval", in: document) ?? DeviceAuthorization.standardInterval, 1), 3600)
    }

    private static func address(_ text: String?) -> String? {
        guard let text, let address = WebAddress(text), address.isAcceptable else { return nil }
        return text
    }
}

/// What a person is shown when a device login begins. Texts of the server, to be escaped where they are shown.
package struct DevicePrompt: Sendable {
    /// At most 64 bytes.
    package let userCode: String
    /// The address at which it is typed in.
    package let verification: String
    /// The address that holds the code already; nil where the server gives none.
    package let complete: String?
    /// Seconds within which it has to be approved.
    package let patience: Int
}

/// Shows a code that has to be approved elsewhere.
package protocol DevicePresenting: Sendable {
    func present(_ prompt: DevicePrompt)
    /// Says that something is amiss and the login goes on.
    func note(_ text: String)
}
