import Platform

/// A passphrase through a pinentry program, GnuPG's dialog: on a desktop a window, over SSH a box in the terminal.
///
/// It speaks the Assuan protocol on its standard streams (pinentry manual, "Protocol"): each line of ours is answered by
/// `OK` or `ERR`; the passphrase comes in a line `D`, with `%`, CR and LF percent-encoded.
package struct Pinentry: Sendable {
    let program: String
    let environment: [String: String]

    /// For a person who is being asked.
    private static let patience = Duration.seconds(120)
    /// What pinentry says when the person pressed "Cancel" (GPG_ERR_CANCELED), in the low bits of the code.
    private static let cancelled = 99

    /// - Throws: `locked` when the person cancelled, `unavailable` when the program cannot be used or gave nothing.
    func read(_ question: String) async throws(VaultError) -> SecretBytes {
        var wasRepeated = false
        return try await ask(question, repeating: false, &wasRepeated)
    }

    /// A new passphrase, which is to be typed twice.
    ///
    /// - Parameter wasRepeated: set when it was; the dialogs of terminals take the wish for a second field and show one.
    func readNew(_ question: String, wasRepeated: inout Bool) async throws(VaultError) -> SecretBytes {
        try await ask(question, repeating: true, &wasRepeated)
    }

    private func ask(_ question: String, repeating: Bool, _ wasRepeated: inout Bool) async throws(VaultError) -> SecretBytes {
        var lines = ["SETTITLE AI Usage Agent", "SETDESC " + escape(question), "SETPROMPT Passphrase:"]
        if repeating { lines += ["SETREPEAT Repeat:", "SETREPEATERROR The two differ"] }
        // Optional, and refused by some: where the dialog may open its box. Its standard streams are our pipes.
        if let terminal = environment["GPG_TTY"] ?? (Terminal.hasForeground ? "/dev/tty" : nil) {
            lines.insert("OPTION ttyname=" + terminal, at: 0)
        }
        if let type = environment["TERM"] { lines.insert("OPTION ttytype=" + type, at: 0) }
        lines += ["GETPIN", "BYE"]
        let answer = await HelperProcess.ask(
            [program], environment: environment, input: SecretBytes(lines.joined(separator: "\n") + "\n"), expected: .max,
            patience: Pinentry.patience)
        if case .silent = answer.end {
            throw VaultError(.locked, "nobody answered \(program) within two minutes", remedy: "run the command again")
        }
        var pin: SecretBytes?
        var refusal: String?
        // The greeting, then one for each line: options may be refused and the question be answered all the same.
        var answers = 0
        for box in answer.lines {
            guard let line = box.take() else { continue }
            let isPin = line.withBytes { $0.count >= 2 && $0[0] == UInt8(ascii: "D") && $0[1] == UInt8(ascii: " ") }
            if isPin {
                pin = .some(line.withBytes { Pinentry.decode($0.extracting(droppingFirst: 2)) })
            } else {
                let text = line.withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
                if text == "S PIN_REPEATED" { wasRepeated = true }
                guard text.hasPrefix("OK") || text.hasPrefix("ERR ") else { continue }
                answers += 1
                if answers == lines.count, text.hasPrefix("ERR ") { refusal = text }
            }
        }
        guard answers > 0 else {
            var why = ""
            if case .failed(let reason) = answer.end { why = ": " + reason }
            throw VaultError(
                .unavailable, "\(program) is no pinentry that can be used here\(why)", remedy: "try it by hand: echo GETPIN | \(program)")
        }
        switch consume pin {
        case .some(let pin) where !pin.isEmpty: return pin
        default:
            let code = refusal?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
            if refusal == nil || code & 0xFFFF == Pinentry.cancelled {
                throw VaultError(.locked, "no passphrase was given", remedy: "run the command again; nothing was changed")
            }
            throw VaultError(
                .unavailable, "\(program) failed: \(TerminalText.escape(refusal ?? ""))",
                remedy: "try it by hand: echo GETPIN | \(program); or do without it: --passphrase-fd 3 3<file")
        }
    }

    /// The first pinentry of this host; nil where there is none. Never from PATH.
    package static func locate() -> String? {
        ["/usr/bin/pinentry", "/usr/local/bin/pinentry", "/bin/pinentry"].first { TrustedProgram.isTrusted($0) }
    }

    private func escape(_ text: String) -> String {
        text.map { $0 == "%" ? "%25" : $0 == "\n" ? "%0A" : $0 == "\r" ? "%0D" : String($0) }.joined()
    }

    private static func decode(_ text: Span<UInt8>) -> SecretBytes {
        func digit(_ byte: UInt8) -> UInt8? { Hex.value(of: byte) }
        var decoded = SecretBuffer(capacity: 256)
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "%"), index + 2 < text.count, let high = digit(text[index + 1]), let low = digit(text[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(text[index])
                index += 1
            }
        }
        return decoded.finish()
    }
}
