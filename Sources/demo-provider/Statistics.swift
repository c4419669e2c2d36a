import Platform
import Synchronization

/// What the provider has seen and done, for the tests to compare with what the client says.
final class Statistics: Sendable {
    struct Counts: Sendable {
        /// POSTs to the token endpoint, answered or not.
        var tokenRequests = 0
        /// Those of them that carried grant_type=refresh_token.
        var refreshRequests = 0
        /// Codes exchanged.
        var codeGrants = 0
        /// Refreshes that were granted, grace replays among them.
        var refreshGrants = 0
        /// Refresh tokens replaced by new ones.
        var rotations = 0
        /// A rotated token that came again within the grace and got the same pair.
        var graceReplays = 0
        /// Grants refused for what the client sent.
        var refused = 0
        /// Refusals of a spent refresh token or code; each revokes its family.
        var reused = 0
        /// Revocation requests that named a token of ours.
        var revocations = 0
        var familiesRevoked = 0
        var usageRequests = 0
        /// Requests of any kind with an Authorization header.
        var authorizedRequests = 0
        /// Rotations whose answer was spoilt on purpose, so that no client can know the new token.
        var unavoidable = 0
        /// Token requests with a refresh token that had been sent before.
        var bodiesSeenTwice = 0
        /// Requests that were answered by a misbehaviour.
        var misbehaved = 0
        /// Requests at the redirect target, and those of them with a body.
        var redirectHits = 0
        var redirectBodies = 0
    }

    private struct State {
        var counts = Counts()
        var refreshTokensSeen: Set<String> = []
    }

    private let state = Mutex(State())

    func count(_ counter: any WritableKeyPath<Counts, Int> & Sendable) {
        state.withLock { $0.counts[keyPath: counter] += 1 }
    }

    /// Notes that a client sent this refresh token.
    func see(refreshToken: String) {
        state.withLock { state in
            state.counts.refreshRequests += 1
            if !state.refreshTokensSeen.insert(refreshToken).inserted { state.counts.bodiesSeenTwice += 1 }
        }
    }

    var json: JSONValue {
        let counts = state.withLock { $0.counts }
        func number(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }
        return [
            "tokenRequests": number(counts.tokenRequests),
            "refreshRequests": number(counts.refreshRequests),
            "codeGrants": number(counts.codeGrants),
            "refreshGrants": number(counts.refreshGrants),
            "rotations": number(counts.rotations),
            "graceReplays": number(counts.graceReplays),
            "refused": number(counts.refused),
            "reused": number(counts.reused),
            "revocations": number(counts.revocations),
            "familiesRevoked": number(counts.familiesRevoked),
            "usageRequests": number(counts.usageRequests),
            "authorizedRequests": number(counts.authorizedRequests),
            "unavoidable": number(counts.unavoidable),
            "bodiesSeenTwice": number(counts.bodiesSeenTwice),
            "misbehaved": number(counts.misbehaved),
            "redirectHits": number(counts.redirectHits),
            "redirectBodies": number(counts.redirectBodies),
        ]
    }
}
