package import Platform

/// What a login needs from the person and tells them.
package protocol LoginPresenting: Sendable {
    /// Shows the address to open; opens a browser if that is wanted.
    func present(url: String, redirect: String, isListening: Bool) async
    /// One pasted line; nil when there is nobody to paste or the input ended.
    func pastedLine() async -> SecretBox?
    /// Says why a paste was of no use, or that a bare code could not be checked.
    func note(_ text: String)
}

/// How one login is to be done.
package struct LoginOptions: Sendable {
    /// Only paste: no listener, no browser.
    package var manual = false
    /// Accept a paste beside the listener.
    package var acceptsPaste = false
    /// `--port`: this one or an error; nil for those of the client.
    package var port: Int?
    /// For the person, from the address being shown.
    package var patience = Duration.seconds(300)

    package init() {}
}

/// The authorization code login: listener and paste side by side, the first valid answer wins, one exchange.
package struct LoginFlow: Sendable {
    let http: any HTTPSending
    let endpoint: TokenEndpoint
    let time: TimeSource

    /// - Parameter deadline: of one request; more than 30 s is cut to 30 s.
    package init(http: any HTTPSending, deadline: Duration, time: TimeSource) {
        self.http = http
        endpoint = TokenEndpoint(http: http, deadline: deadline)
        self.time = time
    }

    /// - Parameter keep: makes the result durable. From the exchange to its end a signal waits: the code is spent, and
    ///   the tokens exist nowhere else.
    /// - Throws: `accessDenied`, `loginTimeout`, `portBusy`, `usage` for a useless paste with nobody to ask again, what
    ///   the exchange can fail with, and what `keep` throws.
    package func run<Kept: Sendable>(
        _ client: OAuthClient, _ options: LoginOptions, _ presenter: any LoginPresenting,
        keep: (consuming LoginResult) async throws(OAuthError) -> Kept
    ) async throws(OAuthError) -> Kept {
        let endpoints = try client.knownEndpoints()
        let listener = options.manual ? nil : try bind(client, options, presenter)
        let port = listener?.port ?? options.port ?? client.redirect.ports.first ?? LoginFlow.pastePort
        // A page that shows the code is kinder than one that does not load.
        let page = listener == nil ? client.codePage : nil
        let request = AuthorizationRequest(client: client, redirectURI: page?.description ?? client.redirect.uri(port: port))
        let fields = CallbackFields(state: request.state, issuer: client.issuer, issuerIsRequired: endpoints.sendsIssuer)
        do throws(ThreadError) {
            try listener?.start(client.redirect, fields, serverOrigin: endpoints.authorization.origin)
        } catch {
            throw OAuthError(
                .network, "nothing can wait for the browser: \(error)",
                remedy: "\(ThreadError.remedy), or paste the callback by hand: ai-usage-agent auth login \(client.provider) --manual")
        }
        await presenter.present(url: try request.url(), redirect: request.redirectURI, isListening: listener != nil)

        let pasting = options.manual || options.acceptsPaste || listener == nil
        let answer: AuthorizationAnswer
        do throws(OAuthError) {
            answer = try await firstAnswer(
                listener, pasting ? presenter : nil, fields, path: page?.path ?? client.redirect.path, options.patience)
        } catch {
            await listener?.close(lingering: false)
            throw error
        }
        do throws(OAuthError) {
            let kept = try await finish(answer, request, presenter, keep)
            // The browser's last page is served while nothing waits for it any more.
            await listener?.close(lingering: true)
            return kept
        } catch {
            await listener?.close(lingering: true)
            throw error
        }
    }

    /// With nothing listening any port does; the person copies the address anyway.
    private static let pastePort = 53682

    private func finish<Kept: Sendable>(
        _ answer: AuthorizationAnswer, _ request: borrowing AuthorizationRequest, _ presenter: any LoginPresenting,
        _ keep: (consuming LoginResult) async throws(OAuthError) -> Kept
    ) async throws(OAuthError) -> Kept {
        switch answer {
        case .denied(let error, let description):
            throw OAuthLoginFailure.denied(error, description, request.client)
        case .code(let box, let stateChecked):
            guard let code = box.take() else {
                throw OAuthError(
                    .usage, "the code was used already", remedy: "log in again: ai-usage-agent auth login \(request.client.provider)")
            }
            if !stateChecked { presenter.note("a bare code was pasted: whether it belongs to this login could not be checked") }
            Interrupts.begin()
            defer { Interrupts.end() }
            let outcome = try await endpoint.exchange(
                code: code, verifier: request.verifier, redirectURI: request.redirectURI, state: request.state, client: request.client)
            let result = try await LoginResult(
                accepting: outcome, client: request.client, nonce: request.nonce, receivedAt: time.now(), http: http, note: presenter.note)
            return try await keep(result)
        }
    }

    private func bind(_ client: OAuthClient, _ options: LoginOptions, _ presenter: any LoginPresenting) throws(OAuthError)
        -> CallbackListener?
    {
        if let listener = try CallbackListener.bind(client.redirect, only: options.port) { return listener }
        let tried = options.port.map { [$0] } ?? client.redirect.ports
        let names = tried.map { port in "\(port)" + (PortHolder.find(port: port).map { " (held by \($0))" } ?? "") }.joined(separator: ", ")
        if options.port != nil || !options.acceptsPaste {
            let reach = options.port == nil ? "\(client.provider) sends the browser nowhere else" : "--port asked for no other"
            throw OAuthError(
                .portBusy, "port \(names) is taken, and \(reach)",
                remedy: "stop what holds it, or paste the callback by hand: ai-usage-agent auth login \(client.provider) --manual")
        }
        presenter.note("port \(names) is taken: paste the address the browser ends on (its page will not load)")
        return nil
    }

    private func firstAnswer(
        _ listener: CallbackListener?, _ presenter: (any LoginPresenting)?, _ fields: CallbackFields, path: String,
        _ patience: Duration
    ) async throws(OAuthError) -> AuthorizationAnswer {
        let first = FirstAnswer()
        if let listener {
            Task { if let answer = await listener.wait() { first.set(.success(answer)) } }
        }
        if let presenter {
            Task { await LoginFlow.paste(presenter, fields, path, isAlone: listener == nil, first) }
        }
        let timer = Task {
            try await Task.sleep(for: patience)
            first.set(
                .failure(
                    OAuthError(
                        .loginTimeout, "nobody finished the login within \(patience.components.seconds) s",
                        remedy: "run it again; --timeout S waits longer")))
        }
        defer { timer.cancel() }
        return try await first.value().get()
    }

    /// Reads pasted lines until one is of use. The end of the input never ends a login that a listener still waits for.
    private static func paste(
        _ presenter: any LoginPresenting, _ fields: CallbackFields, _ path: String, isAlone: Bool, _ first: FirstAnswer
    ) async {
        var lastReason = "nothing was pasted"
        while let line = await presenter.pastedLine()?.take() {
            let text = line.withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
            switch PastedCallback.judge(text, fields, path: path) {
            case .accepted(let answer): return first.set(.success(answer))
            case .rejected(let reason):
                lastReason = reason
                presenter.note("that did not help: \(reason); paste again")
            }
        }
        if isAlone {
            first.set(
                .failure(
                    OAuthError(
                        .usage, "no usable callback was pasted: \(lastReason)", remedy: "paste the whole address the browser ended on")))
        }
    }
}

enum OAuthLoginFailure {
    static func denied(_ error: String, _ description: String?, _ client: OAuthClient) -> OAuthError {
        let words = error + (description.map { ": \($0)" } ?? "")
        if let hint = client.deniedHints.first(where: { description?.contains($0.mark) == true }) {
            return OAuthError(.accessDenied, "\(hint.message) (\(words))", remedy: hint.remedy)
        }
        return OAuthError(
            .accessDenied, "the login was refused (\(words))", remedy: "log in again: ai-usage-agent auth login \(client.provider)")
    }
}

/// The first of several answers; later ones are dropped.
private final class FirstAnswer: Sendable {
    private typealias Answer = Result<AuthorizationAnswer, OAuthError>
    private let slot = Guarded<(answer: Answer?, waiter: CheckedContinuation<Answer, Never>?)>((nil, nil))

    func set(_ answer: Result<AuthorizationAnswer, OAuthError>) {
        let waiter = slot.withLock { slot -> CheckedContinuation<Answer, Never>? in
            guard slot.answer == nil else { return nil }
            slot.answer = answer
            defer { slot.waiter = nil }
            return slot.waiter
        }
        waiter?.resume(returning: answer)
    }

    func value() async -> Result<AuthorizationAnswer, OAuthError> {
        await withCheckedContinuation { continuation in
            let ready = slot.withLock { slot -> Answer? in
                if slot.answer == nil { slot.waiter = continuation }
                return slot.answer
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }
}
