import Agent
import OAuth
import Platform
import Vault

/// The agent as one command meets it: one that is broken is gone round, which is said once, and is not asked again.
final class AgentContact: Sendable {
    let client: AgentClient
    private let output: Output
    private let isBroken = Guarded(false)
    /// The last question found nobody who serves this store.
    private let isAbsent = Guarded(false)

    init(_ client: AgentClient, _ output: Output) { (self.client, self.output) = (client, output) }

    /// What the agent makes of it; nil where none runs for this store, or a broken one.
    ///
    /// - Throws: the error that the agent answered.
    func ask<R: Sendable>(
        _ body: (AgentClient) async throws(AgentClient.Failure) -> R?
    ) async throws(AgentClient.Failure) -> R? {
        if isBroken.peek({ $0 }) { return nil }
        do throws(AgentClient.Failure) {
            let answer = try await body(client)
            isAbsent.withLock { $0 = answer == nil }
            return answer
        } catch {
            switch error {
            case .refused: throw error
            case .broken(let reason): output.note("warning: the agent is not used: \(reason)")
            case .silent:
                let (_, message, remedy) = error.error
                output.note("warning: \(message) and is not used\(remedy.map { "; \($0)" } ?? "")")
            }
            isBroken.withLock { $0 = true }
            return nil
        }
    }

    /// Whether an agent that serves this store was told to lock: nobody goes round that, even where the key lies open.
    func holdsVaultLocked() async -> Bool {
        if isAbsent.peek({ $0 }) { return false }
        let status = try? await ask { (agent) async throws(AgentClient.Failure) in try await agent.status() }
        return status?["locked"]?.bool == true
    }
}

/// Where a command lets the agent do what needs the vault's key; without one it does it in process, under the same locks.
extension CommandContext {
    /// What the agent makes of it; nil where none runs (for this store), and the command works by itself.
    ///
    /// Its errors are the command's. Only one that is broken is gone round, which is said.
    func viaAgent<R: Sendable>(
        _ provider: String? = nil, account: String? = nil, _ body: (AgentClient) async throws(AgentClient.Failure) -> R?
    ) async throws(CommandFailure) -> R? {
        do throws(AgentClient.Failure) { return try await agent.ask(body) } catch {
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
    func adopt(_ login: consuming LoginResult, label: String?, _ agent: AgentContact?) async throws(OAuthError) -> TokenManager.Adoption {
        if let agent {
            let bundle = try LoginBundle.encode(login)
            let stored: (id: String, isNew: Bool)?
            do throws(AgentClient.Failure) {
                stored = try await agent.ask { (agent) async throws(AgentClient.Failure) in try await agent.adopt(bundle, label: label) }
            } catch {
                let (code, message, remedy) = error.error
                throw OAuthError(ErrorCode.code(named: code), message, remedy: remedy)
            }
            if let stored, let account = try service.metadata().account(id: stored.id) {
                return TokenManager.Adoption(account: account, isNew: stored.isNew)
            }
        }
        return try await service.tokens.adopt(login, label: label)
    }
}
