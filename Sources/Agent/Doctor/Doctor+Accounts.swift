import OAuth
import Platform
import Providers
import Vault

extension Doctor {
    /// How long before its end an access token is called expiring, and a login ending.
    private static let expiring = 300
    private static let loginEnding = 7 * 86400

    func checkAccounts(_ audit: VaultAudit, _ report: inout SectionReport) async {
        let ofAccounts = DoctorCheck.allCases.filter { $0.section == .account }
        guard var metadata = audit.metadata ?? (host.look(paths.data) == nil ? Metadata() : nil) else {
            return report.skip(ofAccounts, "auth.json has to be repaired first")
        }
        if let shown = try? service.metadata() { metadata.accounts = shown.accounts }
        let accounts = metadata.accounts.filter { provider == nil || $0.provider == provider }
        guard !accounts.isEmpty else {
            report.add(Finding(.accountNone, command: "ai-usage-agent auth login \(provider ?? "codex")"))
            return report.skip(ofAccounts.filter { $0 != .accountNone }, "there is no account")
        }
        for account in accounts {
            checkLife(account, &report)
            checkIdentity(account, metadata, &report)
            if account.owner == .otherProgram { await checkReference(account, &report) }
            if account.owner == .vault { checkOrigins(account, audit, &report) }
        }
        for listing in AccountListing.all(metadata, provider: provider) {
            guard let reason = listing.defaultReason else { continue }
            add(.accountDefault, listing.record, "\(reason.rawValue)", to: &report)
        }
    }

    private func add(
        _ check: DoctorCheck, _ account: AccountRecord, _ why: String, status: Finding.Status? = nil, command: String? = nil,
        to report: inout SectionReport
    ) {
        let who = TerminalText.escape(account.displayName, limit: 60)
        report.add(
            Finding(check, status: status, evidence: "\(account.provider) \(who): \(why)", command: command, account: account.id))
    }

    private func checkLife(_ account: AccountRecord, _ report: inout SectionReport) {
        let now = service.time.now()
        let login = account.loginCommand
        if account.status == .needsLogin {
            return add(.accountNeedsLogin, account, account.statusReason ?? "it was refused", command: login, to: &report)
        }
        let isRenewed = account.owner == .vault && account.refreshable
        if let expires = account.expiresAt {
            let isOver = expires <= now
            if isOver {
                let renewal = isRenewed ? account.tokenCommand : login
                let command = account.owner == .vault ? renewal : nil
                add(
                    .accountExpired, account, "since \(expires)\(isRenewed ? ", the next command renews it" : "")",
                    status: isRenewed ? .info : nil, command: command, to: &report)
            } else if expires - now < Doctor.expiring {
                add(.accountExpiring, account, "at \(expires)", to: &report)
            }
        }
        if let ends = account.loginExpiresAt, ends - now < Doctor.loginEnding {
            add(.accountLoginEndsSoon, account, "at \(ends)", command: login, to: &report)
        }
        if account.owner == .vault, account.authType == .oauth, !account.refreshable {
            add(.accountNotRefreshable, account, "there is no refresh token", command: login, to: &report)
        }
        if account.insecure { add(.accountInsecureEndpoint, account, "plain http on this machine", to: &report) }
    }

    private func checkIdentity(_ account: AccountRecord, _ metadata: Metadata, _ report: inout SectionReport) {
        if account.owner == .vault, AccountIdentity.isOpaque(account.accountKey) {
            add(.accountNoIdentity, account, "a key of our own stands for it", to: &report)
        }
        let same = metadata.accounts.filter {
            $0.owner == .vault && $0.provider == account.provider && $0.accountKey == account.accountKey
        }
        if account.owner == .vault, same.count > 1, same.first?.id != account.id {
            let command = account.logoutCommand
            add(.accountDuplicateKey, account, "the same identity as \(same.first?.id ?? "another")", command: command, to: &report)
        }
    }

    /// Read where it stands, as `token` would read it.
    private func checkReference(_ account: AccountRecord, _ report: inout SectionReport) async {
        let command = account.sourceProgram.map { "ai-usage-agent auth import \($0)" }
        switch await service.standing(ofBorrowed: account) {
        case .there: return
        case .vanished(let why): add(.accountReferenceVanished, account, why, command: account.logoutCommand, to: &report)
        case .another(let why): add(.accountReferenceMovedOn, account, why, command: command, to: &report)
        }
    }

    /// Configuration is compared with what was sealed at login.
    private func checkOrigins(_ account: AccountRecord, _ audit: VaultAudit, _ report: inout SectionReport) {
        guard let facts = audit.bundles?.first(where: { $0.accountId == account.id }) else {
            return report.skip([.accountOriginChanged], "the store was not opened")
        }
        guard account.authType == .oauth, configurationError == nil, let provider = try? service.catalog.provider(account.provider),
            let client = try? provider.client()
        else { return }
        let login = account.loginCommand
        var changes: [String] = []
        if let endpoints = client.endpoints, let sealed = facts.origins["token"], endpoints.token.origin != sealed {
            changes.append("token endpoint \(endpoints.token.origin), at login \(sealed)")
        }
        if let override = provider.endpointOverrides["token"], let sealed = facts.origins["token"], override.origin != sealed {
            changes.append("token endpoint \(override.origin), at login \(sealed)")
        }
        if client.issuer != facts.issuer { changes.append("issuer \(client.issuer ?? "none"), at login \(facts.issuer ?? "none")") }
        if !facts.clientIdIsExplicit, client.clientId != facts.clientId { changes.append("another client id") }
        if let usage = provider.usageEndpoint, let sealed = facts.origins["usage"], usage.origin != sealed {
            changes.append("usage endpoint \(usage.origin), at login \(sealed)")
        }
        if !changes.isEmpty { add(.accountOriginChanged, account, changes.joined(separator: "; "), command: login, to: &report) }
        let missing = client.scopes.filter { $0 != "offline_access" && !facts.scopes.contains($0) }
        if !facts.scopes.isEmpty, !missing.isEmpty {
            add(.accountScopeMissing, account, missing.joined(separator: " "), command: login, to: &report)
        }
    }
}
