import Platform
import Synchronization

/// Why a grant is refused.
enum Refusal: Error {
    case malformed(String)
    case unsupportedGrant
    case code(String)
    /// An error of RFC 8628 section 3.5, by its name.
    case device(String)
    case unknownToken
    case emptyToken
    case otherClient
    /// The refresh token was spent before; its family is revoked now.
    case reused
    case revoked
}

/// All tokens of one login, from the first to the latest rotation: they live and die together.
///
/// Rotation is strict: a refresh token is good once. Within the grace the one that was spent last gets the same pair again;
/// any other second use revokes the family.
final class TokenFamilies: Sendable {
    private struct Family {
        let grant: Grant
        /// The latest pair; its refresh token is the one that is good.
        var latest: IssuedTokens
        /// Whether a client has shown that it knows the latest pair.
        var latestSeen = false
        var spent: (token: String, at: Duration)?
        var isRevoked = false
        /// What was done with its refresh tokens.
        var requests = 0
        var rotations = 0
        var replays = 0
    }

    private struct Access {
        let family: Int
        let person: Person
        var expires: Duration
    }

    private struct State {
        var families: [Family] = []
        var refreshTokens: [String: Int] = [:]
        var accessTokens: [String: Access] = [:]
        var everything: [String] = []
    }

    /// What an access token stands for.
    enum Standing: Sendable {
        case good(Person)
        case expired
        case revoked
    }

    private let mint: TokenMint
    private let grace: Options.Grace
    private let statistics: Statistics
    private let state = Mutex(State())

    init(_ mint: TokenMint, _ grace: Options.Grace, _ statistics: Statistics) {
        self.mint = mint
        self.grace = grace
        self.statistics = statistics
    }

    /// A new family for a login.
    ///
    /// - Parameter stranger: whom the tokens name in place of the person who logged in (`other-identity`).
    func begin(_ grant: Grant, as stranger: Person?) -> (family: Int, tokens: IssuedTokens) {
        state.withLock { state in
            let id = state.families.count
            let tokens = issue(grant, as: stranger, family: id, &state, rotating: true)
            state.families.append(Family(grant: grant, latest: tokens))
            return (id, tokens)
        }
    }

    /// Spends a refresh token.
    ///
    /// - Parameter rotating: false answers new access and id tokens only; the refresh token stays good.
    func refresh(
        _ token: String, clientID: String, rotating: Bool, as stranger: Person?
    ) throws(Refusal) -> (tokens: IssuedTokens, scope: String, owner: Person?) {
        let now = TimeSource.system.elapsed()
        let result: Result<(tokens: IssuedTokens, scope: String, owner: Person?), Refusal> = state.withLock { state in
            guard let id = state.refreshTokens[token] else { return .failure(.unknownToken) }
            state.families[id].requests += 1
            let family = state.families[id]
            guard !family.isRevoked else { return .failure(.revoked) }
            guard family.grant.clientID == clientID else { return .failure(.otherClient) }
            let scope = family.grant.scope
            let owner = family.grant.isOpaque ? stranger ?? family.grant.person : nil
            if token == family.latest.refresh {
                state.families[id].latestSeen = true
                var tokens = issue(family.grant, as: stranger, family: id, &state, rotating: rotating)
                guard rotating else {
                    tokens.refresh = token
                    return .success((tokens, scope, owner))
                }
                state.families[id].spent = (token, now)
                state.families[id].latest = tokens
                state.families[id].latestSeen = false
                state.families[id].rotations += 1
                statistics.count(\.rotations)
                return .success((tokens, scope, owner))
            }
            if let spent = family.spent, spent.token == token, isWithinGrace(family, spent.at, now) {
                state.families[id].replays += 1
                statistics.count(\.graceReplays)
                return .success((family.latest, scope, owner))
            }
            revoke(id, &state)
            return .failure(.reused)
        }
        return try result.get()
    }

    private func isWithinGrace(_ family: Family, _ spentAt: Duration, _ now: Duration) -> Bool {
        switch grace {
        case .seconds(let seconds): now - spentAt < .seconds(seconds)
        case .untilUse: !family.latestSeen
        }
    }

    private func issue(_ grant: Grant, as stranger: Person?, family: Int, _ state: inout State, rotating: Bool) -> IssuedTokens {
        var grant = grant
        if let stranger { grant.person = stranger }
        let tokens = mint.issue(grant)
        let expires = TimeSource.system.elapsed() + .seconds(mint.expiresIn)
        state.accessTokens[tokens.access] = Access(family: family, person: grant.person, expires: expires)
        state.everything += [tokens.access, tokens.id]
        if rotating {
            state.refreshTokens[tokens.refresh] = family
            state.everything.append(tokens.refresh)
        }
        return tokens
    }

    /// Whether an access token opens a door now; asking counts as its use.
    func standing(of access: String) -> Standing {
        let now = TimeSource.system.elapsed()
        return state.withLock { state in
            guard let found = state.accessTokens[access] else { return .expired }
            if state.families[found.family].latest.access == access { state.families[found.family].latestSeen = true }
            if state.families[found.family].isRevoked { return .revoked }
            return found.expires > now ? .good(found.person) : .expired
        }
    }

    /// Revokes the family of a refresh or access token; false if there is none.
    func revoke(token: String) -> Bool {
        state.withLock { state in
            guard let id = state.refreshTokens[token] ?? state.accessTokens[token]?.family else { return false }
            revoke(id, &state)
            return true
        }
    }

    func revoke(family: Int) { state.withLock { revoke(family, &$0) } }

    func revokeAll() { state.withLock { state in for id in state.families.indices { revoke(id, &state) } } }

    private func revoke(_ id: Int, _ state: inout State) {
        guard !state.families[id].isRevoked else { return }
        state.families[id].isRevoked = true
        statistics.count(\.familiesRevoked)
    }

    /// Lets every access token of now expire.
    func expireAccess() {
        let now = TimeSource.system.elapsed()
        state.withLock { state in for token in state.accessTokens.keys { state.accessTokens[token]?.expires = now } }
    }

    /// What became of each login, in order: whose it is, and which access token is its latest.
    var json: JSONValue {
        func number(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }
        return .array(
            state.withLock { $0.families }.map { family in
                [
                    "email": .string(family.grant.person.email), "requests": number(family.requests),
                    "rotations": number(family.rotations), "replays": number(family.replays), "revoked": .bool(family.isRevoked),
                    "access": .string(family.latest.access),
                ]
            })
    }

    /// Every token ever issued.
    var everything: [String] { state.withLock { $0.everything } }
}
