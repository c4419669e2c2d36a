import Glibc
import Platform
import TestSupport
import Testing

@testable import Vault

struct VaultConcurrencyTests {
    @Test("Of fifty changes at once, through stores that do not know each other, none is lost")
    func metadataUpdates() async throws {
        try await VaultHome.withVault { home in
            try await home.store.update { $0.accounts = [demoRecord(0)] }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...50 {
                    group.addTask {
                        try await home.store.update { metadata in
                            metadata.accounts.append(demoRecord(number))
                            metadata.updateAccount(id: accountId(0)) { $0.generation += 1 }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let metadata = try home.store.read()
            #expect(metadata.account(id: accountId(0))?.generation == 50)
            #expect(Set(metadata.accounts.map(\.id)) == Set((0...50).map(accountId)))
            #expect(home.folder.names(in: VaultHome.data).allSatisfy { !$0.hasPrefix(".tmp-") })
        }
    }

    @Test("Accounts that are committed at once, by two open vaults, are all there afterwards")
    func commits() async throws {
        try await VaultHome.withVault { home in
            let vaults = [try await home.open(), try await home.open()]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...12 {
                    group.addTask { try await vaults[number % 2].add(number, access: "access-\(number)") }
                }
                try await group.waitForAll()
            }
            let vault = try await home.open()
            for number in 1...12 { #expect(try await vault.contents(number)?.access == "access-\(number)") }
            let metadata = try home.store.read()
            #expect(metadata.accounts.count == 12)
            #expect(metadata.vault?.generation == 12)
        }
    }

    /// A passphrase command that leaves a line each time it runs.
    private func counting(_ home: VaultHome, _ passphrase: String = VaultHome.passphrase) -> PassphraseReader {
        let script = "echo ran >> \"$1\"; echo \"$2\""
        return PassphraseReader(
            source: .command(["/bin/sh", "-c", script, "sh", home.folder.file("runs"), passphrase]), environment: [:])
    }

    private func runs(_ home: VaultHome) -> Int { home.folder.read("runs")?.count { $0 == UInt8(ascii: "\n") } ?? 0 }

    @Test("Callers that open at once share one question, and later ones need none")
    func sharedOpening() async throws {
        try await VaultHome.with { home in
            let first = home.vault(counting(home))
            _ = try await first.initialize(.file, .passphrase)
            _ = try await first.open()
            #expect(runs(home) == 1, "whoever made the vault is not asked again")
            unlink(home.folder.file("runs"))
            let vault = home.vault(counting(home))
            let ids = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<20 { group.addTask { try await vault.open().id } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            _ = try await vault.open()
            #expect(runs(home) == 1)
        }
    }

    @Test("A failure to open is not remembered")
    func failureIsNotKept() async throws {
        try await VaultHome.withVault { home in
            let vault = home.vault()
            rename(home.paths.defaultKeyFile, home.folder.file("away"))
            #expect(await vaultError { _ = try await vault.open() }?.code == .unavailable)
            rename(home.folder.file("away"), home.paths.defaultKeyFile)
            let id = try home.store.read().vault?.id
            #expect(try await vault.open().id == id)
        }
    }

    @Test("Two first vaults at once are one vault and one refusal")
    func twoInitialisations() async throws {
        try await VaultHome.with { home in
            let path = home.paths.defaultKeyFile
            let outcomes = await withTaskGroup(of: VaultError.Code?.self) { group in
                for _ in 0..<6 { group.addTask { await vaultError { _ = try await home.initialise(.keyFile(path: path)) }?.code } }
                return await group.reduce(into: [VaultError.Code?]()) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == nil } == 1)
            #expect(outcomes.count { $0 == .usage } == 5)
            _ = try await home.open()
        }
    }

    @Test("The lock of an account is one for one identity of one provider, and its name tells nobody who")
    func accountLocks() async throws {
        try await VaultHome.withVault { home in
            let clock = SteppingClock()
            let locks = try VaultLocks(paths: home.paths, time: clock.source)
            func take(_ provider: String, _ key: String) async -> VaultError.Code? {
                await vaultError { _ = try await locks.take(.account(provider: provider, accountKey: key, vaultId: "v")) }?.code
            }
            let held = try await locks.take(.account(provider: "demo", accountKey: "me@example.com", vaultId: "v"))
            #expect(await take("demo", "me@example.com") == .busy)
            #expect(clock.elapsed >= .seconds(35))
            #expect(await take("demo", "you@example.com") == nil)
            #expect(await take("other", "me@example.com") == nil)
            #expect(await take("dem", "ome@example.com") == nil)
            #expect(held.isValid == true)
            let names = home.folder.names(in: VaultHome.data + "/locks").joined(separator: " ")
            #expect(!names.contains("example") && !names.contains("demo"))
        }
    }
}
