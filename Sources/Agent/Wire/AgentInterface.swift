import Platform

/// `io.aiusage.Agent` as `GetInterfaceDescription` gives it. Extended, never changed: a member that is added is optional.
package enum AgentInterface {
    /// What methods and errors begin with.
    package static let name = "io.aiusage.Agent"
    static let service = "org.varlink.service"
    /// Where the product is at home; nothing is published yet.
    static let url = ""

    static let description = """
        # The agent that owns this person's AI-subscription logins: hands out live access tokens, keeps refresh tokens to itself.
        #
        # Times are ISO 8601 in UTC. `store` is the absolute data directory that the caller means; an agent of another one
        # answers WrongStore. Accounts are named by id, e-mail, label or a unique beginning of one; without a name the
        # provider's default account is taken.
        interface io.aiusage.Agent

        type Account (
          id: string,
          provider: string,
          accountKey: string,
          label: ?string,
          email: ?string,
          plan: ?string,
          authType: string,
          source: string,
          scopes: []string,
          expiresAt: ?string,
          loginExpiresAt: ?string,
          refreshable: bool,
          status: string,
          statusReason: ?string,
          lastUsedAt: ?string,
          lastRefreshAt: ?string,
          isDefault: bool,
          defaultReason: ?string,
          insecure: bool
        )

        # A token that lives at least minTtlSeconds more (at most half its lifetime counts). A warning says what the person
        # should know although the token is good.
        method GetToken(provider: string, account: ?string, minTtlSeconds: ?int, store: ?string) -> (
          accessToken: string,
          tokenType: string,
          expiresAt: ?string,
          accountId: string,
          accountKey: string,
          warning: ?string
        )

        method ListAccounts(provider: ?string) -> (accounts: []Account)

        # UsageSnapshot objects, as docs/schemas/usage-snapshot.schema.json describes them.
        method GetUsage(provider: ?string, account: ?string, refresh: ?bool) -> (snapshots: []object)

        # With `more`: the readings as they are, then each one that changes.
        method WatchUsage() -> (snapshots: []object)

        # resident: bytes of memory. nextRefreshAt: when a token will be renewed ahead of its end.
        method Status() -> (
          version: string,
          pid: int,
          store: string,
          locked: bool,
          since: string,
          accounts: int,
          nextRefreshAt: ?string,
          resident: int
        )

        # Forgets the vault's key and every token until Unlock.
        method Lock() -> ()

        method Unlock(passphrase: ?string) -> ()

        # Ends the agent when what it is doing is stored.
        method Stop() -> ()

        # Stores a login: what a token endpoint answered, and whose it is (docs/agent.md).
        method Adopt(bundle: object, label: ?string, store: ?string) -> (account: Account, isNew: bool)

        # Spends the refresh token now.
        method Refresh(provider: string, account: ?string, store: ?string) -> (account: Account, warning: ?string)

        # Removes an account; with revoke the provider is told first.
        method Remove(provider: string, account: ?string, revoke: ?bool, store: ?string) -> (account: Account, warning: ?string)

        # A person has to log in.
        error LoginRequired (provider: ?string, account: ?string, message: string, remedy: ?string, code: string)
        # Nobody gave the key: not a reason to go round the agent.
        error VaultLocked (provider: ?string, account: ?string, message: string, remedy: ?string, code: string)
        # Try later.
        error ProviderUnavailable (provider: ?string, account: ?string, message: string, remedy: ?string, code: string)
        error NoSuchAccount (provider: ?string, account: ?string, message: string, remedy: ?string, code: string)
        # The message lists the candidates.
        error AmbiguousAccount (provider: ?string, account: ?string, message: string, remedy: ?string, code: string)
        # The account is not handed out by the agent.
        error AccessDenied (provider: ?string, account: ?string, message: string, remedy: ?string, code: string)
        # This agent serves another data directory.
        error WrongStore (provider: ?string, account: ?string, message: string, remedy: ?string, code: string)
        # Anything else, as code says.
        error Failed (provider: ?string, account: ?string, message: string, remedy: ?string, code: string)

        """

    static let serviceDescription = """
        # The varlink interface that every service has.
        interface org.varlink.service

        method GetInfo() -> (
          vendor: string,
          product: string,
          version: string,
          url: string,
          interfaces: []string
        )

        method GetInterfaceDescription(interface: string) -> (description: string)

        error InterfaceNotFound (interface: string)
        error MethodNotFound (method: string)
        error MethodNotImplemented (method: string)
        error InvalidParameter (parameter: string)
        error PermissionDenied ()
        error ExpectedMore ()

        """
}
