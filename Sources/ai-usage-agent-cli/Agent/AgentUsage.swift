import Agent
import Platform
import Providers
import Vault

extension CommandContext {
    /// Usage of the accounts, in their order. A running agent asks for those of the vault, so that nobody opens it here; what it
    /// learned stands in the readings that all processes share.
    ///
    /// - Throws: `vault_locked` where the agent is locked.
    func readings(
        of accounts: [AccountRecord], refresh: Bool = false, includeRaw: Bool = false, onProgress: (@Sendable (Int) -> Void)? = nil
    ) async throws(CommandFailure) -> [UsageSnapshot] {
        let usage = UsageService(service)
        let own = accounts.filter { $0.owner == .vault }
        let status = own.isEmpty ? nil : try await agentStatus()
        if status?["locked"]?.bool == true { throw CommandFailure(Vault.held) }
        // What a provider answered word by word is passed on to nobody.
        guard !includeRaw, status != nil else {
            return await usage.readings(of: accounts, refresh: refresh, includeRaw: includeRaw, onProgress: onProgress)
        }
        let providers = Set(own.map(\.provider))
        let asked: JSONObject = [
            "provider": .optional(providers.count == 1 ? providers.first : nil), "account": .optional(own.count == 1 ? own[0].id : nil),
            "refresh": .bool(refresh),
        ]
        let answer = try await viaAgent { (agent) async throws(AgentClient.Failure) in try await agent.ask("GetUsage", asked) }
        guard answer != nil else {
            return await usage.readings(of: accounts, refresh: refresh, includeRaw: includeRaw, onProgress: onProgress)
        }
        let others = accounts.filter { $0.owner != .vault }
        let shown = usage.lastReadings(of: own) + (await usage.readings(of: others, refresh: refresh, onProgress: onProgress))
        let byId = Dictionary(zip((own + others).map(\.id), shown)) { first, _ in first }
        return accounts.compactMap { byId[$0.id] }
    }
}
