import OAuth
import Platform

/// Talks to the person during a login: on stderr, the address alone on its line, so that a script can take it.
struct LoginPresenter: LoginPresenting {
    let provider: String
    let context: CommandContext
    let opensBrowser: Bool
    /// `--manual` without a terminal: the callback comes from a pipe.
    let readsStandardInput: Bool
    /// A paste is taken beside the listener.
    let acceptsPaste: Bool

    func present(url: String, redirect: String, isListening: Bool) async {
        if opensBrowser, start(browsers, url) {
            context.output.note("Opening your browser for \(provider). If nothing opens, go to:")
        } else {
            context.output.note("Open this address in a browser to log in to \(provider):")
        }
        Terminal.write(url + "\n", to: .error)
        guard isListening else { return }
        context.output.note("Waiting for \(redirect)")
        if isRemote { for line in remoteHints(redirect) { context.output.note(line) } }
    }

    /// Over SSH the browser's own machine is another one: three ways to get the answer here.
    private func remoteHints(_ redirect: String) -> [String] {
        let port = WebAddress(redirect)?.port ?? 0
        let paste = acceptsPaste ? ["paste the address that the browser ends on, here"] : []
        let ways =
            paste + [
                "forward the port from the machine with the browser first: ssh -L \(port):localhost:\(port) THIS-HOST",
                "use a code instead: ai-usage-agent auth login \(provider) --device",
            ]
        return ["This session is over SSH, and the browser of another machine cannot reach it. One of these helps:"]
            + ways.map { "  - " + $0 }
    }

    func pastedLine() async -> SecretBox? {
        if readsStandardInput { return await onOwnThread { SecretBox(Terminal.readLine(from: 0)) } }
        return await onOwnThread { SecretBox(Terminal.askSecret("Paste the callback address here (it is not shown): ")) }
    }

    func note(_ text: String) { context.output.note(text) }

    private var isRemote: Bool { context.environment["SSH_CONNECTION"] != nil || context.environment["SSH_TTY"] != nil }

    /// The programs of $BROWSER in turn, else xdg-open where there is a display and nobody sits at the far end of SSH.
    private var browsers: [[String]] {
        if let listed = context.environment["BROWSER"] {
            return listed.split(separator: ":").map { $0.split(separator: " ").map(String.init) }.filter { !$0.isEmpty }
        }
        let hasDisplay = context.environment["DISPLAY"] != nil || context.environment["WAYLAND_DISPLAY"] != nil
        return hasDisplay && !isRemote ? [["xdg-open"]] : []
    }

    /// Starts the first that can be started, by argument vector: the address takes the place of %s, or comes last.
    private func start(_ programs: [[String]], _ url: String) -> Bool {
        for program in programs {
            let arguments = program.contains("%s") ? program.map { $0 == "%s" ? url : $0 } : program + [url]
            do throws(ChildProcess.Failure) {
                try ChildProcess.start(arguments, environment: context.childEnvironment)
                return true
            } catch {
                // The reason is shown; the address, which holds the state, is not.
                context.output.note("\(program[0]) could not be started: \(error.reason)")
            }
        }
        return false
    }
}
