import Glibc
import Platform
import TestSupport
import Testing

@Suite("A signal while the tokens of a login are on their way")
struct LoginSignalTests {
    /// The login is stored although its process was told to end; nothing was asked for twice.
    private func check(_ scene: Scene, _ outcome: Outcome, _ number: Int32) async throws {
        #expect(outcome.status == 128 + number, "\(outcome)")
        let accounts = try await scene.require("auth", "list", "--json").json["accounts"].array
        #expect(accounts?.map { $0["status"] } == ["active"], "\(outcome)")
        #expect(try await scene.require("token", "acme").text.isEmpty == false)
        try await scene.require("auth", "refresh", "acme")
        #expect(try await scene.provider.statistics()["codeGrants"] == 1)
    }

    @Test("In the browser's login it waits until they are stored", arguments: [SIGINT, SIGTERM, SIGHUP])
    func browser(_ number: Int32) async throws {
        try await Scene.with(start: .vault) { scene in
            let login = try await scene.startLogin("acme")
            try await scene.provider.misbehave("slow", seconds: 3)
            try await login.visit(try await login.callback())
            try await scene.provider.wait(for: "codeGrants", toReach: 1)
            login.child.signal(number)
            try await check(scene, await login.child.finish(), number)
        }
    }

    @Test("In a device login, too")
    func device() async throws {
        try await Scene.with(start: .vault) { scene in
            let login = try await scene.startDeviceLogin("acme", [])
            // More than one: a poll that is still pending would take the only one away.
            try await scene.provider.misbehave("slow", count: 20, seconds: 3)
            try await scene.provider.decide(login.code, as: "ada")
            try await scene.provider.wait(for: "codeGrants", toReach: 1)
            login.child.signal(SIGINT)
            let outcome = await login.child.finish()
            try await scene.provider.behave()
            try await check(scene, outcome, SIGINT)
        }
    }
}
