import Agent
import ArgumentParser
import Platform
import Vault

struct VaultUnlock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock", abstract: "Let the desktop keyring ask you to unlock it, and give the agent what opens the vault.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var passphrase: PassphraseOptions

    func run() async throws {
        let context = try CommandContext(global, passphrase)
        let record = try await attemptVault { () throws(VaultError) in try context.service.vault.metadataStore.read() }.vault
        let usesKeyring = record.map { $0.backend == .keyring || $0.identitySource == .keyring } ?? false
        if usesKeyring {
            let sources = context.service.vault.sources
            try await attemptVault { () async throws(VaultError) in try await KeyringProbe(sources).unlock() }
        }
        if let record, let status = try await context.agentStatus() { return try await unlockAgent(status, record, context) }
        if usesKeyring {
            return context.output.result(
                ["schemaVersion": 1, "unlocked": true, "reason": nil], text: "the desktop keyring is unlocked")
        }
        let how = record == nil ? "there is no vault yet" : "no agent is running, and this vault does not use the desktop keyring"
        context.output.result(["schemaVersion": 1, "unlocked": false, "reason": .string(how)], text: how + "; there is nothing to unlock")
    }

    private func unlockAgent(_ status: JSONObject, _ record: VaultRecord, _ context: CommandContext) async throws(CommandFailure) {
        if status["locked"]?.bool == true {
            let secret: SecretBox
            if record.identitySource == .passphrase {
                secret = SecretBox(try await attemptVault { () async throws(VaultError) in try await context.passphrase.read() })
            } else {
                secret = SecretBox(nil)
            }
            let isDone = try await context.viaAgent { (agent) async throws(AgentClient.Failure) in
                try await agent.unlock(secret.take())
            }
            guard isDone == true else { throw CommandFailure.noAgent(context.agent.client) }
        }
        context.output.result(["schemaVersion": 1, "unlocked": true, "reason": nil], text: "the agent holds the vault open")
    }
}

struct VaultLock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock", abstract: "Make the agent forget the vault's key and every token until vault unlock.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        if try await context.agentStatus() != nil {
            let isDone = try await context.viaAgent { (agent) async throws(AgentClient.Failure) in try await agent.ask("Lock") }
            guard isDone != nil else { throw CommandFailure.noAgent(context.agent.client) }
            return context.output.result(
                ["schemaVersion": 1, "locked": true, "reason": nil],
                text: "the agent is locked; open it with: ai-usage-agent vault unlock")
        }
        let inspection = try await attemptVault { () async throws(VaultError) in
            try await VaultInspection.run(context.service.vault)
        }
        // Every command forgets its keys when it ends. That locks no vault whose key lies open.
        let isOpen = inspection.record != nil && inspection.lockedBecause == nil
        let source = inspection.record.map { "; \($0.identitySource.rawValue) opens the vault without asking anybody" } ?? ""
        let reason = "no agent is running" + (isOpen ? source : "")
        context.output.result(
            ["schemaVersion": 1, "locked": inspection.record == nil ? nil : .bool(!isOpen), "reason": .string(reason)],
            text: "nothing is held unlocked: " + reason)
    }
}
