package import Platform

/// A private session bus with a Secret Service on it that does what the test says (Tests/EndToEndTests/Servers/secret_service.py).
///
/// What it keeps outlives it: `start()` after it died finds the items again.
package final class ScriptedKeyring: DesktopKeyring {
    package let bus: SessionBus
    private let state: String
    private let service = Guarded<Child?>(nil)
    private let commands = Guarded(0)

    package static var isPossible: Bool { SessionBus.isPossible && Python.path != nil && Program.keyringHelper != nil }
    package static let name = "org.freedesktop.secrets"

    package convenience init(_ home: Home) async throws { try await self.init(home, isActivatable: false) }

    /// - Parameter isActivatable: the bus starts it again when it has died, without any rules.
    package init(_ home: Home, isActivatable: Bool) async throws {
        state = home.path + "/keyring.json"
        let command = ([Python.path ?? ""] + ScriptedKeyring.arguments(state) + ["--activated"]).joined(separator: " ")
        bus = try await SessionBus(home, activatable: isActivatable ? [ScriptedKeyring.name: command] : [:])
        try await start()
    }

    private static func arguments(_ state: String) -> [String] { [Python.script("secret_service.py"), "--state", state] }

    /// Starts the service, healthy.
    package func start() async throws {
        guard let python = Python.path else { throw SessionBus.Failed(description: "no Python with dbus-next") }
        let child = try bus.start(python, ScriptedKeyring.arguments(state), input: .open)
        guard await child.line(of: .output, startingWith: "ready") != nil else {
            throw SessionBus.Failed(description: "the scripted keyring did not start: \(await child.finish())")
        }
        service.withLock { $0 = child }
    }

    /// Kills the service; the bus stays.
    package func kill() async { await service.withLock({ $0 })?.stop() }

    /// Waits until the service has ended by itself, as a rule said.
    package func hasDied(within patience: Duration = .seconds(10)) async -> Bool {
        await service.withLock({ $0 })?.end(within: patience) ?? true
    }

    /// Makes it healthy again, whatever became of it.
    package func heal() async throws {
        do { try await tell("behave") } catch {
            guard service.withLock({ $0 })?.hasEnded ?? true else { throw error }
            try await start()
        }
    }

    /// `METHOD=ACTION[@N]`
    package func on(_ rules: String...) async throws {
        for rule in rules { try await tell("on " + rule) }
    }

    /// `NAME=VALUE`
    package func set(_ settings: String...) async throws {
        for setting in settings { try await tell("set " + setting) }
    }

    /// The person to whom a prompt is open says yes.
    package func answerPrompt() async throws { try await tell("answer") }

    /// Lets every item have been made that many seconds earlier.
    package func age(_ seconds: Int) async throws { try await tell("age \(seconds)") }

    package func forgetCalls() async throws { try await tell("forget") }

    /// The names of all calls so far.
    package func calls() async throws -> [String] {
        let text = Array(try await tell("calls").utf8)
        return (try JSONValue(parsing: text.span).array ?? []).compactMap(\.string)
    }

    package func count(_ method: String) async throws -> Int { try await calls().count { $0 == method } }

    /// Waits until a method was called.
    package func wait(for method: String, patience: Duration = .seconds(20)) async throws {
        let deadline = TimeSource.system.elapsed() + patience
        while try await count(method) == 0 {
            guard TimeSource.system.elapsed() < deadline else { throw SessionBus.Failed(description: "\(method) was not called") }
            await TimeSource.system.sleep(.milliseconds(20))
        }
    }

    /// Labels and attributes of every item.
    package func items() async throws -> [JSONValue] {
        let text = Array(try await tell("items").utf8)
        return try JSONValue(parsing: text.span).array ?? []
    }

    @discardableResult
    private func tell(_ command: String) async throws -> String {
        let number = commands.withLock {
            $0 += 1
            return $0
        }
        guard let child = service.withLock({ $0 }) else { throw SessionBus.Failed(description: "the keyring was not started") }
        child.write("\(number) \(command)\n")
        guard let line = await child.line(of: .output, startingWith: "\(number) ") else {
            throw SessionBus.Failed(description: "\(command): the keyring has ended: \(await child.finish())")
        }
        let answer = String(line.dropFirst("\(number) ".count))
        guard !answer.hasPrefix("error") else { throw SessionBus.Failed(description: "\(command): \(answer)") }
        return answer
    }
}
