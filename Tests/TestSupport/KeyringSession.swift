import Platform

/// A private session bus with a real gnome-keyring on it, for one home, unlocked with a password of the test.
package final class KeyringSession: Sendable {
    package let address: String
    private let environment: [String: String]
    private let children = Guarded<[Child]>([])

    package static let programs = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon", "secret-tool"]
    /// Whether this machine has what it takes.
    package static var isPossible: Bool { programs.allSatisfy { Program.find($0) != nil } }

    package struct Failed: Error, CustomStringConvertible {
        package let description: String
    }

    package init(_ home: Home) async throws {
        let bus = try Child(
            Program.find("dbus-daemon") ?? "", ["--session", "--nofork", "--nopidfile", "--print-address=1"], environment: home.environment,
            patience: nil)
        guard let line = await bus.line(of: .output, startingWith: "unix:") else { throw Failed(description: "no bus") }
        address = line
        environment = home.environment.merging(["DBUS_SESSION_BUS_ADDRESS": line]) { $1 }
        children.withLock { $0.append(bus) }
        try await startService()
    }

    /// Starts the service and unlocks its login keyring. The password has no newline: one would become part of it.
    package func startService() async throws {
        let service = try Child(
            Program.find("gnome-keyring-daemon") ?? "", ["--foreground", "--unlock", "--components=secrets"], environment: environment,
            input: .bytes(Array("pw".utf8)), patience: nil)
        children.withLock { $0.append(service) }
        for _ in 0..<500 {
            let answer = try await send("org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets")
            if answer.contains("boolean true") { return }
            await TimeSource.system.sleep(.milliseconds(20))
        }
        throw Failed(description: "gnome-keyring did not come up")
    }

    package func lock() async throws {
        _ = try await send(
            "org.freedesktop.secrets", "/org/freedesktop/secrets", "org.freedesktop.Secret.Service.Lock",
            "array:objpath:/org/freedesktop/secrets/collection/login")
    }

    /// What `secret-tool search` prints of our items, on both of its streams.
    package func items() async throws -> String {
        let outcome = try await Child(
            Program.find("secret-tool") ?? "", ["search", "--all", "app", "ai-usage-agent"], environment: environment
        ).finish()
        return outcome.text + "\n" + outcome.errorText
    }

    package func stop() async {
        for child in children.withLock({ $0 }).reversed() {
            await child.stop()
        }
    }

    private func send(_ arguments: String...) async throws -> String {
        let line = ["--session", "--print-reply", "--dest=" + arguments[0]] + arguments.dropFirst()
        return try await Child(Program.find("dbus-send") ?? "", line, environment: environment).finish().text
    }
}
