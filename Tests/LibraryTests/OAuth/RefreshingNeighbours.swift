import OAuth
import Vault

/// Two processes on one vault. The server holds the first one's answer back; the second one's clock stands still while it waits
/// for a lock, and shows that it waits.
struct RefreshingNeighbours {
    let house: VaultHouse
    let other: VaultHouse
    let account: AccountRecord
    let inRequest: OAuthGate
    let waiting: OAuthGate

    /// Lets the second one wait no longer, and the first one have its answer.
    func goOn() {
        waiting.open()
        inRequest.open()
    }
}

extension VaultHouse {
    /// The first one's server expects one refresh, which brings at-2 and rt-2; the other's expects nothing.
    ///
    /// - Parameter isExpired: the access token of the account ended an hour ago.
    static func refreshingNeighbours(isExpired: Bool = true) async throws -> RefreshingNeighbours {
        let inRequest = OAuthGate()
        let waiting = OAuthGate()
        let house = try await VaultHouse(server: OAuthServer(gate: inRequest))
        let patient = OAuthClock(sleeper: {
            await waiting.pass()
            await Task.yield()
        })
        let account = try await isExpired ? house.expiredAccount() : house.login().account
        if isExpired { patient.advance(7200) }
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        let other = try house.neighbour(server: OAuthServer(), clock: patient)
        return RefreshingNeighbours(house: house, other: other, account: account, inRequest: inRequest, waiting: waiting)
    }
}
