package import KeyringProtocol
package import Platform

/// Asks the helper program, which is the only one that loads libsecret, and never waits longer than three seconds for the
/// service behind it. The waiting for its turn is not counted, nor what the helper takes to start; one that has not begun after ten
/// seconds counts as the service's silence.
///
/// After a silence it is not asked again for a minute: the Secret Service of a desktop that is logging out answers nobody.
package actor KeyringHelper {
    /// For each answer; a person who is being asked to unlock gets longer.
    struct Patience: Sendable {
        var answer = Duration.seconds(3)
        var person = Duration.seconds(120)
        /// For the helper to say that it runs.
        var start = Duration.seconds(10)
    }

    static let breaker = Duration.seconds(60)

    private let program: String?
    private let environment: [String: String]
    private let time: TimeSource
    private let patience: Patience
    private let slots: HelperSlots
    private var brokenUntil: Duration?

    /// - Parameters:
    ///   - program: nil when no helper was found beside the program.
    ///   - locks: the directory in which helpers of all processes take turns; nil where nobody else is to be expected.
    package init(program: String?, environment: ProcessEnvironment, time: TimeSource, locks: String? = nil) {
        self.init(program: program, environment: environment, time: time, patience: Patience(), slots: HelperSlots(locks))
    }

    init(
        program: String?, environment: ProcessEnvironment, time: TimeSource, patience: Patience, slots: HelperSlots = HelperSlots(nil)
    ) {
        self.slots = slots
        self.program = program
        self.time = time
        self.patience = patience
        // A built environment: nothing that steers the loader, GIO or libsecret gets through.
        var built = ["PATH": "/usr/bin:/bin"]
        for name in ["HOME", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "LANG", "LC_ALL"] {
            built[name] = environment[name]
        }
        self.environment = built
    }

    /// The helper beside the running program or in its libexec; never from PATH, and not one that others may change.
    package static func locate() -> String? {
        candidates.first { TrustedProgram.isTrusted($0) }
    }

    /// Where it may stand, the installed place first.
    package static var candidates: [String] {
        guard let directory = ProcessEnvironment.programDirectory else { return [] }
        return [directory + "/../libexec/ai-usage-agent/ai-usage-keyring", directory + "/ai-usage-keyring"]
    }

    private static var noHelper: KeyringReply {
        if let found = candidates.first(where: { TrustedProgram.isThere($0) }) {
            return KeyringReply(
                .unavailable, why: "the helper \(found) is not started: it must be a program of yours or root's that nobody else may write",
                obstacle: .noHelper,
                remedy: "install it anew (make install, or the package), or if it is the right one: chmod 755 \(ShellWord.quote(found))")
        }
        let place = ProcessEnvironment.programDirectory.map { " as \($0)/ai-usage-keyring" } ?? ""
        return KeyringReply(
            .unavailable, why: "the helper ai-usage-keyring is not installed beside ai-usage-agent", obstacle: .noHelper,
            remedy: "install the helper ai-usage-keyring\(place): make install in the source folder, or the whole package again")
    }

    private static let notUnlocked =
        "no dialog appeared, or it was dismissed: run the command again inside the desktop session, or unlock the keyring in its own "
        + "program (seahorse, kwalletmanager); where there is no desktop: gnome-keyring-daemon --unlock"

    /// One batch of operations.
    ///
    /// - Returns: a reply for each operation, as long as the helper answered; then one that says why it stopped.
    package func ask(_ request: consuming KeyringRequestWriter, mayAskPerson: Bool = false) async -> [KeyringAnswer] {
        if mayAskPerson, let refusal = await unlock() { return [refusal] }
        return await send(request, patience.answer)
    }

    /// Lets the service ask the person where it is locked. Only they get a person's patience: a silent service does not.
    ///
    /// - Returns: why it is not unlocked now; nil if it is.
    private func unlock() async -> KeyringAnswer? {
        var question = KeyringRequestWriter(unlock: false)
        question.add(.state)
        guard let state = await send(question, patience.answer).first, state.reply.result != .done else { return nil }
        guard state.reply.result == .locked else { return state }
        var request = KeyringRequestWriter(unlock: true)
        request.add(.state)
        guard let answer = await send(request, patience.person, toPerson: true).first, answer.reply.result != .done else { return nil }
        guard answer.reply.result == .locked else { return answer }
        return KeyringAnswer(KeyringReply(.locked, why: answer.reply.why, remedy: KeyringHelper.notUnlocked))
    }

    private func send(_ request: consuming KeyringRequestWriter, _ patience: Duration, toPerson: Bool = false) async -> [KeyringAnswer] {
        let count = request.count
        guard let program else {
            return [KeyringAnswer(KeyringHelper.noHelper)]
        }
        if let brokenUntil, time.elapsed() < brokenUntil {
            return [KeyringAnswer(KeyringReply(.timeout, why: "the Secret Service was silent less than a minute ago", obstacle: .silent))]
        }
        // Who waits for a person must not keep the others from asking.
        let turn = await toPerson ? HelperSlots.Turn.free : slots.take()
        guard turn.isGranted else {
            let why = "other commands have kept it busy for \(HelperSlots.patience.components.seconds) s"
            return [KeyringAnswer(KeyringReply(.timeout, why: why, obstacle: .silent))]
        }
        defer { extendLifetime(turn) }
        let answer = await HelperProcess.ask(
            [program], environment: environment, input: request.finish(), expected: count, patience: patience,
            greeting: HelperProcess.Greeting(KeyringReply.greeting, patience: self.patience.start))
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
        case .silent where toPerson: replies.append(KeyringAnswer(KeyringReply(.locked, why: "nobody answered its question")))
        case .silent:
            brokenUntil = time.elapsed() + KeyringHelper.breaker
            replies.append(KeyringAnswer(KeyringReply(.timeout, why: "the Secret Service did not answer within 3 s", obstacle: .silent)))
        case .failed(let reason): replies.append(KeyringAnswer(KeyringReply(.unavailable, why: "the helper failed: \(reason)")))
        }
        return replies
    }
}

/// A reply in a list (a ~Copyable value needs a class for that).
package final class KeyringAnswer: Sendable {
    /// One line of the helper's, or what its silence means.
    package let reply: KeyringReply
    init(_ reply: consuming KeyringReply) { self.reply = reply }
}

/// What a caller wants the keyring for, which decides what can be done about its failure.
package enum KeyringUse: Sendable {
    /// The secrets are in it.
    case vault
    /// A vault is to be made in it: there is nothing to unlock or to move yet.
    case newVault
    /// The secrets are to be moved into it.
    case move
}

extension VaultError {
    /// What a result other than found and done means for the person, with the remedy.
    package static func keyring(_ reply: borrowing KeyringReply, for use: KeyringUse = .vault) -> VaultError {
        switch reply.result {
        case .locked:
            let command =
                switch use {
                case .vault: "ai-usage-agent vault unlock"
                case .newVault: "ai-usage-agent vault init --backend keyring --unlock"
                case .move: "ai-usage-agent vault migrate --to keyring --unlock"
                }
            return VaultError(
                .locked, "the desktop keyring is locked",
                remedy: reply.remedy ?? "\(command), or unlock it in your desktop's keyring program")
        case .timeout:
            return VaultError(
                .unavailable, "the desktop keyring does not answer: \(reply.why ?? "timeout")",
                remedy: "restart the keyring service (or log in to the desktop again), "
                    + next(use, "then try it: ai-usage-agent vault unlock; nothing was lost"))
        default:
            let message = "the desktop keyring cannot be reached: \(TerminalText.escape(reply.why ?? "no reason given"))"
            if let remedy = reply.remedy {
                return VaultError(.unavailable, message, remedy: use == .vault ? remedy : remedy + "; " + next(use, ""))
            }
            return VaultError(
                .unavailable, message,
                remedy: "run the command inside the desktop session, "
                    + next(use, "and there, to do without the keyring: ai-usage-agent vault migrate --to file --identity key-file"))
        }
    }

    /// It took something and gave back something else.
    static func forgetfulKeyring(for use: KeyringUse) -> VaultError {
        VaultError(
            .unavailable, "the desktop keyring gave back something else than was written to it",
            remedy: "restart the keyring service, "
                + next(use, "then run the command again; or do without it: ai-usage-agent vault migrate --to file --identity key-file"))
    }

    private static func next(_ use: KeyringUse, _ inVault: String) -> String {
        switch use {
        case .vault: inVault
        case .newVault: "or keep the secrets in a file: ai-usage-agent vault init --backend file --identity key-file"
        case .move: "then: ai-usage-agent vault migrate --to keyring; nothing was moved"
        }
    }
}
