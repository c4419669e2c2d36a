import Platform

/// A session bus of a test's own, with nobody on it but whom the test puts there.
package final class SessionBus: Sendable {
    package let address: String
    /// The socket's path; it stays when the bus is stopped.
    package let socket: String
    /// The home's, and where the bus is.
    package let environment: [String: String]
    private let programs = Guarded<[Child]>([])

    package static var isPossible: Bool { Program.find("dbus-daemon") != nil }

    package struct Failed: Error, CustomStringConvertible {
        package let description: String
    }

    /// - Parameter activatable: names that the bus starts a program for, and the command line. The system's are not among
    ///   them: a service that a test stopped must not come back as another one.
    package init(_ home: Home, activatable: [String: String] = [:]) async throws {
        let folder = home.path + "/bus-" + Random.uuid()
        socket = folder + "/socket"
        try home.makeDirectory(folder)
        for (name, command) in activatable {
            try home.write(Array("[D-BUS Service]\nName=\(name)\nExec=\(command)\n".utf8), to: "\(folder)/\(name).service")
        }
        let configuration = """
            <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
             "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
            <busconfig>
              <type>session</type>
              <listen>unix:path=\(socket)</listen>
              <auth>EXTERNAL</auth>
              <servicedir>\(folder)</servicedir>
              <policy context="default">
                <allow send_destination="*" eavesdrop="true"/>
                <allow eavesdrop="true"/>
                <allow own="*"/>
              </policy>
            </busconfig>
            """
        try home.write(Array(configuration.utf8), to: folder + "/bus.conf")
        let daemon = try Child(
            Program.find("dbus-daemon") ?? "", ["--config-file=\(folder)/bus.conf", "--nofork", "--nopidfile", "--print-address=1"],
            environment: home.environment, patience: nil)
        guard let line = await daemon.line(of: .output, startingWith: "unix:") else {
            throw Failed(description: "no bus: \(await daemon.finish())")
        }
        address = line
        environment = home.environment.merging(["DBUS_SESSION_BUS_ADDRESS": line]) { $1 }
        programs.withLock { $0.append(daemon) }
    }

    /// Starts a program on this bus that ends with it.
    package func start(_ path: String, _ arguments: [String], input: Child.Input = .nothing) throws -> Child {
        let child = try Child(path, arguments, environment: environment, input: input, patience: nil)
        programs.withLock { $0.append(child) }
        return child
    }

    /// The bus and all that was started on it.
    package func stop() async {
        for child in programs.withLock({ $0 }).reversed() { await child.stop() }
    }
}

/// Somebody on a session bus who keeps secrets.
package protocol DesktopKeyring: Sendable {
    var bus: SessionBus { get }
    init(_ home: Home) async throws
}

extension DesktopKeyring {
    package var address: String { bus.address }

    package func stop() async { await bus.stop() }
}

extension Scene {
    /// A scene whose commands find that keyring. The vault is made by the first login, or by the test.
    package static func withKeyring<Keyring: DesktopKeyring>(
        _ kind: Keyring.Type, flags: [String] = [], making make: (Home) async throws -> Keyring = { try await Keyring($0) },
        _ body: (Scene, Keyring) async throws -> Void
    ) async throws {
        try await Scene.with(flags, start: .empty) { scene in
            let keyring = try await make(scene.home)
            scene.use(keyring.address)
            do { try await body(scene, keyring) } catch {
                await keyring.stop()
                throw error
            }
            await keyring.stop()
        }
    }

    /// Which session bus the next commands find; nil for none.
    package func use(_ bus: String?) { variables.withLock { $0["DBUS_SESSION_BUS_ADDRESS"] = bus } }
}
