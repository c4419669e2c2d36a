import Testing

@testable import Vault

@Suite("The life of an open vault")
struct VaultLifetimeTests {
    @Test("ends with the last who holds it, and the keys in memory with it")
    func released() async throws {
        try await VaultHome.withVault { home in
            weak var vault: Vault?
            weak var opened: OpenVault?
            do {
                let held = home.vault()
                let open = try await held.open()
                try await open.add(1)
                (vault, opened) = (held, open)
                #expect(vault != nil && opened != nil)
            }
            // The thread that ran the opening may let go a moment later.
            for _ in 0..<10_000 where vault != nil || opened != nil { await Task.yield() }
            #expect(vault == nil && opened == nil)
        }
    }
}
