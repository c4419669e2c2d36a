import OAuth
import Platform

/// Talks to the person during a login: on stderr, the address alone on its line, so that a script can take it.
struct LoginPresenter: LoginPresenting {
    let provider: String
    let context: CommandContext
    let opensBrowser: Bool
    /// `--manual` without a terminal: the callback comes from a pipe.
    let readsStandardInput: Bool

    func present(url: String, redirect: String, isListening: Bool) async {
        let opener = opensBrowser ? browser : nil
        if let opener {
            do throws(ChildProcess.Failure) {
                try ChildProcess.start(opener + [url], environment: context.environment.all)
                context.output.note("Opening your browser for \(provider). If nothing opens, go to:")
            } catch {
                context.output.note("The browser could not be started (\(error)). Open this address yourself:")
            }
        } else {
            context.output.note("Open this address in a browser to log in to \(provider):")
        }
        Terminal.write(url + "\n", to: .error)
        if isListening {
            context.output.note(
                "Waiting for \(redirect)" + (isRemote ? " (over SSH: paste the address that the browser ends on, here)" : ""))
        }
    }

    func pastedLine() async -> SecretBox? {
        if readsStandardInput { return await onOwnThread { SecretBox(Terminal.readLine(from: 0)) } }
        return await onOwnThread { SecretBox(Terminal.askSecret("Paste the callback address here (it is not shown): ")) }
    }

    func note(_ text: String) { context.output.note(text) }

    private var isRemote: Bool { context.environment["SSH_CONNECTION"] != nil || context.environment["SSH_TTY"] != nil }

    /// $BROWSER (its first program), else xdg-open where there is a display and nobody sits at the far end of SSH.
    private var browser: [String]? {
        if let browser = context.environment["BROWSER"] {
            let first = browser.split(separator: ":").first.map(String.init) ?? browser
            return first.split(separator: " ").filter { $0 != "%s" }.map(String.init)
        }
        let hasDisplay = context.environment["DISPLAY"] != nil || context.environment["WAYLAND_DISPLAY"] != nil
        return hasDisplay && !isRemote ? ["xdg-open"] : nil
    }
}
