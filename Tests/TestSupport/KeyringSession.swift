import Platform

/// A private session bus with a real gnome-keyring on it, for one home, unlocked with a password of the test.
package final class KeyringSession: DesktopKeyring {
    package let bus: SessionBus

    package static let programs = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon", "secret-tool"]
    /// Whether this machine has what it takes.
    package static var isPossible: Bool { Program.keyringHelper != nil && programs.allSatisfy { Program.find($0) != nil } }

    package convenience init(_ home: Home) async throws { try await self.init(home, isFresh: false) }

    /// - Parameter isFresh: nobody has logged in yet, so that there is no default keyring.
    package init(_ home: Home, isFresh: Bool) async throws {
        bus = try await SessionBus(home)
        try await startService(isFresh: isFresh)
    }

    /// Starts the service and unlocks its login keyring. The password has no newline: one would become part of it.
    private func startService(isFresh: Bool) async throws {
        _ = try bus.start(
            Program.find("gnome-keyring-daemon") ?? "", ["--foreground", "--components=secrets"] + (isFresh ? [] : ["--unlock"]),
            input: isFresh ? .nothing : .bytes(Array("pw".utf8)))
        for _ in 0..<500 {
            let answer = try await send("org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets")
            if answer.contains("boolean true") { return }
            await TimeSource.system.sleep(.milliseconds(20))
        }
        throw SessionBus.Failed(description: "gnome-keyring did not come up")
    }

    package func lock() async throws {
        _ = try await send(
            "org.freedesktop.secrets", "/org/freedesktop/secrets", "org.freedesktop.Secret.Service.Lock",
            "array:objpath:/org/freedesktop/secrets/collection/login")
    }

    /// What `secret-tool search` prints of our items, on both of its streams.
    package func items() async throws -> String {
        let outcome = try await Child(
            Program.find("secret-tool") ?? "", ["search", "--all", "app", "ai-usage-agent"], environment: bus.environment
        ).finish()
        return outcome.text + "\n" + outcome.errorText
    }

    /// Takes an item away behind our back.
    package func remove(ref: String) async throws {
        _ = try await Child(Program.find("secret-tool") ?? "", ["clear", "ref", ref], environment: bus.environment).finish()
    }

    /// How many items of ours there are, without the test items that a kill may leave: also of a thousand at once, which
    /// `secret-tool` takes too long for.
    package func itemCount() async throws -> Int {
        let answer = try await send(
            "org.freedesktop.secrets", "/org/freedesktop/secrets", "org.freedesktop.Secret.Service.SearchItems",
            "dict:string:string:app,ai-usage-agent,v,1")
        return answer.split(separator: "\n").count { $0.contains("object path") }
    }

    private func send(_ arguments: String...) async throws -> String {
        let line = ["--session", "--print-reply", "--dest=" + arguments[0]] + arguments.dropFirst()
        return try await Child(Program.find("dbus-send") ?? "", line, environment: bus.environment).finish().text
    }
}
