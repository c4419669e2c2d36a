import Logging
import Platform
import Vault

/// What the caller gets at the end.
extension RefreshFlight {
    func conclude(_ ending: RotationMachine.Ending, _ course: RefreshCourse) throws(OAuthError) -> HeldToken {
        switch ending {
        case .stored:
            guard let stored = course.stored else { throw OAuthError.secretMissing(account) }
            return HeldToken(stored.bundle)
        case .rotated:
            guard let next = course.next else { throw OAuthError.secretMissing(account) }
            logger.info("refreshed", metadata: ["account": "\(account.id)", "generation": "\(next.bundle.facts.generation)"])
            return HeldToken(next.bundle)
        case .waiting: return try serveWaiting(course)
        case .failure(let failure):
            let error = error(failure, course)
            // Whatever a refresh came to, a token that still lives stays usable.
            guard case .live = course.demand, let stored = course.stored, stored.bundle.facts.secondsLeft(at: time.now()) > 0 else {
                throw error
            }
            if failure == .suspicious { return HeldToken(stored.bundle, warning: error.description) }
            logger.warning(
                "refresh failed, the current token is still good", metadata: ["account": "\(account.id)", "reason": "\(error.message)"])
            let end = stored.bundle.facts.expiresAt?.description ?? "it is refused"
            return HeldToken(stored.bundle, warning: "the refresh failed (\(error.message)); the current token is good until \(end)")
        }
    }

    /// R2: durable in the journal; a later command commits it. Never a second request.
    private func serveWaiting(_ course: RefreshCourse) throws(OAuthError) -> HeldToken {
        let reason = "the new token is safe in the journal, but the vault could not be written: \(course.failure?.message ?? "")"
        func held(_ bundle: borrowing SecretBundle) throws(OAuthError) -> HeldToken {
            guard bundle.facts.secondsLeft(at: time.now()) > 0 else {
                // A keyring that is locked now is another matter than a disk that is full.
                var code = OAuthError.Code.vault(.storage)
                if case .vault = course.failure?.code, let known = course.failure?.code { code = known }
                throw OAuthError(code, reason, remedy: course.failure?.remedy ?? "make the vault writable again; nothing was lost")
            }
            return HeldToken(bundle, warning: reason)
        }
        if let next = course.next { return try held(next.bundle) }
        if let waiting = course.waiting { return try held(waiting.bundle) }
        throw OAuthError.secretMissing(account)
    }

    private func error(_ failure: RotationMachine.Failure, _ course: RefreshCourse) -> OAuthError {
        switch failure {
        case .suspicious: course.suspicion.map { OAuthError($0) } ?? OAuthError.dead(account, course.refusal)
        case .journalDoesNotFit:
            OAuthError(
                .vault(.corrupt), "the journal of account \(account.id) does not fit the vault, which looks like an older copy",
                remedy: "put the newest secrets.age back, or log in again; nothing was changed")
        case .notRefreshable:
            OAuthError(
                .loginRequired, "\(account.displayName) (\(account.provider)) was granted no refresh token",
                remedy: "ai-usage-agent auth login \(account.provider)")
        case .refused: OAuthError.dead(account, course.refusal)
        case .stranger:
            OAuthError(
                .loginRequired,
                "\(account.provider) answered the refresh of \(account.displayName) with tokens of another account; they were kept aside",
                remedy: "ai-usage-agent auth login \(account.provider)")
        case .unresolved:
            OAuthError(
                .providerUnavailable,
                "an earlier refresh was interrupted and may have spent the refresh token; it is tried again when it must be",
                remedy: "settle it now: ai-usage-agent auth refresh \(account.provider) --account \(account.id)")
        case .writtenNowhere:
            OAuthError(
                .vault(.storage), "the provider rotated the token, and it could be written nowhere: \(course.failure?.message ?? "")",
                remedy: "make room on the disk and log in again: ai-usage-agent auth login \(account.provider)")
        case .postponed: course.postponement ?? OAuthError.dead(account, course.refusal)
        case .busy, .preflight, .notSent, .clientRefused, .transient, .unknown:
            course.failure
                ?? OAuthError(
                    .providerUnavailable, "\(account.provider) could not refresh now", remedy: "try again later; nothing was lost")
        }
    }
}

extension OAuthError {
    static func dead(_ account: AccountRecord, _ reason: String) -> OAuthError {
        OAuthError(
            .loginRequired, "the login of \(account.displayName) (\(account.provider)) is over: \(TerminalText.escape(reason))",
            remedy: "ai-usage-agent auth login \(account.provider)")
    }

    /// - Parameter what: "token endpoint", "issuer", "client id": what differs.
    package static func originChanged(_ provider: String, _ what: String) -> OAuthError {
        OAuthError(
            .originChanged, "config.json names another \(what) for \(provider) than at login; no token was sent there",
            remedy: "log in again: ai-usage-agent auth login \(provider), or undo the change in config.json")
    }
}
