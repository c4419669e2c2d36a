package import OAuth
package import Platform

/// What one vendor does its own way: where it is, how its tokens name a person, how its usage answers read.
///
/// No storage, no argv, no clock of its own.
package protocol Provider: Sendable {
    /// What the command line, config.json and the stores call it.
    var name: String { get }
    /// This program as the provider's server knows it; endpoints are nil where discovery has to find them.
    ///
    /// - Throws: `configurationInvalid` where config.json does not say enough.
    func client() throws(OAuthError) -> OAuthClient
    /// Endpoints that configuration names, by their key in config.json.
    var endpointOverrides: [String: WebAddress] { get }
    /// The environment variable in which this provider's own programs look for a token; nil if none is known.
    var tokenVariable: String? { get }
    /// Where the usage is asked for; nil if this provider has no usage endpoint.
    var usageEndpoint: WebAddress? { get }
    /// How seldom this provider's usage endpoint is asked.
    var pollingRule: PollingRule { get }
    /// Headers of a usage request besides the token.
    ///
    /// - Parameter accessClaims: of the access token; nil where it is opaque.
    func usageHeaders(providerAccountId: String?, accessClaims: JSONValue?) -> [(name: String, value: String)]
    /// The meaning of a whole answer of the usage endpoint. Lenient: what is not understood is unknown, never an error.
    ///
    /// - Parameters:
    ///   - isHTML: the header says that the body is a web page.
    ///   - retryAfter: seconds.
    ///   - now: when the answer came.
    func readUsage(status: Int, isHTML: Bool, retryAfter: Int?, body: borrowing SecretBytes, now: Timestamp) -> UsageReading
}

extension Provider {
    /// For endpoints nobody has measured: a second apart, a minute after a 429.
    package var pollingRule: PollingRule { PollingRule(floorSeconds: 1, refusalSeconds: 60) }
}

/// How seldom a usage endpoint may be asked, whoever asks.
package struct PollingRule: Sendable, Equatable {
    /// Between two requests for one account, also when a person asks for a new reading.
    package let floorSeconds: Int
    /// The least pause after a 429, also where the server names a shorter one or none.
    package let refusalSeconds: Int

    package init(floorSeconds: Int, refusalSeconds: Int) {
        self.floorSeconds = floorSeconds
        self.refusalSeconds = refusalSeconds
    }
}

/// What config.json says of one provider. Values are checked when the file is read.
package struct ProviderSettings: Sendable, Equatable {
    package var isEnabled = true
    /// Exactly as the server calls itself.
    package var issuer: String?
    /// Nil: the built-in one, where one may ship.
    package var clientId: String?
    /// Nil: the provider's default.
    package var scopes: [String]?
    /// Nil: the provider's default.
    package var redirect: RedirectRule?
    /// `env`: the variable in which `exec` hands the token over.
    package var environmentVariable: String?
    /// By their `endpointNames`; https, or http on loopback.
    package var endpoints: [String: WebAddress] = [:]
    /// Claude: the key of a web session may be used.
    package var usesWebSession = false

    package init() {}

    /// The issuer without a slash at its end: what the addresses of its endpoints begin with.
    var base: String? { issuer.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 } }

    /// The keys of `endpoints` in config.json.
    package static let endpointNames = [
        "authorization", "token", "deviceAuthorization", "revocation", "profile", "deviceToken", "webUsage", "usage",
    ]
}

/// Every provider that this installation can use, by name.
package struct ProviderCatalog: Sendable {
    private let settings: [String: ProviderSettings]

    /// - Parameter settings: `providers` of config.json.
    package init(_ settings: [String: ProviderSettings]) { self.settings = settings }

    /// Claude's web application.
    ///
    /// - Throws: `configurationInvalid` where it is not switched on.
    package func claudeWeb() throws(OAuthError) -> ClaudeWeb { try ClaudeWeb(settings["claude"] ?? ProviderSettings()) }

    /// Other names that the command line takes; config.json does not.
    package static let aliases = ["openai-codex": "codex"]

    /// The name that everything is stored under.
    package static func canonical(_ name: String) -> String { aliases[name] ?? name }

    /// Built-in and configured names, sorted.
    package var names: [String] {
        Set(["codex", "claude"] + settings.keys).filter { settings[$0]?.isEnabled ?? true }.sorted()
    }

    /// - Throws: `usage` for a name that nobody configured, `configurationInvalid` for one that is switched off or cannot work.
    package func provider(_ name: String) throws(OAuthError) -> any Provider {
        let name = ProviderCatalog.canonical(name)
        let found = settings[name]
        if let found, !found.isEnabled {
            throw OAuthError(
                .configurationInvalid, "\(name) is switched off in config.json", remedy: "set providers.\(name).enabled to true")
        }
        if name == "codex" { return CodexProvider(found ?? ProviderSettings()) }
        if name == "claude" { return ClaudeProvider(found ?? ProviderSettings()) }
        guard let found else {
            throw OAuthError(
                .usage, "there is no provider \"\(TerminalText.escape(name, limit: 60))\"; known: \(names.joined(separator: ", "))",
                remedy: "add it to providers in config.json: ai-usage-agent config path")
        }
        return OpenIDProvider(name: name, settings: found)
    }
}
