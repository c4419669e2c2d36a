import Agent
import OAuth
import Platform
import Vault

/// Where a command lets the agent do what needs the vault's key; without one it does it in process, under the same locks.
extension CommandContext {
    var agent: AgentClient { AgentClient(paths) }

    /// What the agent makes of it; nil where none runs (for this store), and the command works by itself.
    ///
    /// Its errors are the command's. Only one that is broken is gone round, which is said.
    func viaAgent<R: Sendable>(
        _ provider: String? = nil, account: String? = nil, _ body: (AgentClient) async throws(AgentClient.Failure) -> R?
    ) async throws(CommandFailure) -> R? {
        do throws(AgentClient.Failure) { return try await body(agent) } catch {
            if case .broken(let reason) = error {
                output.note("warning: the agent is not used: \(reason)")
                return nil
            }
            throw CommandFailure(error, provider: provider, account: account)
        }
    }

    /// The agent's status, where one serves this store.
    func agentStatus() async throws(CommandFailure) -> JSONObject? {
        try await viaAgent { (agent) async throws(AgentClient.Failure) in try await agent.status() }
    }
}

extension CommandContext {
    /// Stores a login: through the agent that was found before it began, else in process. One that went away meanwhile does not
    /// cost the person their login.
    func adopt(_ login: consuming LoginResult, label: String?, _ agent: AgentClient?) async throws(OAuthError) -> TokenManager.Adoption {
        if let agent {
            let bundle = try LoginBundle.encode(login)
            let stored: (id: String, isNew: Bool)?
            do throws(AgentClient.Failure) { stored = try await agent.adopt(bundle, label: label) } catch {
                guard case .broken(let reason) = error else {
                    let (code, message, remedy) = error.error
                    throw OAuthError(ErrorCode.code(named: code), message, remedy: remedy)
                }
                output.note("warning: the agent is not used: \(reason)")
                stored = nil
            }
            if let stored, let account = try service.metadata().account(id: stored.id) {
                return TokenManager.Adoption(account: account, isNew: stored.isNew)
            }
        }
        return try await service.tokens.adopt(login, label: label)
    }
}
