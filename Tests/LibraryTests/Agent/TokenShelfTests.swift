import OAuth
import Platform
import Testing
import Vault

@testable import Agent

@Suite("The shelf of live tokens")
struct TokenShelfTests {
    private static let question = TokenShelf.Question(provider: "acme", account: nil)

    /// A shelf that was asked once, for a token of an hour.
    private static func filled(_ house: VaultHouse) async throws -> (shelf: TokenShelf, account: AccountRecord) {
        let account = try await house.login().account
        let shelf = TokenShelf(metadataFile: house.paths.metadataFile)
        let seen = shelf.look()
        shelf.keep(TokenShelf.Entry(try await house.token(account)), for: question, seen: seen)
        return (shelf, account)
    }

    private static func isAtHand(_ shelf: TokenShelf, _ house: VaultHouse, minimum: Int? = nil) -> Bool {
        shelf.answer(question, minimum: minimum, now: house.clock.now) != nil
    }

    @Test("A token is at hand while it lives long enough for who asks, and no longer", arguments: [nil, 420, 1000])
    func age(_ minimum: Int?) async throws {
        let house = try await VaultHouse()
        let (shelf, _) = try await TokenShelfTests.filled(house)
        #expect(TokenShelfTests.isAtHand(shelf, house, minimum: minimum))
        house.clock.advance(3600 - (minimum ?? 300) - 1)
        #expect(TokenShelfTests.isAtHand(shelf, house, minimum: minimum))
        house.clock.advance(1)
        #expect(!TokenShelfTests.isAtHand(shelf, house, minimum: minimum))
    }

    @Test("Nothing is given from before a change of auth.json, and an account's token of the same generation is kept")
    func changedMetadata() async throws {
        let house = try await VaultHouse()
        let (shelf, account) = try await TokenShelfTests.filled(house)
        let before = shelf.look()
        try await house.vault.metadataStore.update { $0.pins["acme"] = account.id }
        #expect(!TokenShelfTests.isAtHand(shelf, house))
        let entry = try #require(shelf.entry(account, minimum: nil, now: house.clock.now))
        // Made from what was before: not an answer any more.
        shelf.keep(entry, for: TokenShelfTests.question, seen: before)
        #expect(!TokenShelfTests.isAtHand(shelf, house))
        shelf.keep(entry, for: TokenShelfTests.question, seen: shelf.look())
        #expect(TokenShelfTests.isAtHand(shelf, house))
        var newer = account
        newer.generation += 1
        #expect(shelf.entry(newer, minimum: nil, now: house.clock.now) == nil)
    }

    @Test("Locked it gives and takes nothing, not even what was on its way; a forgotten account is asked for anew")
    func locked() async throws {
        let house = try await VaultHouse()
        let (shelf, account) = try await TokenShelfTests.filled(house)
        let seen = shelf.look()
        let entry = try #require(shelf.entry(account, minimum: nil, now: house.clock.now))
        shelf.lock()
        #expect(!TokenShelfTests.isAtHand(shelf, house) && shelf.count == 0)
        shelf.keep(entry, for: TokenShelfTests.question, seen: seen)
        shelf.unlock()
        // From before the lock, also when it is open again.
        shelf.keep(entry, for: TokenShelfTests.question, seen: seen)
        #expect(!TokenShelfTests.isAtHand(shelf, house))
        shelf.keep(entry, for: TokenShelfTests.question, seen: shelf.look())
        #expect(TokenShelfTests.isAtHand(shelf, house))
        shelf.forget(account.id)
        #expect(!TokenShelfTests.isAtHand(shelf, house) && shelf.entry(account, minimum: nil, now: house.clock.now) == nil)
    }
}
