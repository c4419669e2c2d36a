import Platform

/// Which account a command means.
package enum AccountSelection {
    /// Why an account is the default of its provider.
    package enum Reason: String, Sendable {
        case only, pinned
        case lastUsed = "last_used"
        /// The others come from a source that stands behind its own.
        case source
    }

    /// The account that is used when none is named: the only one, else the pinned one, else, of the active accounts, one of
    /// the vault before one of the environment before a reference, and among them the one used last. Nil when there is none.
    package static func defaultAccount(of provider: String, in metadata: Metadata) -> (account: AccountRecord, reason: Reason)? {
        let accounts = metadata.accounts.filter { $0.provider == provider }
        if accounts.count == 1 { return (accounts[0], .only) }
        if let pin = metadata.pins[provider], let account = accounts.first(where: { $0.id == pin }) { return (account, .pinned) }
        // A dead login is chosen only when every login is dead: its error then names the way out.
        let usable = accounts.filter { $0.status != .needsLogin }
        let candidates = usable.isEmpty ? accounts : usable
        let first = candidates.map(\.owner).min()
        let preferred = candidates.filter { $0.owner == first }
        if preferred.count == 1, candidates.count > 1 { return (preferred[0], .source) }
        let newest = preferred.enumerated().max { a, b in
            (a.element.lastUsedAt ?? a.element.createdAt, a.offset) < (b.element.lastUsedAt ?? b.element.createdAt, b.offset)
        }
        return newest.map { ($0.element, .lastUsed) }
    }

    /// The account named by id, e-mail, label, account key, or a unique beginning of one of them.
    ///
    /// - Throws: `noSuchAccount`, or `ambiguousAccount` with the candidates in the message.
    package static func find(_ name: String, provider: String, in metadata: Metadata) throws(VaultError) -> AccountRecord {
        let accounts = metadata.accounts.filter { $0.provider == provider }
        // An id is nobody else's name, and looking at all names of thousands of accounts takes its time.
        if let account = accounts.first(where: { $0.id == name }) { return account }
        func names(_ account: AccountRecord) -> [String] {
            [account.id, account.email, account.label, account.accountKey].compactMap { $0?.lowercased() }
        }
        let wanted = name.lowercased()
        var matches = accounts.filter { names($0).contains(wanted) }
        if matches.isEmpty, !wanted.isEmpty { matches = accounts.filter { names($0).contains { $0.hasPrefix(wanted) } } }
        switch matches.count {
        case 1: return matches[0]
        case 0:
            throw VaultError(
                .noSuchAccount, "\(provider) has no account \"\(name)\"", remedy: "ai-usage-agent auth list \(provider)")
        default:
            let candidates = matches.map { "  \($0.id)  \($0.displayName)\($0.plan.map { " (\($0))" } ?? "")" }
            throw VaultError(
                .ambiguousAccount,
                "\"\(name)\" fits \(matches.count) accounts of \(provider):\n" + candidates.joined(separator: "\n"),
                remedy: "name one by its id: --account \(matches[0].id)")
        }
    }

    /// The account that a command without or with `--account` works on.
    ///
    /// - Throws: `noSuchAccount` when the provider has none.
    package static func choose(_ name: String?, provider: String, in metadata: Metadata) throws(VaultError) -> AccountRecord {
        if let name { return try find(name, provider: provider, in: metadata) }
        guard let found = defaultAccount(of: provider, in: metadata) else {
            throw VaultError(.noSuchAccount, "there is no login for \(provider)", remedy: "ai-usage-agent auth login \(provider)")
        }
        return found.account
    }
}
