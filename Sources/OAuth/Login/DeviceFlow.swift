package import Platform

/// The login of a machine without a browser (RFC 8628): a code is shown, a person approves it anywhere, and polling brings the
/// tokens.
package struct DeviceFlow: Sendable {
    private let http: any HTTPSending
    private let device: DeviceEndpoint
    private let endpoint: TokenEndpoint
    private let time: TimeSource

    /// RFC 8628 section 3.5.
    private static let slowDownStep = 5
    /// Seconds between two polls of a server that does not answer, at most, where the server wants no longer pause itself.
    private static let longestPause = 60

    /// - Parameter deadline: of one request; more than 30 s is cut to 30 s.
    package init(http: any HTTPSending, deadline: Duration, time: TimeSource) {
        self.http = http
        device = DeviceEndpoint(http: http, deadline: min(deadline, .seconds(30)))
        endpoint = TokenEndpoint(http: http, deadline: deadline)
        self.time = time
    }

    /// - Parameters:
    ///   - patience: ends the login before the code does.
    ///   - keep: makes the result durable. During a poll and from there to its end a signal waits: an answer may hold the only
    ///     copy of the tokens.
    /// - Throws: `accessDenied`, `loginTimeout` when the code has expired by the server's word or by our clock, what asking for a
    ///   code and the exchange can fail with, and what `keep` throws.
    package func run<Kept: Sendable>(
        _ client: OAuthClient, patience: Duration?, _ presenter: any DevicePresenting,
        keep: (consuming LoginResult) async throws(OAuthError) -> Kept
    ) async throws(OAuthError) -> Kept {
        let authorization = try await device.begin(client)
        // Our own clock ends it, whatever the server goes on saying.
        let limit = min(.seconds(authorization.lifetime), patience ?? .seconds(authorization.lifetime))
        let deadline = time.elapsed() + limit
        presenter.present(
            DevicePrompt(
                userCode: authorization.userCode, verification: authorization.verification, complete: authorization.complete,
                patience: Int(limit.components.seconds)))
        var pace = Pace(interval: authorization.interval)
        while true {
            let pause = Duration.seconds(pace.seconds)
            // No other poll fits in: waiting on would be in vain.
            guard time.elapsed() + pause < deadline else { throw DeviceFlow.timeout(client, limit, pace.trouble) }
            await time.sleep(pause)
            // The machine itself may have slept for longer.
            let left = deadline - time.elapsed()
            guard left > .zero else { throw DeviceFlow.timeout(client, limit, pace.trouble) }
            if let kept = try await ask(client, authorization, within: left, &pace, presenter, keep) { return kept }
        }
    }

    /// How long to wait before the next poll.
    private struct Pace {
        var interval: Int
        var failures = 0
        /// Why the last poll had no answer; nil when it had one.
        var trouble: String?

        init(interval: Int) { self.interval = interval }

        /// Doubled with each poll that had no answer (RFC 8628 section 3.5).
        var seconds: Int { min(interval << min(failures, 10), max(interval, DeviceFlow.longestPause)) }
    }

    /// One poll; nil if the login is still pending.
    private func ask<Kept: Sendable>(
        _ client: OAuthClient, _ authorization: borrowing DeviceAuthorization, within left: Duration, _ pace: inout Pace,
        _ presenter: any DevicePresenting,
        _ keep: (consuming LoginResult) async throws(OAuthError) -> Kept
    ) async throws(OAuthError) -> Kept? {
        Interrupts.begin()
        defer { Interrupts.end() }
        let poll = try await device.poll(authorization, client, within: left)
        let trouble = pace.trouble
        pace.trouble = nil
        switch consume poll {
        case .pending: pace.failures = 0
        case .slowDown(let retryAfter):
            pace.failures = 0
            pace.interval = min(max(pace.interval + DeviceFlow.slowDownStep, retryAfter ?? 0), 3600)
        case .unreachable(let reason):
            if trouble == nil { presenter.note("\(client.provider) gave no answer (\(reason)); it is asked again, less often") }
            pace.failures += 1
            pace.trouble = reason
        case .denied(let description): throw OAuthLoginFailure.denied("access_denied", description, client)
        case .expired:
            throw OAuthError(
                .loginTimeout, "the code has expired before anybody approved it",
                remedy: "begin again for a new code: ai-usage-agent auth login \(client.provider) --device")
        case .answered(let outcome): return try await finish(outcome, client, presenter, keep)
        case .code(let code, let verifier):
            guard case .exchangedCode(_, _, let redirectURI, _, _) = client.deviceDialect else { return nil }
            return try await finish(
                try await endpoint.exchange(code: code, verifier: verifier, redirectURI: redirectURI, client: client), client, presenter,
                keep)
        }
        return nil
    }

    private func finish<Kept: Sendable>(
        _ outcome: consuming TokenOutcome, _ client: OAuthClient, _ presenter: any DevicePresenting,
        _ keep: (consuming LoginResult) async throws(OAuthError) -> Kept
    ) async throws(OAuthError) -> Kept {
        // No browser carried a nonce here.
        let result = try await LoginResult(
            accepting: outcome, client: client, nonce: nil, receivedAt: time.now(), http: http, note: presenter.note)
        return try await keep(result)
    }

    private static func timeout(_ client: OAuthClient, _ limit: Duration, _ trouble: String?) -> OAuthError {
        OAuthError(
            .loginTimeout,
            "nobody approved the code within \(limit.components.seconds) s"
                + (trouble.map { ", and the last poll had no answer: \($0)" } ?? ""),
            remedy: "begin again for a new code: ai-usage-agent auth login \(client.provider) --device")
    }
}
