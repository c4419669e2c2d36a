package import OAuth
import Platform
import Providers
import Vault

/// `auth import --move`: a login changes hands. Sealed here, marked as not to be refreshed; blanked there; the mark removed;
/// refreshed at once. Cut off anywhere, one program at most refreshes it, and the next run goes on.
extension ImportService {
    /// Others hold their lock for the length of a refresh.
    private static let lockPatience = Duration.seconds(10)

    /// Whether what was found can be moved at all.
    ///
    /// - Throws: `usage` for a store that cannot be blanked, `configurationInvalid` where no client could refresh.
    package func check(_ found: Found) throws(OAuthError) {
        for login in found.logins { try checkMovable(login) }
    }

    /// - Throws: what `check` throws, before anything is done.
    package func move(_ found: Found) async throws(OAuthError) -> [Row] {
        try check(found)
        var rows: [Row] = []
        for account in try stored().accounts where isUnfinished(account) && !found.logins.contains(where: { isSame($0, account) }) {
            rows.append(try await finish(account))
        }
        for login in found.logins {
            let known = self.known(login, in: try stored())
            if let known, let row = kept(known, .move) {
                rows.append(row)
            } else {
                rows.append(try await move(login, known))
            }
        }
        return rows
    }

    /// Whether there is a move of this program's to be finished, which needs nothing more in its store.
    ///
    /// - Throws: what reading auth.json can fail with.
    package var hasUnfinished: Bool { get throws(OAuthError) { try stored().accounts.contains(where: isUnfinished) } }

    func checkMovable(_ found: FoundLogin) throws(OAuthError) {
        let remedy = "ai-usage-agent auth import \(source.rawValue) --reference"
        if !found.twins.isEmpty {
            let all = ([found.place.place] + found.twins).joined(separator: ", ")
            throw OAuthError(
                .usage, "several stores hold a login of this account (\(all)): moving one of them would leave a copy behind",
                remedy: "log out all but one of them in \(source.title), or \(remedy)")
        }
        switch found.place.kind {
        case .file: break
        case .database:
            throw OAuthError(
                .usage,
                "\(found.place.place) is OpenClaw's database, which OpenClaw may have open: a login in it cannot be blanked safely, so it is not moved",
                remedy: remedy)
        case .keyring:
            throw OAuthError(
                .usage, "\(source.title) keeps its login in the desktop keyring, whose item this program does not change: it is not moved",
                remedy: remedy)
        }
        if found.login.provider == "claude", service.configuration.providers["claude"]?.clientId == nil {
            throw OAuthError(
                .configurationInvalid, "without a client id of claude a moved login could never be renewed, and none is shipped",
                remedy: "\(remedy); or set providers.claude.clientId in config.json")
        }
    }

    private func isUnfinished(_ account: AccountRecord) -> Bool {
        account.source == AccountRecord.importSource(source.rawValue) && account.statusReason == AccountRecord.unfinishedMove
    }

    private func isSame(_ found: FoundLogin, _ account: AccountRecord) -> Bool {
        guard found.login.provider == account.provider else { return false }
        guard let key = found.login.identity?.accountKey else {
            return AccountIdentity.isOpaque(account.accountKey) && account.reference == found.reference
        }
        return key == account.accountKey
    }

    // MARK: - One login

    /// - Parameter known: the account as auth.json has it.
    private func move(_ found: FoundLogin, _ known: AccountRecord?) async throws(OAuthError) -> Row {
        let client = try await service.client(try service.catalog.provider(found.login.provider))
        let lock = try await takeLock(found.place)
        // From the sealing to the end a signal waits: it would leave the login in two places.
        Interrupts.begin()
        defer {
            Interrupts.end()
            extendLifetime(lock)
        }
        let content = try await read(found.place)
        guard let login = content.reading.logins.first(where: { $0.entry == found.login.entry }),
            login.identity?.accountKey == found.login.identity?.accountKey
        else { throw changed(found.place) }
        let sealed = try await seal(login, content, client, found, known)
        do throws(OAuthError) {
            try await blank(login, content, found.place)
        } catch {
            try await service.tokens.remove(sealed)
            var row = try await refer(found, previous: known)
            row.warning =
                "it was not moved, because \(source.title)'s store could not be blanked (\(error.message)): it stays a reference to \(source.title)'s login"
            return row
        }
        return await refreshed(try await service.tokens.confirmMove(sealed), said: nil)
    }

    /// Makes the grant durable here, marked as one that another program still holds.
    private func seal(
        _ login: ForeignLogin, _ content: ForeignContent, _ client: OAuthClient, _ found: FoundLogin, _ known: AccountRecord?
    ) async throws(OAuthError) -> AccountRecord {
        guard let refresh = login.refreshToken(in: content.document) else {
            throw OAuthError(
                .usage, "\(found.place.place): the login has no refresh token, so there is nothing to move",
                remedy: "ai-usage-agent auth import \(source.rawValue) --reference")
        }
        let now = service.time.now()
        let identity = login.identity ?? known.map { AccountIdentity(accountKey: $0.accountKey) } ?? .opaque()
        let tokens = TokenResponse(
            accessToken: login.accessToken.duplicate(), refreshToken: refresh, idToken: login.idToken(in: content.document),
            expiresIn: login.expiresAt.map { $0 - now }, scopes: login.scopes)
        return try await service.tokens.adopt(
            LoginResult(tokens: tokens, identity: identity, client: client, receivedAt: now), label: nil,
            movedFrom: .init(program: source.rawValue, reference: found.reference)
        ).account
    }

    /// Takes the login out of the store. Everything else in it stays byte for byte.
    private func blank(_ login: ForeignLogin, _ content: ForeignContent, _ place: ForeignPlace) async throws(OAuthError) {
        guard let text = content.document.edited(login.logout) else { throw changed(place) }
        // Not every program locks: what was written since is not written over.
        guard try await read(place).isSame(content) else { throw changed(place) }
        let (folder, name) = AbsolutePath.split(place.place)
        do throws(FileError) {
            let directory = try PrivateDirectory.open(folder, trust: .notWritableByOthers)
            // A move that was killed here left a copy of the whole store, as clear as it is.
            try directory.sweepTemporaries(of: name)
            try text.withBytes { (bytes) throws(FileError) in try directory.replace(name, with: bytes) }
        } catch { throw OAuthError(.vault(.storage), error.description, remedy: "check the file's folder, then run the command again") }
    }

    /// The rotation that makes every copy of the old token worthless.
    private func refreshed(_ account: AccountRecord, said warning: String?) async -> Row {
        let logout = "\(source.title) is logged out of it now; to use it there, log in again with `\(source.command)`"
        var row: Row
        do throws(OAuthError) {
            _ = try await service.token(account, .new)
            row = Row(account: account, action: .moved)
        } catch {
            row = Row(account: account, action: .moved, failure: error)
        }
        let current = (try? stored())?.account(id: account.id) ?? account
        let failure = row.failure.map { "; it could not be renewed at once: \($0.message)" } ?? ""
        row = Row(account: current, action: .moved, warning: (warning.map { $0 + "; " } ?? "") + logout + failure, failure: row.failure)
        return row
    }

    // MARK: - An interrupted move

    /// The login is sealed here; what is left is to know that it is nowhere else.
    private func finish(_ account: AccountRecord) async throws(OAuthError) -> Row {
        if let reference = account.reference {
            let place = ForeignPlace(reference)
            let logins: [ForeignLogin]
            do throws(ForeignProblem) { logins = try await service.foreignStores.read(source, place).reading.logins } catch {
                guard error.isAbsent else {
                    throw OAuthError(
                        .vault(.unavailable), "the move of \(account.displayName) cannot be finished: \(error.reason)",
                        remedy: "run \(source.command) once, then this command again")
                }
                logins = []
            }
            // It may stand in another place than the one that was looked at now.
            if let there = logins.first(where: { isSame(FoundLogin(place: place, login: $0), account) }) {
                return try await move(FoundLogin(place: place, login: there), account)
            }
        }
        return await refreshed(try await service.tokens.confirmMove(account), said: "an interrupted move was finished")
    }

    // MARK: - The store

    private func read(_ place: ForeignPlace) async throws(OAuthError) -> ForeignContent {
        do throws(ForeignProblem) { return try await service.foreignStores.read(source, place) } catch {
            throw OAuthError(.vault(.unavailable), error.reason, remedy: "run the command again")
        }
    }

    /// The program's own lock, where it has one.
    private func takeLock(_ place: ForeignPlace) async throws(OAuthError) -> DirectoryLock? {
        guard let wanted = source.lock(of: place.place) else { return nil }
        let lock: DirectoryLock?
        do throws(FileError) {
            lock = try await DirectoryLock.acquire(
                wanted.path, stale: .seconds(wanted.stale), patience: ImportService.lockPatience, time: service.time)
        } catch { throw OAuthError(.vault(.storage), error.description, remedy: "run the command again") }
        guard let lock else {
            throw OAuthError(
                .vault(.busy), "\(source.title) holds the lock of its logins (\(wanted.path))",
                remedy: "run the command again when `\(source.command)` is idle")
        }
        return lock
    }

    private func changed(_ place: ForeignPlace) -> OAuthError {
        OAuthError(.vault(.busy), "\(source.title) changed \(place.place) meanwhile", remedy: "run the command again")
    }
}
