import Vault

/// A refresh whose request has arrived and whose answer the server holds back.
struct HeldRefresh {
    let house: VaultHouse
    let account: AccountRecord
    let gate: OAuthGate
    /// The access token, when the gate is open.
    let token: Task<String, any Error>
}

extension VaultHouse {
    /// Of an account whose access token has expired; the answer brings at-2 and rt-2.
    static func heldRefresh() async throws -> HeldRefresh {
        let gate = OAuthGate()
        let house = try await VaultHouse(server: OAuthServer(gate: gate))
        let account = try await house.expiredAccount()
        await house.server.expect(.reply(200, OAuthTokens.answer("at-2", "rt-2")))
        let token: Task<String, any Error> = Task { try await house.token(account).text }
        await gate.arrived()
        return HeldRefresh(house: house, account: account, gate: gate, token: token)
    }
}
