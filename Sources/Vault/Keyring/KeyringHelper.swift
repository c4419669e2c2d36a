package import KeyringProtocol
package import Platform

/// Asks the helper program, which is the only one that loads libsecret, and never waits longer than three seconds for it.
///
/// After a silence it is not asked again for a minute: the Secret Service of a desktop that is logging out answers nobody.
package actor KeyringHelper {
    /// For each answer; a person who is being asked to unlock gets longer.
    static let patience = Duration.milliseconds(3000)
    static let personPatience = Duration.seconds(120)
    static let breaker = Duration.seconds(60)

    private let program: String?
    private let environment: [String: String]
    private let time: TimeSource
    private var brokenUntil: Duration?

    /// - Parameter program: nil when no helper was found beside the program.
    package init(program: String?, environment: ProcessEnvironment, time: TimeSource) {
        self.program = program
        self.time = time
        // A built environment: nothing that steers the loader, GIO or libsecret gets through.
        var built = ["PATH": "/usr/bin:/bin"]
        for name in ["HOME", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "LANG", "LC_ALL"] {
            built[name] = environment[name]
        }
        self.environment = built
    }

    /// The helper beside the running program or in its libexec; never from PATH, and not one that others may change.
    package static func locate() -> String? {
        guard let directory = ProcessEnvironment.programDirectory else { return nil }
        for candidate in [directory + "/../libexec/ai-usage-agent/ai-usage-keyring", directory + "/ai-usage-keyring"] {
            if TrustedProgram.isTrusted(candidate) { return candidate }
        }
        return nil
    }

    /// One batch of operations.
    ///
    /// - Returns: a reply for each operation, as long as the helper answered; then one that says why it stopped.
    package func ask(_ request: consuming KeyringRequestWriter, mayAskPerson: Bool = false) async -> [KeyringAnswer] {
        let count = request.count
        guard let program else {
            return [
                KeyringAnswer(
                    KeyringReply(
                        .unavailable, why: "the helper ai-usage-keyring is not installed beside ai-usage-agent", isNobodyThere: true))
            ]
        }
        if let brokenUntil, time.elapsed() < brokenUntil {
            return [KeyringAnswer(KeyringReply(.timeout, why: "the Secret Service was silent less than a minute ago"))]
        }
        let answer = await HelperProcess.ask(
            [program], environment: environment, input: request.finish(), expected: count,
            patience: mayAskPerson ? KeyringHelper.personPatience : KeyringHelper.patience)
        var replies: [KeyringAnswer] = []
        for box in answer.lines {
            if let line = box.take(), let reply = KeyringReply(line) {
                replies.append(KeyringAnswer(reply))
            } else {
                replies.append(KeyringAnswer(KeyringReply(.unavailable, why: "the helper answered something else")))
            }
        }
        switch answer.end {
        case .complete: break
        case .silent:
            brokenUntil = time.elapsed() + KeyringHelper.breaker
            replies.append(KeyringAnswer(KeyringReply(.timeout, why: "the Secret Service did not answer within 3 s")))
        case .failed(let reason): replies.append(KeyringAnswer(KeyringReply(.unavailable, why: "the helper failed: \(reason)")))
        }
        return replies
    }
}

/// A reply in a list (a ~Copyable value needs a class for that).
package final class KeyringAnswer: Sendable {
    package let reply: KeyringReply
    init(_ reply: consuming KeyringReply) { self.reply = reply }
}

extension VaultError {
    /// What a result other than found and done means for the person, with the remedy.
    package static func keyring(_ reply: borrowing KeyringReply) -> VaultError {
        switch reply.result {
        case .locked:
            VaultError(
                .locked, "the desktop keyring is locked",
                remedy: "ai-usage-agent vault unlock, or unlock it in your desktop's keyring program")
        case .timeout:
            VaultError(
                .unavailable, "the desktop keyring does not answer: \(reply.why ?? "timeout")",
                remedy: "restart the keyring service (or log in to the desktop again), then run the command again; nothing was lost")
        default:
            VaultError(
                .unavailable, "the desktop keyring cannot be reached: \(TerminalText.escape(reply.why ?? "no reason given"))",
                remedy: "run the command inside the desktop session, or move the vault: ai-usage-agent vault migrate --to file")
        }
    }
}
