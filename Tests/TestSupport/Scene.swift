package import Glibc
package import Platform

/// A temporary home, a provider, and the program between them: what nearly every end-to-end test begins with.
package final class Scene: Sendable {
    package let home: Home
    package let provider: DemoProvider
    /// Variables that every command of the scene gets besides the home's own.
    package let variables = Guarded<[String: String]>([:])
    /// What goes before every command of the scene.
    package let wrapper = Guarded<[String]>([])
    /// The program that every command of the scene runs.
    package let program = Guarded(Program.path)
    private let outcomes = Guarded<[Outcome]>([])
    private static let gate = Gate(4)

    private init(_ home: Home, _ provider: DemoProvider) {
        self.home = home
        self.provider = provider
    }

    /// How much of the beginning is done before the test's own part.
    package enum Start: Sendable {
        case empty, vault, login
    }

    /// Runs `body` and takes everything down after it, whatever happens.
    ///
    /// - Parameters:
    ///   - flags: of the demo provider.
    ///   - configuration: written to config.json, with `BASE` replaced by the provider's address.
    package static func with<R>(
        _ flags: [String] = [], start: Start = .login, configuration: String = Scene.configuration, _ body: (Scene) async throws -> R
    ) async throws -> R {
        await gate.enter()
        defer { gate.leave() }
        let home = try Home()
        defer { home.remove() }
        let provider = try await DemoProvider(flags)
        let scene = Scene(home, provider)
        do {
            try scene.configure(configuration)
            if start != .empty { try await scene.require("vault", "init", "--backend", "file", "--identity", "key-file") }
            if start == .login { try await scene.login() }
            let result = try await body(scene)
            await provider.stop()
            return result
        } catch {
            await provider.stop()
            throw error
        }
    }

    /// Codex and a provider of type oidc, both at the demo provider, on any free port (Codex's own are fixed).
    package static let configuration = """
        {"schemaVersion": 1, "providers": {
          "codex": {"issuer": "BASE", "redirectUri": "http://127.0.0.1/callback", "endpoints": {"usage": "BASE/backend-api/wham/usage"}},
          "acme": {"type": "oidc", "issuer": "BASE", "clientId": "cli"}}}
        """

    package func configure(_ text: String) throws {
        try home.configure(text.split(separator: "BASE", omittingEmptySubsequences: false).joined(separator: provider.base))
    }

    /// Gives everything of the home, and a copy of the full program in it, to another user (as root only).
    ///
    /// - Returns: the copy's path.
    package func give(to user: uid_t) async throws -> String {
        let program = home.path + "/program"
        // By a program of its own: a file that any process still has open for writing cannot be started.
        let copy = try await Child("/bin/cp", [Program.full, program], environment: home.environment).finish()
        guard copy.status == 0 else { throw Failed(description: "\(copy)") }
        for entry in try home.entries().map(\.path) + [home.path] {
            guard chown(entry, user, user) == 0 else { throw Failed(description: "chown \(entry): \(String(cString: strerror(errno)))") }
        }
        return program
    }

    // MARK: - The program

    package func start(
        _ arguments: [String], input: Child.Input = .nothing, descriptors: [Int32: [UInt8]] = [:], environment: [String: String] = [:],
        through wrapper: [String] = [], patience: Duration = .seconds(90)
    ) throws -> Child {
        let line = wrapper + self.wrapper.withLock { $0 } + [program.withLock { $0 }] + arguments
        return try Child(
            line[0], Array(line.dropFirst()),
            environment: home.environment.merging(variables.withLock { $0 }) { $1 }.merging(environment) { $1 }, input: input,
            descriptors: descriptors, patience: patience)
    }

    /// Runs a command to its end.
    package func run(
        _ arguments: String..., input: Child.Input = .nothing, descriptors: [Int32: [UInt8]] = [:], environment: [String: String] = [:],
        through wrapper: [String] = []
    ) async throws -> Outcome {
        await finish(
            try start(arguments, input: input, descriptors: descriptors, environment: environment, through: wrapper))
    }

    package func run(_ arguments: [String]) async throws -> Outcome { await finish(try start(arguments)) }

    package func finish(_ child: Child) async -> Outcome {
        let outcome = await child.finish()
        note(outcome)
        return outcome
    }

    package func note(_ outcome: Outcome) { outcomes.withLock { $0.append(outcome) } }

    /// Every command that has ended, in order.
    package var transcript: [Outcome] { outcomes.withLock { $0 } }

    package struct Failed: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// Runs a command that the test needs and is not about.
    @discardableResult
    package func require(_ arguments: String...) async throws -> Outcome {
        let outcome = try await run(arguments)
        guard outcome.status == 0 else { throw Failed(description: "\(outcome)") }
        return outcome
    }

    /// Logs in as the person that `extra` names, or as ada.
    @discardableResult
    package func login(_ provider: String = "codex", _ options: [String] = [], as person: String? = nil) async throws -> Outcome {
        let login = try await startLogin(provider, options)
        let outcome = try await login.complete(person.map { "&demo_user=\($0)" } ?? "")
        note(outcome)
        guard outcome.status == 0 else { throw Failed(description: "\(outcome)") }
        return outcome
    }

    /// A login that has printed its address and waits.
    package func startLogin(
        _ provider: String = "codex", _ options: [String] = [], input: Child.Input = .nothing
    ) async throws -> HeadlessLogin {
        try await HeadlessLogin(try start(["auth", "login", provider, "--no-open"] + options, input: input))
    }

    /// Asks for new readings until one is so: what was read within the last second is shown again.
    package func refreshUsage(_ provider: String = "codex", until isWanted: (JSONValue) -> Bool) async throws {
        let deadline = TimeSource.system.elapsed() + .seconds(30)
        while TimeSource.system.elapsed() < deadline {
            let outcome = try await run("usage", provider, "--refresh", "--json")
            if let snapshot = outcome.json["snapshots"].array?.first, isWanted(snapshot) { return }
            await TimeSource.system.sleep(.milliseconds(100))
        }
        throw Failed(description: "no such reading came: \(transcript.last.map { "\($0)" } ?? "")")
    }

    /// Logs in with an access token that lives a second and waits until it is over; the next one lives an hour.
    package func loginExpired() async throws {
        try await provider.misbehave("expires-negative")
        try await login()
        let account = try await require("auth", "list", "--json").json["accounts"].array?.first ?? .null
        guard let expiry = account["expiresAt"].string.flatMap(Timestamp.init) else { throw Failed(description: "no expiry: \(account)") }
        while TimeSource.system.now() < expiry { await TimeSource.system.sleep(.milliseconds(20)) }
    }
}
