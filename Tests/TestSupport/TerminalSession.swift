import Platform

/// A command line on a terminal of its own, with somebody at the keyboard: script(1) makes the terminal.
package final class TerminalSession: Sendable {
    package let child: Child

    package static var isPossible: Bool { Program.find("script") != nil }
    package static let missing = "script is missing: apt-get install bsdutils"

    /// - Parameter line: a shell's command line; its standard streams are the terminal unless it redirects them.
    package init(_ line: String, environment: [String: String]) throws {
        guard let script = Program.find("script") else { throw SpawnFailure(description: TerminalSession.missing) }
        child = try Child(
            script, ["-q", "-e", "-f", "-c", line, "/dev/null"],
            environment: environment.merging(["SHELL": "/bin/sh", "TERM": "xterm"]) { $1 }, input: .open)
    }

    /// Waits until the terminal shows a text for the `count`-th time, then types a line.
    ///
    /// - Returns: false if the command ended without asking.
    package func answer(_ question: String, _ count: Int = 1, with line: String) async -> Bool {
        guard await child.shows(question, count: count) else { return false }
        // The key called Enter; a terminal in its usual mode makes a line end of it.
        child.write(line + "\r")
        return true
    }

    /// The command's end, with everything that the terminal showed as its output.
    package func finish() async -> Outcome { await child.finish() }
}
