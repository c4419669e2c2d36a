package import OAuth
import Platform
package import Providers
package import Vault

/// `auth import`: makes the logins of another program usable here, by reference or for good.
package struct ImportService: Sendable {
    let service: AgentService
    let source: ImportSource

    package init(_ service: AgentService, _ source: ImportSource) {
        self.service = service
        self.source = source
    }

    /// Whose the login is afterwards.
    package enum Mode: Sendable {
        /// The other program keeps its login; its access token is read when it is needed.
        case reference
        /// The login is this vault's from now on, and the other program is logged out.
        case move
    }

    /// What was done with a login, or would be; the words of docs/schemas/auth-import.schema.json.
    package enum Action: String, Sendable {
        case added, updated, moved
        /// There is a login of its own here, which is better than what would have been imported.
        case kept
        case wouldAdd = "would_add"
        case wouldUpdate = "would_update"
        case wouldMove = "would_move"
    }

    /// What became of one login.
    package struct Row: Sendable {
        /// As it would be, where nothing was stored.
        package let account: AccountRecord
        package let action: Action
        /// What the person should know although it was done.
        package var warning: String?
        /// A moved login could not be refreshed at once.
        package var failure: OAuthError?
        /// Whether auth.json knows the account.
        package var isStored: Bool { action != .wouldAdd && !(action == .wouldMove && !wasKnown) }
        var wasKnown = true
    }

    /// What was found: the logins to import, and a sentence for everything that was skipped.
    package struct Found: Sendable {
        let logins: [FoundLogin]
        /// Each names the place and the reason.
        package let skipped: [String]
        /// Nothing can be imported; something may have been skipped all the same.
        package var isEmpty: Bool { logins.isEmpty }
    }

    /// A login and the store that it stands in.
    struct FoundLogin: Sendable {
        let place: ForeignPlace
        let login: ForeignLogin
        /// The other stores that hold a login of the same account, perhaps the very same token.
        var twins: [String] = []

        var reference: AccountReference { place.reference(login.entry) }
    }

    // MARK: - Looking

    /// Reads the program's stores. A store that cannot be used, or a part of one, is skipped with a sentence.
    package func find(from: String?) async -> Found {
        let all = ForeignPlaces(environment: service.environment)
        let places = all.all(of: source, from: from)
        var logins: [FoundLogin] = []
        var skipped = all.refusals(of: source, from: from)
        var absent: [String] = []
        for place in places {
            do throws(ForeignProblem) {
                let reading = try await service.foreignStores.read(source, place).reading
                logins += reading.logins.map { FoundLogin(place: place, login: $0) }
                skipped += reading.refusals.map { "\(place.title(source)): \($0)" }
            } catch {
                if error.isAbsent { absent.append(error.reason) } else { skipped.append(error.reason) }
            }
        }
        if logins.isEmpty, skipped.isEmpty || places.isEmpty { skipped += absent }
        return Found(logins: ImportService.once(logins), skipped: skipped)
    }

    /// Of several copies of one login the one whose access token lives longest, where the first of them stood.
    private static func once(_ logins: [FoundLogin]) -> [FoundLogin] {
        var kept: [FoundLogin] = []
        for found in logins {
            let twin = kept.firstIndex { other in
                guard let key = found.login.identity?.accountKey else { return false }
                return other.login.provider == found.login.provider && other.login.identity?.accountKey == key
            }
            guard let twin else {
                kept.append(found)
                continue
            }
            let end = Timestamp(milliseconds: .min)
            let isNewer = (found.login.expiresAt ?? end) > (kept[twin].login.expiresAt ?? end)
            var better = isNewer ? found : kept[twin]
            better.twins = kept[twin].twins + [(isNewer ? kept[twin] : found).place.place]
            kept[twin] = better
        }
        return kept
    }

    /// - Throws: `loginRequired` with everything that was looked at.
    package func nothing(_ found: Found) -> OAuthError {
        let reasons = found.skipped.isEmpty ? "its directory is not known; set HOME or give --from" : found.skipped.joined(separator: "; ")
        return OAuthError(
            .loginRequired, "there is nothing to import from \(source.title): \(reasons)",
            remedy: "log in with `\(source.command)` first, name another place with --from, or log in here: ai-usage-agent auth login codex"
        )
    }

    // MARK: - Dry run

    /// What would be done, changing nothing.
    ///
    /// - Throws: as `check` for a move; what reading auth.json can fail with.
    package func preview(_ found: Found, _ mode: Mode) throws(OAuthError) -> [Row] {
        let metadata = try stored()
        var rows: [Row] = []
        for found in found.logins {
            if mode == .move { try checkMovable(found) }
            let known = self.known(found, in: metadata)
            if let known, let row = kept(known, mode) {
                rows.append(row)
                continue
            }
            var row = Row(account: record(found, known), action: mode == .move ? .wouldMove : known == nil ? .wouldAdd : .wouldUpdate)
            row.wasKnown = known != nil
            rows.append(row)
        }
        return rows
    }

    // MARK: - By reference

    /// Stores the references; no vault is needed, nothing secret is written.
    ///
    /// - Throws: what writing auth.json can fail with; the references before it are stored.
    package func refer(_ found: Found) async throws(OAuthError) -> [Row] {
        var rows: [Row] = []
        for found in found.logins { rows.append(try await refer(found)) }
        return rows
    }

    /// - Parameter previous: the account as it was before a move that failed.
    func refer(_ found: FoundLogin, previous: AccountRecord? = nil) async throws(OAuthError) -> Row {
        do throws(VaultError) {
            return try await service.vault.metadataStore.update { (metadata) throws(VaultError) -> Row in
                let known = self.known(found, in: metadata) ?? previous
                if let known, previous == nil, let row = kept(known, .reference) { return row }
                let account = record(found, known)
                if metadata.account(id: account.id) == nil {
                    metadata.accounts.append(account)
                } else {
                    metadata.updateAccount(id: account.id) { $0 = account }
                }
                return Row(account: account, action: known == nil ? .added : .updated)
            }
        } catch { throw OAuthError(error) }
    }

    // MARK: - Records

    /// auth.json without the accounts of the environment, which have no place in it.
    func stored() throws(OAuthError) -> Metadata {
        do throws(VaultError) { return try service.vault.metadataStore.read() } catch { throw OAuthError(error) }
    }

    /// The account of that identity; of a login that nothing identifies, the one that was imported from the same entry.
    func known(_ found: FoundLogin, in metadata: Metadata) -> AccountRecord? {
        metadata.accounts.first { account in
            guard account.provider == found.login.provider else { return false }
            if let key = found.login.identity?.accountKey, account.accountKey == key { return true }
            return account.reference == found.reference && AccountIdentity.isOpaque(account.accountKey)
                && found.login.identity == nil
        }
    }

    /// The row of an account that is logged in here on its own; nil if it may be written.
    func kept(_ known: AccountRecord, _ mode: Mode) -> Row? {
        guard known.owner == .vault else { return nil }
        if known.statusReason == AccountRecord.unfinishedMove {
            if mode == .move { return nil }
            let program = known.sourceProgram ?? source.rawValue
            return Row(
                account: known, action: .kept,
                warning:
                    "a move from \(program) was interrupted, and both programs may hold this login; finish it: ai-usage-agent auth import \(program) --move"
            )
        }
        if mode == .move, known.status == .needsLogin { return nil }
        return Row(
            account: known, action: .kept,
            warning:
                "it is logged in here on its own, which is used before \(source.title)'s login; to take that one instead, log out first")
    }

    /// What auth.json is to say of a reference.
    func record(_ found: FoundLogin, _ known: AccountRecord?) -> AccountRecord {
        let login = found.login
        var account =
            known
            ?? AccountRecord(
                id: Random.uuid(), provider: login.provider,
                accountKey: (login.identity ?? .opaque()).accountKey, authType: .oauth,
                source: "", createdAt: service.time.now().wholeSeconds)
        account.source = AccountRecord.referenceSource(source.rawValue)
        account.reference = found.reference
        account.providerAccountId = login.identity?.providerAccountId ?? account.providerAccountId
        account.email = login.identity?.email ?? account.email
        account.plan = login.identity?.plan ?? account.plan
        account.scopes = login.scopes ?? []
        account.expiresAt = login.expiresAt
        account.loginExpiresAt = login.loginExpiresAt
        account.refreshable = false
        account.insecure = false
        account.status = .active
        account.statusReason = nil
        account.refusedFingerprint = nil
        account.retryAt = nil
        account.retryCount = 0
        return account
    }
}
