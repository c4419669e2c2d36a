import OAuth
import Platform

/// Shows the code of a device login: on stderr, address and code each where a script finds them.
struct DevicePresenter: DevicePresenting {
    let provider: String
    let context: CommandContext

    func present(_ prompt: DevicePrompt) {
        context.output.note("Open this address on any device, and enter the code, to log in to \(provider):")
        Terminal.write(TerminalText.escape(prompt.verification, limit: 2048) + "\n", to: .error)
        context.output.note("Code: " + TerminalText.escape(prompt.userCode, limit: 64))
        if let complete = prompt.complete, complete != prompt.verification {
            // The code is compared all the same (RFC 8628 section 3.3.1).
            context.output.note("Or this one, which holds the code; compare it before you approve:")
            Terminal.write(TerminalText.escape(complete, limit: 2048) + "\n", to: .error)
        }
        context.output.note(
            "Approve only a code that you have just started yourself: whoever sends you one wants your account. Waiting for at most \(Moments.length(prompt.patience))."
        )
    }

    func note(_ text: String) { context.output.note(text) }
}
