import Platform

/// A refresh whose request was sent, or was about to be, and whose outcome nobody wrote down: an INTENT without a RESULT.
extension VaultMaintenance {
    /// The accounts whose stored refresh token may be spent. An INTENT of any other token means nothing.
    func unresolved(_ bundles: [BundleBox]) throws(VaultError) -> [BundleFacts] {
        var found: [BundleFacts] = []
        for box in bundles {
            let facts = box.bundle.facts
            guard case .intent(let intent) = try open.journal.look(facts.accountId), intent.generation == facts.generation,
                intent.fingerprint == open.keys.fingerprint(ofRefreshTokenIn: box.bundle)
            else { continue }
            found.append(facts)
        }
        return found
    }

    /// For a change of the keys: only the old ones can read the number of the attempt, and without it the next refresh would
    /// be taken for a first one. The record is not written anew under the new keys: it and auth.json cannot change at one
    /// moment, so that a crash between the two would lose it all the same.
    ///
    /// - Throws: `pendingCommit`.
    func refuseUnresolved(_ bundles: [BundleBox]) throws(VaultError) {
        guard let first = try unresolved(bundles).first else { return }
        throw VaultError(
            .pendingCommit,
            "the answer to a refresh of \(first.displayName) (\(first.provider)) was lost, and only the present key can tell",
            remedy: "settle it first: \(first.settlingCommand)")
    }
}

extension BundleFacts {
    /// Asks at once, whatever the access token is still worth.
    package var settlingCommand: String {
        "ai-usage-agent auth refresh \(ShellWord.quote(provider)) --account \(ShellWord.quote(accountId))"
    }
}
