package import Logging
package import OAuth
package import Platform
package import Providers
package import Vault

/// What every front end calls: the command line in process, the agent behind its socket. One object, one way.
package struct AgentService: Sendable {
    package let vault: Vault
    /// For accounts of the vault alone; `token` serves every account.
    package let tokens: TokenManager
    package let catalog: ProviderCatalog
    package let http: any HTTPSending
    package let configuration: Configuration
    package let time: TimeSource
    let environment: ProcessEnvironment
    let logger: Logger

    /// - Parameter environment: where tokens may stand, and where other programs keep their logins.
    package init(
        vault: Vault, http: any HTTPSending, configuration: Configuration, environment: ProcessEnvironment, time: TimeSource, logger: Logger
    ) {
        self.environment = environment
        self.logger = logger
        self.vault = vault
        self.http = http
        self.configuration = configuration
        self.time = time
        catalog = ProviderCatalog(configuration.providers)
        tokens = TokenManager(vault: vault, http: http, deadline: .seconds(configuration.timeoutSeconds), time: time, logger: logger)
    }

    /// The client of a provider with its endpoints known, which may cost a discovery.
    ///
    /// - Throws: as `Provider.client` and `Discovery.complete`.
    package func client(_ provider: any Provider, withRevocation: Bool = false) async throws(OAuthError) -> OAuthClient {
        try await Discovery(http: http).complete(
            try provider.client(), overrides: provider.endpointOverrides, withRevocation: withRevocation)
    }

    /// The stores of other programs.
    var foreignStores: ForeignStoreReader { ForeignStoreReader(keyring: vault.sources.keyring, time: time) }

    /// What auth.json says, and the accounts of the environment.
    ///
    /// - Throws: `vault(.corrupt)` where auth.json cannot be read or is gone from beside its vault.
    package func metadata() throws(OAuthError) -> Metadata {
        do throws(VaultError) {
            var metadata = try vault.metadataStore.read()
            let others = environmentAccounts(metadata.accounts)
            if !others.isEmpty { metadata.accounts += others }
            return metadata
        } catch { throw OAuthError(error) }
    }

    /// The rows of `auth list` and `status`. Needs no key.
    ///
    /// - Throws: as `metadata`.
    package func listings(provider: String?) async throws(OAuthError) -> [AccountListing] {
        let metadata = try metadata().showingPending(vault.paths)
        return AccountListing.all(metadata.showing(await StandingGlance(vault).suspicion()), provider: provider)
    }

    /// The account a command means.
    ///
    /// - Throws: `usage` for an unknown provider; `noSuchAccount` or `ambiguousAccount` as vault codes.
    package func account(_ provider: String, named name: String?) throws(OAuthError) -> AccountRecord {
        let provider = ProviderCatalog.canonical(provider)
        let metadata = try metadata()
        // An account may outlive its provider's configuration; a name that is neither is a mistake.
        if !metadata.accounts.contains(where: { $0.provider == provider }) { _ = try catalog.provider(provider) }
        do throws(VaultError) { return try AccountSelection.choose(name, provider: provider, in: metadata) } catch {
            throw OAuthError(error)
        }
    }

    /// A live token of an account, from wherever its tokens come.
    ///
    /// - Throws: `usage` for the key of a web session, which is no token and is handed to nobody; `loginRequired` for a token that
    ///   only its owner can renew; else as `TokenManager.token`.
    package func token(_ account: AccountRecord, _ demand: TokenManager.Demand) async throws(OAuthError) -> HeldToken {
        guard account.authType != .sessionKey else {
            throw OAuthError(
                .usage, "\(account.displayName) of \(account.provider) is a web session, whose key is no token and shows usage only",
                remedy: "name another account: ai-usage-agent auth list \(account.provider)")
        }
        return try await credential(account, demand)
    }

    /// The same, also for a web session: only for the request to its own site.
    func credential(_ account: AccountRecord, _ demand: TokenManager.Demand) async throws(OAuthError) -> HeldToken {
        switch account.owner {
        case .environment: return try environmentToken(account, demand)
        case .otherProgram: return try await borrowedToken(account, demand)
        case .vault: break
        }
        return try await tokens.token(account, demand) { () async throws(OAuthError) -> OAuthClient in
            try await client(try catalog.provider(account.provider))
        }
    }

    /// Notes that a person chose this account, at most once a minute: it may then become the default.
    ///
    /// - Throws: what writing auth.json can fail with.
    package func noteUse(of account: AccountRecord) async throws(OAuthError) {
        guard account.owner != .environment, AgentService.isUseNews(account, at: time.now()) else { return }
        try await noteUse(of: [account.id])
    }

    private static func isUseNews(_ account: AccountRecord, at now: Timestamp) -> Bool {
        account.lastUsedAt.map { now - $0 >= 60 || now < $0 } ?? true
    }

    /// The same for several accounts in one write.
    func noteUse(of ids: Set<String>) async throws(OAuthError) {
        let now = time.now()
        do throws(VaultError) {
            try await vault.metadataStore.update { metadata in
                for id in ids {
                    metadata.updateAccount(id: id) { if AgentService.isUseNews($0, at: now) { $0.lastUsedAt = now } }
                }
            }
        } catch { throw OAuthError(error) }
    }

    /// Forgets an account that has no secrets here.
    ///
    /// - Throws: `usage` for an account of the environment, which only whoever set the variable can remove.
    package func forget(_ account: AccountRecord) async throws(OAuthError) {
        guard account.owner == .otherProgram else {
            let variable = ProcessEnvironment.tokenVariable(of: account.provider)
            throw OAuthError(.usage, "\(account.id) is the token in \(variable), which is not stored here", remedy: "unset \(variable)")
        }
        do throws(VaultError) {
            try await vault.metadataStore.update { $0.removeAccount(id: account.id) }
        } catch { throw OAuthError(error) }
    }

    /// Pins the provider's default account; nil lets the most recently used one win again.
    ///
    /// - Throws: what writing auth.json can fail with.
    package func pin(_ provider: String, _ account: AccountRecord?) async throws(OAuthError) {
        let provider = ProviderCatalog.canonical(provider)
        let id = account?.id
        do throws(VaultError) {
            try await vault.metadataStore.update { $0.pins[provider] = id }
        } catch { throw OAuthError(error) }
    }
}
