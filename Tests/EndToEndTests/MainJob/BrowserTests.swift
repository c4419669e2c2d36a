import Platform
import TestSupport
import Testing

@Suite("The browser that a login opens")
struct BrowserTests {
    /// A program that writes down its arguments and its environment, one file each.
    private func recorder(_ scene: Scene) async throws -> String {
        let path = scene.home.path + "/browser"
        let text = "#!/bin/sh\nenv > \(path).environment\nprintf '%s\\n' \"$@\" > \(path).new\nmv \(path).new \(path).arguments\n"
        try await Executable.write(text, to: path, mode: 0o700)
        return path
    }

    /// - Parameter browser: `$BROWSER`, with PROGRAM for the recorder.
    private func opened(
        _ browser: String, _ body: (Scene, _ url: String, _ arguments: [String], _ login: HeadlessLogin) async throws -> Void
    )
        async throws
    {
        try await Scene.with(start: .vault) { scene in
            let program = try await recorder(scene)
            scene.variables.withLock {
                $0 = ["BROWSER": browser.replacing("PROGRAM", with: program), "AI_USAGE_AGENT_CODEX_TOKEN": "at-of-the-environment"]
            }
            let login = try await HeadlessLogin(try scene.start(["auth", "login", "acme", "--json"]))
            let deadline = TimeSource.system.elapsed() + .seconds(20)
            while !scene.home.exists(program + ".arguments"), TimeSource.system.elapsed() < deadline {
                await TimeSource.system.sleep(.milliseconds(20))
            }
            let arguments = try scene.home.text(program + ".arguments").split(separator: "\n").map(String.init)
            try await body(scene, login.url, arguments, login)
        }
    }

    @Test(
        "is the first of $BROWSER that can be started, with the address in the place of %s, or last",
        arguments: [("PROGRAM", 0, 1), ("/nonexistent/x:PROGRAM", 0, 1), ("PROGRAM --new %s --end", 1, 3), ("PROGRAM --new", 1, 2)])
    func list(_ browser: String, _ place: Int, _ count: Int) async throws {
        try await opened(browser) { scene, url, arguments, login in
            try #require(arguments.count == count, "\(arguments)")
            #expect(arguments[place] == url, "one argument, whatever is in it")
            #expect(login.child.errorSoFar.contains("Opening your browser"))
            #expect(login.child.errorSoFar.contains("could not be started") == browser.hasPrefix("/nonexistent"))
            let environment = try scene.home.text(scene.home.path + "/browser.environment")
            #expect(environment.contains("HOME=") && !environment.contains("at-of-the-environment"))
            let outcome = try await login.complete()
            #expect(outcome.status == 0, "\(outcome)")
        }
    }
}
