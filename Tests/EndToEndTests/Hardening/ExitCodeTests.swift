import Glibc
import TestSupport
import Testing

@Suite("Exit codes")
struct ExitCodeTests {
    @Test("Each documented exit code is given by a real command")
    func all() async throws {
        try await Scene.with { scene in
            var seen: [Int32: String] = [:]
            func note(_ outcome: Outcome) { if let status = outcome.status { seen[status] = outcome.arguments.joined(separator: " ") } }
            note(try await scene.run("token", "codex"))
            note(try await scene.run("token", "codex", "--account", "nobody"))
            note(try await scene.run("token", "nosuch"))
            let port = scene.provider.base.split(separator: ":").last.map(String.init) ?? ""
            note(try await scene.run("auth", "login", "acme", "--no-open", "--port", port))
            try await scene.provider.misbehave("status-503")
            note(try await scene.run("auth", "refresh", "codex"))
            let login = try await scene.startLogin()
            login.child.signal(SIGINT)
            note(await login.child.finish())

            let sealed = try scene.home.read(scene.home.sealedFile)
            try scene.home.write(Array(sealed.dropLast()), to: scene.home.sealedFile)
            note(try await scene.run("token", "codex"))
            try scene.home.move(scene.home.keyFile, to: scene.home.path + "/key")
            note(try await scene.run("token", "codex"))
            try scene.home.configure("{")
            note(try await scene.run("token", "codex"))
            #expect(seen.keys.sorted() == [0, 1, 3, 4, 5, 64, 65, 78, 130], "\(seen)")
        }
    }
}
