import Platform
import Testing

@testable import OAuth
@testable import Vault

@Suite("A vault that is held locked")
struct HeldVaultTests {
    @Test(
        "It is not opened by anybody, although its key file lies open, until it is unlocked; a token manager gives nothing and asks nobody")
    func held() async throws {
        let house = try await VaultHouse()
        let account = try await house.login().account
        #expect(try await house.token(account).text == "at-1")
        await house.vault.hold()
        #expect(await !house.vault.isOpen)
        await #expect(throws: VaultError.self) { _ = try await house.vault.open() }
        #expect(await house.refusal(account)?.code == .vault(.locked))
        house.clock.advance(7200)
        #expect(await house.refusal(account, .new)?.code == .vault(.locked))
        #expect(await house.server.count == 0)
        try await house.vault.unlock(nil)
        house.clock.advance(-7200)
        #expect(try await house.token(account).text == "at-1")
    }

    @Test("Held again while it is being unlocked it stays held, whatever the passphrase")
    func heldMeanwhile() async throws {
        let gate = OAuthGate()
        let house = try await VaultHouse()
        let isAsking = Guarded(false)
        // What is asked before a key is read takes as long as a passphrase.
        let vault = Vault(
            sources: house.vault.sources, time: house.clock.source, machineId: "test",
            isHeldElsewhere: {
                if isAsking.peek({ $0 }) { await gate.pass() }
                return false
            })
        await vault.hold()
        isAsking.withLock { $0 = true }
        let unlocking = Task {
            do throws(VaultError) {
                try await vault.unlock(nil)
                return VaultError.Code?.none
            } catch { return error.code }
        }
        await gate.arrived()
        await vault.hold()
        gate.open()
        #expect(await unlocking.value == .locked)
        await #expect(throws: VaultError.self) { _ = try await vault.open() }
        try await vault.unlock(nil)
        _ = try await vault.open()
    }

    @Test("An opening that fails late takes nothing from one that succeeded meanwhile")
    func staleFailure() async throws {
        let gate = OAuthGate()
        let house = try await VaultHouse()
        let isFirst = Guarded(true)
        let asked = Guarded(0)
        let vault = Vault(
            sources: house.vault.sources, time: house.clock.source, machineId: "test",
            isHeldElsewhere: {
                asked.withLock { $0 += 1 }
                let waits = isFirst.withLock { isFirst in
                    defer { isFirst = false }
                    return isFirst
                }
                if waits { await gate.pass() }
                return waits
            })
        let failing = Task { await vaultCode { () async throws(VaultError) in _ = try await vault.open() } }
        await gate.arrived()
        try await vault.unlock(nil)
        gate.open()
        #expect(await failing.value == .locked)
        _ = try await vault.open()
        #expect(asked.peek { $0 } == 2, "it was open already")
    }

    @Test("What another process holds locked is not opened by this one")
    func heldElsewhere() async throws {
        let house = try await VaultHouse()
        let isHeld = Guarded(true)
        let vault = Vault(
            sources: house.vault.sources, time: house.clock.source, machineId: "test", isHeldElsewhere: { isHeld.peek { $0 } })
        #expect(await vaultCode { () async throws(VaultError) in _ = try await vault.open() } == .locked)
        isHeld.withLock { $0 = false }
        _ = try await vault.open()
    }

    private func vaultCode(_ body: () async throws(VaultError) -> Void) async -> VaultError.Code? {
        do throws(VaultError) {
            try await body()
            return nil
        } catch { return error.code }
    }
}
