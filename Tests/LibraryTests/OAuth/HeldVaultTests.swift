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
}
