import Platform
import TestSupport
import Testing

@testable import Vault

@Suite("A vault that was opened before it was rekeyed or moved")
struct SupersededTests {
    private func rekey(_ home: VaultHome) async throws {
        _ = try await VaultRekey(home.vault(), newKeyFile: nil, newPassphrase: nil).run()
    }

    /// auth.json as a migration to the keyring leaves it.
    private func pinKeyring(_ home: VaultHome) async throws {
        let keys = try home.keys()
        try await home.store.update { metadata in
            metadata.vault?.backend = .keyring
            metadata.vault?.sealedSha256 = nil
            metadata.vault?.take(nil, keys)
        }
    }

    /// Every file but the locks, which are empty and made when they are first taken.
    private func content(_ home: VaultHome) -> [String: [UInt8]] { home.folder.allFiles().filter { !$0.key.contains("/locks/") } }

    @Test("writes nothing, reads nothing, and says that it is to be opened again", arguments: ["rekey", "move"])
    func refused(_ change: String) async throws {
        try await VaultHome.withVault { home in
            let open = try await home.open()
            try await open.add(1)
            if change == "rekey" { try await rekey(home) } else { try await pinKeyring(home) }
            let before = content(home)
            #expect(await vaultError { try await open.add(2) }?.code == .superseded)
            #expect(await vaultError { try await open.remove(accountId(1)) }?.code == .superseded)
            #expect(await vaultError { _ = try await open.flightLock() }?.code == .superseded)
            if change == "rekey" { #expect(await vaultError { _ = try await open.bundle(accountId(1)) }?.code == .superseded) }
            #expect(await vaultError { _ = try await open.bundle(accountId(2)) }?.code == .superseded, "no empty store")
            #expect(content(home) == before)
        }
    }

    @Test(
        "and has since waited for its turn to change it as a whole, neither exports, nor imports, nor accepts anything",
        arguments: ["rekey", "move"])
    func maintenance(_ change: String) async throws {
        try await VaultHome.withVault { home in
            try await home.open().add(1)
            let waiting = try await VaultMaintenance(home.vault())
            let rekeying = try await VaultRekey(home.vault(), newKeyFile: nil, newPassphrase: nil)
            if change == "rekey" { try await rekey(home) } else { try await pinKeyring(home) }
            let before = content(home)
            let recipient = try #require(home.store.read().vault?.recipient)
            let key = try home.keys().recipient
            #expect(
                await vaultError { _ = try await waiting.export(to: .recipients([key])) }?.code == .superseded, "not one of no accounts")
            #expect(await vaultError { _ = try await waiting.adopt() }?.code == .superseded)
            #expect(await vaultError { _ = try await waiting.migrate(to: .file, nil) }?.code == .superseded)
            #expect(await vaultError { _ = try await rekeying.run() }?.code == .superseded)
            #expect(try home.store.read().vault?.recipient == recipient)
            #expect(content(home) == before)
        }
    }

    @Test("is opened again by whoever begins a flight, and held as it is until the flight ends")
    func flight() async throws {
        try await VaultHome.withVault { home in
            let vault = home.vault()
            let old = try await vault.open()
            try await old.add(1)
            try await rekey(home)
            let flight = try await vault.beginFlight()
            #expect(flight.vault.keys.recipient != old.keys.recipient)
            try await flight.vault.add(2)
            #expect(try await flight.vault.contents(1)?.access == "access")
            #expect(try await home.open().contents(2)?.access == "access")
            extendLifetime(flight)
        }
    }

    @Test("A rekeying that a crash cut right behind auth.json is found by everybody, and by an open vault as a change")
    func cut() async throws {
        try await VaultHome.withVault { home in
            let open = try await home.open()
            try await open.add(1)
            let (oldStore, oldKey) = (
                try #require(home.folder.read(VaultHome.sealedFile)), try #require(home.folder.read(VaultHome.keyFile))
            )
            try await rekey(home)
            // The names as they were before: store and key still wait.
            for (name, old) in [(VaultHome.sealedFile, oldStore), (VaultHome.keyFile, oldKey)] {
                try home.folder.write(try #require(home.folder.read(name)), name + ".next")
                try home.folder.write(old, name)
            }
            #expect(await vaultError { try await open.add(2) }?.code == .superseded)
            #expect(try await home.open().contents(1)?.access == "access")
            #expect(home.folder.read(VaultHome.sealedFile) != oldStore && home.folder.read(VaultHome.keyFile) != oldKey)
            #expect(!home.folder.allFiles().keys.contains { $0.hasSuffix(".next") })
        }
    }
}
