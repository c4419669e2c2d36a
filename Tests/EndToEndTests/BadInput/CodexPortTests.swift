import Glibc
import Platform
import TestSupport
import Testing

/// Codex's callback ports are fixed by its server; only these tests use them.
@Suite("Codex's own callback ports", .serialized)
struct CodexPortTests {
    private static let own = #"{"schemaVersion": 1, "providers": {"codex": {"issuer": "BASE"}}}"#

    /// Waits until nobody else on this machine has the port.
    private func hold(_ port: Int) async throws -> LoopbackSocket {
        let deadline = TimeSource.system.elapsed() + .seconds(70)
        while true {
            do { return try LoopbackSocket.bind(.v4, port: port) } catch {
                guard TimeSource.system.elapsed() < deadline else { throw error }
                await TimeSource.system.sleep(.milliseconds(50))
            }
        }
    }

    private func isFree(_ port: Int) async throws { _ = try await hold(port) }

    @Test("The first is 1455, on localhost, with the path the server knows")
    func first() async throws {
        try await isFree(1455)
        try await Scene.with(start: .vault, configuration: Self.own) { scene in
            let login = try await scene.startLogin()
            let callback = try await login.callback()
            #expect(callback.hasPrefix("http://localhost:1455/auth/callback?code="), "\(callback)")
            let outcome = try await login.complete()
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    @Test("With 1455 taken it is 1457")
    func second() async throws {
        let socket = try await hold(1455)
        try await isFree(1457)
        try await Scene.with(start: .vault, configuration: Self.own) { scene in
            let login = try await scene.startLogin()
            let callback = try await login.callback()
            #expect(callback.hasPrefix("http://localhost:1457/auth/callback?code="), "\(callback)")
            let outcome = try await login.complete()
            #expect(outcome.status == 0, "\(outcome)")
        }
        extendLifetime(socket)
    }

    @Test("With both taken and no terminal it is exit 1 and port_busy, with both ports, their holder and --manual named")
    func none() async throws {
        let first = try await hold(1455)
        let second = try await hold(1457)
        try await Scene.with(start: .vault, configuration: Self.own) { scene in
            let before = scene.home.stores()
            let refusal = Refusal(1, "port_busy", "1455", "1457", "pid \(getpid())", "--manual")
            refusal.check(try await scene.run("auth", "login", "codex", "--no-open", "--json"))
            refusal.checkText(try await scene.run("auth", "login", "codex", "--no-open"))
            #expect(scene.home.stores() == before)
        }
        extendLifetime(first)
        extendLifetime(second)
    }

    @Test("A login leaves the ports as it found them: three in a row all come back to 1455")
    func inARow() async throws {
        try await isFree(1455)
        try await Scene.with(start: .vault, configuration: Self.own) { scene in
            for round in 1...3 {
                let login = try await scene.startLogin()
                let callback = try await login.callback()
                #expect(callback.hasPrefix("http://localhost:1455/"), "login \(round): \(callback)")
                let outcome = try await login.complete()
                #expect(outcome.status == 0, "\(outcome)")
            }
        }
    }
}
