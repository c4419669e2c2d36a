import Glibc
import Platform

/// oidc-agent as the distribution has it, with accounts at a demo provider: the program that ours is measured beside.
package final class OidcAgent: Sendable {
    package static var isPossible: Bool {
        ["oidc-agent", "oidc-gen", "oidc-token", "python3"].allSatisfy { Program.find($0) != nil }
    }
    package static let missing = "oidc-agent is missing: apt-get install oidc-agent-cli"

    package let socket: String
    private let home: Home
    private let provider: DemoProvider
    private let child: Child

    /// Started without a daemon, with as many descriptors as it takes, and without a window or a browser for new logins.
    ///
    /// - Parameter provider: one that refuses as the standard says (`--error-style oauth`).
    package init(_ home: Home, _ provider: DemoProvider) async throws {
        self.home = home
        self.provider = provider
        socket = home.path + "/oidc.sock"
        if !home.exists(home.path + "/oidc") { try home.makeDirectory(home.path + "/oidc") }
        let command = [Program.find("oidc-agent") ?? "", "-d", "-a", socket, "--no-webserver", "--no-scheme"]
        child = try Child(
            "/bin/sh", ["-c", "ulimit -n 4096; exec \"$@\"", "sh"] + command, environment: OidcAgent.environment(home, nil), patience: nil)
        // It says where it listens before it does.
        try await until("oidc-agent listens") { child.hasEnded || home.exists(socket) }
        let path = socket
        let deadline = TimeSource.system.elapsed() + .seconds(10)
        while await !UnixClient.ask(path, OidcAgent.request(for: "nobody"), end: nil, patience: .seconds(1)).isWhole {
            guard !child.hasEnded, TimeSource.system.elapsed() < deadline else {
                throw SpawnFailure(description: "oidc-agent did not start: \(child.errorSoFar)")
            }
            await TimeSource.system.sleep(.milliseconds(10))
        }
    }

    private static func environment(_ home: Home, _ socket: String?) -> [String: String] {
        var variables = home.environment
        variables["OIDC_CONFIG_DIR"] = home.path + "/oidc"
        variables["OIDC_SOCK"] = socket
        return variables
    }

    /// Logs a person in at the provider and loads the account, which has their name.
    package func add(_ person: String) async throws {
        var environment = OidcAgent.environment(home, socket)
        environment["OIDC_REFRESH_TOKEN"] = try await refreshToken(of: person)
        environment["OIDC_ENCRYPTION_PW"] = "pw"
        let outcome = await
            (try Child(
                Program.find("oidc-gen") ?? "",
                [
                    person, "--iss", provider.base, "--client-id", "cli", "--client-secret", "none", "--redirect-uri",
                    "http://localhost:4242", "--scope", "openid offline_access", "--rt-env", "--pw-env", "--prompt=none", "--manual",
                    "--confirm-default",
                ], environment: environment)).finish()
        guard outcome.status == 0 else { throw SpawnFailure(description: "\(outcome)") }
    }

    /// The code flow (RFC 6749 section 4.1, RFC 7636) with the browser played by us.
    private func refreshToken(of person: String) async throws -> String {
        let client = LoopbackClient()
        let verifier = [UInt8](repeating: UInt8(ascii: "v"), count: 64)
        let challenge = Base64.encode(SHA256.hash(verifier.span).span, .urlSafe)
        let answer = try await client.get(
            provider.base + "/oauth/authorize?response_type=code&client_id=cli&redirect_uri=http://127.0.0.1/callback"
                + "&scope=openid+offline_access&state=s&code_challenge=\(challenge)&code_challenge_method=S256&demo_user=\(person)")
        guard let code = answer.location?.split(whereSeparator: { "?&".contains($0) }).first(where: { $0.hasPrefix("code=") })?.dropFirst(5)
        else {
            throw LoopbackClient.Failure(description: "no code: \(answer)")
        }
        let tokens = try await client.post(
            provider.base + "/oauth/token",
            "grant_type=authorization_code&client_id=cli&code=\(code)&code_verifier=\(String(decoding: verifier, as: UTF8.self))"
                + "&redirect_uri=http://127.0.0.1/callback")
        guard let token = tokens.json["refresh_token"].string else { throw LoopbackClient.Failure(description: "no token: \(tokens)") }
        return token
    }

    /// A request in its plain form.
    ///
    /// - Parameter isFresh: with a life that no token has, so that it refreshes.
    package static func request(for account: String, isFresh: Bool = false) -> [UInt8] {
        Array(#"{"request":"access_token","account":"\#(account)","min_valid_period":\#(isFresh ? 1_000_000 : 0)}"#.utf8)
    }

    package func token(of account: String, isFresh: Bool = false, patience: Duration) async -> UnixClient.Answer {
        await UnixClient.ask(socket, OidcAgent.request(for: account, isFresh: isFresh), end: nil, patience: patience)
    }

    package var hasEnded: Bool { child.hasEnded }
    package var pid: Int32 { child.pid }

    /// It is two processes, of one session.
    package func stop() async {
        if !child.hasEnded { kill(-child.pid, SIGKILL) }
        await child.stop()
    }

    /// `4.2.6`
    package static func version() async throws -> String {
        let outcome = await (try Child(Program.find("oidc-agent") ?? "", ["--version"], environment: ["PATH": "/usr/bin:/bin"])).finish()
        return (outcome.text + outcome.errorText).split { $0 == " " || $0 == "\n" }.last.map(String.init) ?? ""
    }
}
