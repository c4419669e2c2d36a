import Platform

/// django-oauth-toolkit, running: a real OAuth server that this project did not write (Tests/EndToEndTests/Servers).
package final class DjangoProvider: Sendable {
    /// `http://127.0.0.1:PORT`
    package let base: String
    private let child: Child
    private let home: Home

    package init(_ flags: [String] = []) async throws {
        guard let python = Python.path else { throw SpawnFailure(description: "no Python with django-oauth-toolkit") }
        home = try Home()
        child = try Child(
            python, [Python.script("django_provider.py"), "--port", "0", "--state", home.path + "/django"] + flags,
            environment: home.environment, patience: nil)
        guard let line = await child.line(of: .output, startingWith: "ready ") else {
            throw SpawnFailure(description: "the server did not start: \(await child.finish())")
        }
        base = String(line.dropFirst("ready ".count))
    }

    package func stop() async {
        await child.stop()
        home.remove()
    }

    /// `{"schemaVersion": 1, …}` for a provider `acme` there.
    package var configuration: String {
        """
        {"schemaVersion": 1, "providers": {
          "acme": {"type": "oidc", "issuer": "\(base)/o", "clientId": "ai-usage-agent-test",
                   "scopes": ["openid", "profile", "email", "offline_access"]}}}
        """
    }

    /// The same for a client that logs in with `--device`; the server's documents do not name the endpoint.
    package var deviceConfiguration: String {
        """
        {"schemaVersion": 1, "providers": {
          "acme": {"type": "oidc", "issuer": "\(base)/o", "clientId": "ai-usage-agent-device",
                   "scopes": ["openid", "profile", "email", "offline_access"],
                   "endpoints": {"deviceAuthorization": "\(base)/o/device-authorization/"}}}}
        """
    }

    /// Counters of /test/stats.
    package func count(_ name: String) async throws -> Int? {
        try await LoopbackClient().get(base + "/test/stats").json[name].number?.integer
    }

    /// Plays the person at the browser (browser.py); its standard output.
    package func browse(_ url: String, _ flags: [String] = []) async throws -> String {
        guard let python = Python.path else { throw SpawnFailure(description: "no Python") }
        let outcome = await (try Child(python, [Python.script("browser.py")] + flags + [url], environment: home.environment))
            .finish()
        guard outcome.status == 0 else { throw SpawnFailure(description: "\(outcome)") }
        return outcome.text
    }
}
