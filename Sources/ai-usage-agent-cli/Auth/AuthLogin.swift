import Agent
import ArgumentParser
import OAuth
import Platform
import Providers
import Vault

struct AuthLogin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Log in through the browser.",
        discussion: """
            $ ai-usage-agent auth login codex
            $ ai-usage-agent auth login codex --account work      # a second account, by its own name
            $ ai-usage-agent auth login codex --device            # no browser here: approve a code on any other device
            $ ai-usage-agent auth login codex --manual            # over SSH: paste the address the browser ends on
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions
    @Argument(help: "codex, or a provider named in config.json.", completion: .providers) var provider: String
    @Option(help: "Name the new account; names are unique per provider.") var account: String?
    @Flag(name: .customLong("no-open"), help: "Do not open a browser; only print the address.") var noOpen = false
    @Flag(help: "No listener and no browser: paste the callback address (or code#state, or the code).") var manual = false
    @Flag(help: "Show a code to approve on another device (RFC 8628) instead of waiting for a browser here.") var device = false
    @Option(help: "Listen on this port only.") var port: Int?
    @Option(name: .customLong("client-id"), help: "Use another OAuth client id.") var clientId: String?
    @Option(parsing: .upToNextOption, help: "Ask for these scopes instead.") var scope: [String] = []
    @Option(help: ArgumentHelp("Give up after this many seconds (300; with --device as long as the code is good).", valueName: "s"))
    var timeout: Int?
    @Flag(
        name: .customLong("session-key-stdin"),
        help: "claude: read the key of a web session from standard input (only with providers.claude.webSession).")
    var sessionKeyStdin = false
    @Flag(name: .customLong("dry-run"), help: "Print what would be sent, and send nothing.") var dryRun = false
    @Flag(name: .customLong("live-exchange"), help: .hidden) var liveExchange = false

    func validate() throws {
        if let port, !(1...65535).contains(port) { throw ValidationError("--port must be between 1 and 65535") }
        if let timeout, timeout < 1 { throw ValidationError("--timeout must be at least 1") }
        if let account, account.isEmpty || account.count > 100 || account.utf8.count > 400 {
            throw ValidationError("--account needs a name of at most 100 characters")
        }
        // It names the account from now on, in every list.
        if let account, account.allSatisfy(\.isWhitespace) || TerminalText.escape(account) != account {
            throw ValidationError("--account needs a name that can be read: no blanks alone, nothing that moves or hides text")
        }
        if device, manual { throw ValidationError("give either --device or --manual") }
        if sessionKeyStdin, device || manual || dryRun || port != nil {
            throw ValidationError("--session-key-stdin opens no browser and does not go with --device, --manual, --port or --dry-run")
        }
        if device, port != nil { throw ValidationError("--device listens on no port") }
        if device, dryRun { throw ValidationError("--dry-run shows the login with a browser; it does not know --device") }
    }

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let name = ProviderCatalog.canonical(provider)
        if sessionKeyStdin { return try await SessionKeyLogin(context: context, label: account).run(name) }
        let found = try await attempt(name) { () throws(OAuthError) in try context.service.catalog.provider(name) }
        var client = try await attempt(name) { () throws(OAuthError) in try found.client() }
        if let clientId {
            client.clientId = clientId
            client.clientIdIsObserved = false
            client.clientIdIsExplicit = true
        }
        if client.clientId.isEmpty, let why = client.whyNoClientId {
            throw CommandFailure(
                code: "config_invalid", message: why,
                remedy:
                    "two ways need none: ai-usage-agent auth import \(name == "claude" ? "claude-code" : name) --reference, or a token in "
                    + "\(ProcessEnvironment.tokenVariable(of: name)); with a client id that you may use: --client-id, or "
                    + "providers.\(name).clientId in config.json (docs/providers.md)",
                exitCode: 78, provider: name)
        }
        if !scope.isEmpty { client.scopes = scope.flatMap { $0.split(separator: " ").map(String.init) } }
        if dryRun { return try await showDryRun(client, context) }

        // The vault first: a login that cannot be stored would be thrown away after the person did the work.
        let agent: AgentContact?
        do throws(CommandFailure) {
            agent = try await VaultChoice(context).openAgent()
            if agent == nil { try await VaultChoice(context).ensureOpen() }
            try await attemptVault { () throws(VaultError) in try context.service.vault.checkWritable() }
        } catch {
            var failure = error
            failure.provider = name
            throw failure
        }
        let prepared = client
        let complete = try await attempt(name) { () async throws(OAuthError) in
            try await Discovery(http: context.service.http).complete(
                prepared, overrides: found.endpointOverrides, withRevocation: true, withDevice: device)
        }
        let adoption = try await attempt(name, account: account) { () async throws(OAuthError) in
            device ? try await runDevice(complete, context, agent) : try await runBrowser(complete, context, agent)
        }
        let record = adoption.account
        let left = record.expiresAt.map { Moments.length($0 - context.now) } ?? "an unknown time"
        context.output.result(
            ActionResult.document(name, [ActionResult(account: record, action: adoption.isNew ? "added" : "updated")]),
            text:
                "logged in to \(name) as \(record.title); the token lives \(left)\(record.refreshable ? " and is renewed when needed" : ", without a refresh token")"
        )
    }

    private func runBrowser(_ client: OAuthClient, _ context: CommandContext, _ agent: AgentContact?) async throws(OAuthError)
        -> TokenManager.Adoption
    {
        var options = LoginOptions()
        options.manual = manual
        options.port = port
        options.patience = .seconds(timeout ?? 300)
        let hasPerson = Terminal.hasForeground && Terminal.isTerminal(.input)
        options.acceptsPaste = hasPerson
        let presenter = LoginPresenter(
            provider: client.provider, context: context, opensBrowser: !noOpen && !manual,
            readsStandardInput: manual && !Terminal.isTerminal(.input), acceptsPaste: hasPerson)
        let flow = LoginFlow(http: context.service.http, deadline: .seconds(context.configuration.timeoutSeconds), time: .system)
        return try await flow.run(client, options, presenter) { (result) async throws(OAuthError) in
            try await context.adopt(result, label: account, agent)
        }
    }

    private func runDevice(_ client: OAuthClient, _ context: CommandContext, _ agent: AgentContact?) async throws(OAuthError)
        -> TokenManager.Adoption
    {
        let flow = DeviceFlow(http: context.service.http, deadline: .seconds(context.configuration.timeoutSeconds), time: .system)
        let presenter = DevicePresenter(provider: client.provider, context: context)
        return try await flow.run(client, patience: timeout.map { .seconds($0) }, presenter) { (result) async throws(OAuthError) in
            try await context.adopt(result, label: account, agent)
        }
    }

    /// The address with its real parameters, and the token request with its secrets left out. No network.
    private func showDryRun(_ client: OAuthClient, _ context: CommandContext) async throws(CommandFailure) {
        let endpoints = try await attempt(client.provider) { () throws(OAuthError) in try client.knownEndpoints() }
        let port = port ?? client.redirect.ports.first
        let page = manual ? client.codePage?.description : nil
        let redirect = page ?? port.map(client.redirect.uri) ?? "http://\(client.redirect.host):PORT\(client.redirect.path)"
        let request = AuthorizationRequest(client: client, redirectURI: redirect)
        let url = try await attempt(client.provider) { () throws(OAuthError) in try request.url() }
        var body = [
            ("grant_type", "authorization_code"), ("client_id", client.clientId), ("redirect_uri", redirect), ("code", "<redacted>"),
            ("code_verifier", "<redacted>"),
        ]
        if client.sendsJSON { body.append(("state", "<redacted>")) }
        let contentType = client.sendsJSON ? "application/json" : "application/x-www-form-urlencoded"
        let note =
            client.clientIdIsObserved ? "the client id was observed in use by the provider's own program; nobody gave it to this one" : nil
        var object = JSONObject()
        for (name, value) in body { object[name] = .string(value) }
        let document: JSONValue = [
            "schemaVersion": 1, "provider": .string(client.provider), "dryRun": true, "authorizationUrl": .string(url),
            "redirectUri": .string(redirect),
            "tokenRequest": [
                "method": "POST", "url": .string(endpoints.token.description), "contentType": .string(contentType),
                "body": .object(object),
            ],
            "note": .optional(note),
        ]
        let lines =
            ["Would open:", url, "", "Would then send:", "POST \(endpoints.token)", "Content-Type: \(contentType)", ""]
            + body.map { client.sendsJSON ? "  \"\($0.0)\": \"\($0.1)\"" : "  \($0.0)=\($0.1)" } + (note.map { ["", "Note: " + $0] } ?? [])
            + ["", "Nothing was sent."]
        context.output.result(document, text: TerminalText.escapeLines(lines.joined(separator: "\n")))
    }
}
