import OAuth
import Platform
import Providers
import Vault

/// The methods of `io.aiusage.Agent` that may take their time, each from its parameters to its answer.
extension AgentCore {
    nonisolated func perform(_ call: VarlinkCall) async -> Result<OutgoingMessage, VarlinkError> {
        do throws(VarlinkError) { return .success(try await answer(call)) } catch { return .failure(error) }
    }

    private nonisolated func answer(_ call: VarlinkCall) async throws(VarlinkError) -> OutgoingMessage {
        switch call.method {
        case Method.listAccounts:
            let parameters = try VarlinkParameters(call, known: ["provider"])
            let provider = try parameters.optionalText("provider").map(ProviderCatalog.canonical)
            let listings = try await translating(provider, nil) { () async throws(OAuthError) in
                try await current().listings(provider: provider)
            }
            return VarlinkReply.success(["accounts": .array(listings.map(\.json))])
        case Method.getUsage:
            let parameters = try VarlinkParameters(call, known: ["provider", "account", "refresh"])
            let provider = try parameters.optionalText("provider").map(ProviderCatalog.canonical)
            let (name, refresh) = (try parameters.optionalText("account"), try parameters.flag("refresh"))
            let snapshots = try await translating(provider, name) { () async throws(OAuthError) in
                try await usage(provider, name, refresh: refresh)
            }
            return VarlinkReply.success(["snapshots": .array(snapshots)])
        case Method.status:
            _ = try VarlinkParameters(call, known: [])
            return VarlinkReply.success(await status())
        case Method.lock:
            _ = try VarlinkParameters(call, known: [])
            await lock()
            return VarlinkReply.success([:])
        case Method.unlock:
            let parameters = try VarlinkParameters(call, known: ["passphrase"])
            let passphrase = SecretBox(try parameters.optionalSecret("passphrase"))
            try await translating(nil, nil) { () async throws(OAuthError) in try await unlock(passphrase.take()) }
            return VarlinkReply.success([:])
        case Method.adopt:
            let parameters = try VarlinkParameters(call, known: ["bundle", "label", "store"])
            try checkStore(try parameters.optionalText("store"))
            let bundle = SecretBox(try parameters.object("bundle"))
            let label = try parameters.optionalText("label")
            let adoption = try await translating(nil, label) { () async throws(OAuthError) in
                try await adopt(bundle.take() ?? SecretBytes(zeroes: 0), label: label)
            }
            return VarlinkReply.success(["account": await listing(adoption.account), "isNew": .bool(adoption.isNew)])
        case Method.refresh:
            let parameters = try VarlinkParameters(call, known: ["provider", "account", "store"])
            let (provider, name) = try account(parameters)
            let (account, warning) = try await translating(provider, name) { () async throws(OAuthError) in
                try await refresh(provider, name)
            }
            return VarlinkReply.success(["account": await listing(account), "warning": .optional(warning)])
        case Method.remove:
            let parameters = try VarlinkParameters(call, known: ["provider", "account", "revoke", "store"])
            let (provider, name) = try account(parameters)
            let revoke = try parameters.flag("revoke")
            let (account, warning) = try await translating(provider, name) { () async throws(OAuthError) in
                try await remove(provider, name, revoke: revoke)
            }
            return VarlinkReply.success([
                "account": AccountListing(record: account, defaultReason: nil).json, "warning": .optional(warning),
            ])
        default: throw VarlinkError.noSuchMethod(call.method)
        }
    }

    enum Method {
        static let getToken = AgentInterface.name + ".GetToken"
        static let listAccounts = AgentInterface.name + ".ListAccounts"
        static let getUsage = AgentInterface.name + ".GetUsage"
        static let watchUsage = AgentInterface.name + ".WatchUsage"
        static let status = AgentInterface.name + ".Status"
        static let lock = AgentInterface.name + ".Lock"
        static let unlock = AgentInterface.name + ".Unlock"
        static let stop = AgentInterface.name + ".Stop"
        static let adopt = AgentInterface.name + ".Adopt"
        static let refresh = AgentInterface.name + ".Refresh"
        static let remove = AgentInterface.name + ".Remove"
        static let info = AgentInterface.service + ".GetInfo"
        static let interfaceDescription = AgentInterface.service + ".GetInterfaceDescription"
    }

    /// - Throws: WrongStore where the caller means another person's, a test's or a demo's data.
    nonisolated func checkStore(_ store: String?) throws(VarlinkError) {
        guard let store, store != paths.data else { return }
        throw VarlinkError(
            .wrongStore, code: "wrong_store", message: "this agent serves \(paths.data), not \(store)",
            remedy: "stop it (ai-usage-agent agent stop) and start one for the other store, or work without it")
    }

    /// Whom a method means, in a store that is ours.
    private nonisolated func account(_ parameters: VarlinkParameters) throws(VarlinkError) -> (provider: String, name: String?) {
        try checkStore(try parameters.optionalText("store"))
        return (ProviderCatalog.canonical(try parameters.text("provider")), try parameters.optionalText("account"))
    }

    private nonisolated func translating<R: Sendable>(_ provider: String?, _ account: String?, _ body: () async throws(OAuthError) -> R)
        async throws(VarlinkError) -> R
    {
        do throws(OAuthError) { return try await body() } catch {
            throw VarlinkError(error, provider: provider, account: account)
        }
    }

    private func listing(_ account: AccountRecord) -> JSONValue {
        let listings = (try? service.metadata()).map { AccountListing.all($0, provider: account.provider) } ?? []
        return listings.first { $0.record.id == account.id }?.json ?? AccountListing(record: account, defaultReason: nil).json
    }

    /// What is known of all accounts, without asking anybody.
    func lastReadings() throws(OAuthError) -> [JSONValue] {
        try checkUnlocked()
        let service = current()
        return UsageService(service).lastReadings(of: try service.metadata().accounts).map(\.json)
    }

    func usage(_ provider: String?, _ name: String?, refresh: Bool) async throws(OAuthError) -> [JSONValue] {
        try checkUnlocked()
        let service = current()
        let accounts: [AccountRecord]
        if let provider, name != nil {
            accounts = [try service.account(provider, named: name)]
        } else {
            accounts = try service.metadata().accounts.filter { provider == nil || $0.provider == provider }
        }
        let snapshots = await UsageService(service).readings(of: accounts, refresh: refresh).map(\.json)
        if refresh { watchers.publish(snapshots) }
        return snapshots
    }
}

/// The parameters of `GetToken`.
struct TokenQuestion {
    let question: TokenShelf.Question
    let minimum: Int?
    let store: String?

    init(_ call: VarlinkCall) throws(VarlinkError) {
        let parameters = try VarlinkParameters(call, known: ["provider", "account", "minTtlSeconds", "store"])
        question = TokenShelf.Question(provider: try parameters.text("provider"), account: try parameters.optionalText("account"))
        minimum = try parameters.optionalNumber("minTtlSeconds")
        store = try parameters.optionalText("store")
        if let minimum, minimum < 0 { throw VarlinkError.invalidParameter("minTtlSeconds") }
    }
}
