import Platform
import TestSupport
import Testing

@Suite("auth login over SSH")
struct SSHLoginTests {
    @Test(
        "Over SSH no browser is opened, and the ways that work from there are named: ssh -L and --device",
        arguments: ["SSH_CONNECTION", "SSH_TTY"])
    func ssh(_ variable: String) async throws {
        try await Scene.with(start: .vault) { scene in
            scene.variables.withLock { $0 = [variable: "192.0.2.1 50000 192.0.2.2 22", "DISPLAY": ":0"] }
            let child = try scene.start(["auth", "login", "acme", "--json"])
            let login = try await HeadlessLogin(child)
            let port = try #require(WebAddress(try await login.callback())?.port)
            #expect(await child.line(of: .error, startingWith: "  - use a code instead: ai-usage-agent auth login acme --device") != nil)
            #expect(child.errorSoFar.contains("ssh -L \(port):localhost:\(port)"))
            #expect(!child.errorSoFar.contains("Opening your browser"))
            let outcome = try await login.complete()
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    @Test(
        "On the terminal of an SSH session the pasted callback completes the login while the listener still waits",
        .enabled(if: TerminalSession.isPossible, "\(TerminalSession.missing)"))
    func paste() async throws {
        try await Scene.with(start: .vault) { scene in
            let session = try TerminalSession(
                "\(Program.path) auth login acme", environment: scene.home.environment.merging(["SSH_TTY": "/dev/pts/0"]) { $1 })
            let question = "Paste the callback address here"
            #expect(await session.child.shows(question))
            // A terminal ends its lines with two characters, which are one to Swift.
            let url = try #require(session.child.outputSoFar.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("http://") })
            let answer = try await LoopbackClient().get(String(url))
            let callback = try #require(answer.location)
            #expect(await session.answer(question, with: callback))
            let outcome = await session.finish()
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.text.contains("  - paste the address that the browser ends on, here"))
            #expect(outcome.text.contains("logged in to acme as ada@example.org"))
            let code = try #require(WebAddress.decodeForm(WebAddress(callback)?.query ?? "")?["code"])
            #expect(!outcome.text.contains(code), "what is pasted is not shown")
        }
    }
}
