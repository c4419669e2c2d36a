import Logging
import OAuth
import Platform
import Providers
import Vault

/// Access tokens that are not this vault's: read where they stand, at the moment when they are asked for, and never renewed
/// (recovery rule R4).
extension AgentService {
    /// Of another program's login.
    ///
    /// - Throws: `loginRequired` when its token is over, gone, or another account's now, naming the program that has to act.
    func borrowedToken(_ account: AccountRecord, _ demand: TokenManager.Demand) async throws(OAuthError) -> HeldToken {
        guard let reference = account.reference, let source = account.sourceProgram.flatMap(ImportSource.init) else {
            throw OAuthError(
                .loginRequired, "auth.json does not say where the tokens of \(account.displayName) stand",
                remedy: "ai-usage-agent auth logout \(account.provider) --account \(account.id), then import it again")
        }
        if demand == .new { throw OAuthError.notOurs(account, source) }
        let login = try await borrowedLogin(account, reference, source)
        let now = time.now()
        if let expires = login.expiresAt, expires <= now { throw OAuthError.borrowedIsOver(account, source, expires) }
        await noteExpiry(login.expiresAt, of: account)
        var facts = borrowedFacts(account, now)
        facts.expiresAt = login.expiresAt
        facts.providerAccountId = login.identity?.providerAccountId ?? account.providerAccountId
        return HeldToken(
            borrowed: login.accessToken.duplicate(), facts: facts,
            warning: shortness(login.expiresAt, demand, now, "only \(source.title) renews it"))
    }

    /// What stands where the tokens of an account should: for who only looks.
    enum BorrowedStanding: Sendable {
        case there
        case vanished(String)
        case another(String)
    }

    func standing(ofBorrowed account: AccountRecord) async -> BorrowedStanding {
        guard let reference = account.reference, let source = account.sourceProgram.flatMap(ImportSource.init) else {
            return .vanished("auth.json does not say where its tokens stand")
        }
        do throws(OAuthError) {
            let login = try await foreignLogin(account, reference, source)
            return isSame(login, account) ? .there : .another("\(source.title) is logged in as somebody else")
        } catch { return .vanished(error.message) }
    }

    /// The login as it stands there now, held to be the same account's.
    private func borrowedLogin(_ account: AccountRecord, _ reference: AccountReference, _ source: ImportSource) async throws(OAuthError)
        -> ForeignLogin
    {
        let login = try await foreignLogin(account, reference, source)
        guard isSame(login, account) else {
            throw OAuthError(
                .loginRequired, "\(source.title) is logged in as another account now than as \(account.displayName)",
                remedy: "ai-usage-agent auth import \(source.rawValue), or log in with `\(source.command)` as \(account.displayName)")
        }
        return login
    }

    private func foreignLogin(_ account: AccountRecord, _ reference: AccountReference, _ source: ImportSource) async throws(OAuthError)
        -> ForeignLogin
    {
        let place = ForeignPlace(reference)
        let content: ForeignContent
        do throws(ForeignProblem) { content = try await foreignStores.read(source, place) } catch {
            if let code = error.keyring {
                throw OAuthError(
                    .vault(code), error.reason, remedy: "unlock it in your desktop's keyring program, then run the command again")
            }
            throw OAuthError.vanished(account, source, error.reason)
        }
        guard let login = content.reading.logins.first(where: { $0.entry == reference.entry && $0.provider == account.provider }) else {
            let why = content.reading.refusals.first ?? "there is no \"\(TerminalText.escape(reference.entry, limit: 80))\""
            throw OAuthError.vanished(account, source, "\(place.title(source)): \(why)")
        }
        return login
    }

    /// A login that says nothing of its owner is the one that was imported as long as it says nothing.
    private func isSame(_ login: ForeignLogin, _ account: AccountRecord) -> Bool {
        guard let identity = login.identity else { return AccountIdentity.isOpaque(account.accountKey) }
        guard identity.accountKey == account.accountKey else { return false }
        // The token that is handed out must not be another's, whatever stands beside it.
        return account.provider != "codex"
            || !CodexIdentity().contradicts(account.accountKey, idToken: nil, accessToken: Claims.decode(login.accessToken))
    }

    /// `auth list` shows until when the token lives that was seen last; not being able to write that is no failure.
    private func noteExpiry(_ expiresAt: Timestamp?, of account: AccountRecord) async {
        guard expiresAt != account.expiresAt else { return }
        let id = account.id
        do throws(VaultError) {
            try await vault.metadataStore.update { $0.updateAccount(id: id) { $0.expiresAt = expiresAt } }
        } catch { logger.warning("the token's end was not noted: \(error)") }
    }

    // MARK: - Shared with tokens of the environment

    /// Such a token goes where config.json says now: nothing was sealed for it.
    func borrowedFacts(_ account: AccountRecord, _ now: Timestamp) -> BundleFacts {
        let usage = (try? catalog.provider(account.provider))?.usageEndpoint
        var origins: [String: String] = [:]
        origins["usage"] = usage?.origin
        var facts = BundleFacts(
            accountId: account.id, provider: account.provider, accountKey: account.accountKey, authType: account.authType, clientId: "",
            issuer: nil, origins: origins, obtainedAt: now)
        facts.email = account.email
        facts.plan = account.plan
        facts.providerAccountId = account.providerAccountId
        return facts
    }

    /// What to say when the token does not live as long as the caller asked for.
    func shortness(_ expiresAt: Timestamp?, _ demand: TokenManager.Demand, _ now: Timestamp, _ who: String) -> String? {
        guard case .live(let minimum?) = demand, let expiresAt, expiresAt - now < minimum else { return nil }
        return "the token lives \(expiresAt - now) s more, and \(who)"
    }
}

extension OAuthError {
    static func notOurs(_ account: AccountRecord, _ source: ImportSource) -> OAuthError {
        OAuthError(
            .loginRequired,
            "the login of \(account.displayName) (\(account.provider)) is \(source.title)'s: this program reads its access token and never renews it",
            remedy:
                "run `\(source.command)`, which renews its own login, or take it over: ai-usage-agent auth import \(source.rawValue) --move"
        )
    }

    static func borrowedIsOver(_ account: AccountRecord, _ source: ImportSource, _ expired: Timestamp) -> OAuthError {
        OAuthError(
            .loginRequired,
            "\(source.title)'s access token of \(account.displayName) (\(account.provider)) expired at \(expired), and only \(source.title) may renew it",
            remedy: "run `\(source.command)`, which renews its own login, then run this command again")
    }

    static func vanished(_ account: AccountRecord, _ source: ImportSource, _ reason: String) -> OAuthError {
        OAuthError(
            .loginRequired, "\(source.title)'s login of \(account.displayName) (\(account.provider)) cannot be read: \(reason)",
            remedy:
                "log in with `\(source.command)`, then: ai-usage-agent auth import \(source.rawValue); or forget the reference: ai-usage-agent auth logout \(account.provider) --account \(account.id)"
        )
    }
}
