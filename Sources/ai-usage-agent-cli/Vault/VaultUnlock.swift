import Agent
import ArgumentParser
import Platform
import Vault

struct VaultUnlock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "unlock", abstract: "Let the desktop keyring ask you to unlock it.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        let record = try await attemptVault { () throws(VaultError) in try context.service.vault.metadataStore.read() }.vault
        guard let record, record.backend == .keyring || record.identitySource == .keyring else {
            let how = record == nil ? "there is no vault yet" : "this vault does not use the desktop keyring"
            return context.output.result(
                ["schemaVersion": 1, "unlocked": false, "reason": .string(how)], text: how + "; there is nothing to unlock")
        }
        let sources = context.service.vault.sources
        try await attemptVault { () async throws(VaultError) in try await KeyringProbe(sources).unlock() }
        context.output.result(["schemaVersion": 1, "unlocked": true, "reason": nil], text: "the desktop keyring is unlocked")
    }
}

struct VaultLock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "lock", abstract: "Forget what is held unlocked.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let context = try CommandContext(global)
        let inspection = try await attemptVault { () async throws(VaultError) in
            try await VaultInspection.run(context.service.vault)
        }
        // Every command forgets its keys when it ends; only a running agent would hold any, and this version has none. That
        // locks no vault whose key lies open.
        let isOpen = inspection.record != nil && inspection.lockedBecause == nil
        let source = inspection.record.map { "; \($0.identitySource.rawValue) opens the vault without asking anybody" } ?? ""
        let reason = "no agent is running" + (isOpen ? source : "")
        context.output.result(
            ["schemaVersion": 1, "locked": inspection.record == nil ? nil : .bool(!isOpen), "reason": .string(reason)],
            text: "nothing is held unlocked: " + reason)
    }
}
