import Platform

/// Where results go: one JSON document, or text for people. Everything from a server is escaped here, at one place.
struct Output: Sendable {
    let isJSON: Bool
    let style: Style
    /// Columns to fill; 80 where nobody can tell.
    let columns: Int
    private let isDumb: Bool

    init(_ global: GlobalOptions, _ environment: ProcessEnvironment) { self.init(CommandSettings(global, nil), environment) }

    init(_ settings: CommandSettings, _ environment: ProcessEnvironment) {
        isJSON = settings.json
        isDumb = environment["TERM"] == "dumb"
        let isTerminal = Terminal.isTerminal(.output)
        let wantsColour = isTerminal && !settings.noColor && environment["NO_COLOR"] == nil && environment["TERM"] != "dumb"
        let locale = environment["LC_ALL"] ?? environment["LC_CTYPE"] ?? environment["LANG"] ?? ""
        style = Style(hasColour: wantsColour, hasUnicode: !isTerminal || locale.lowercased().contains("utf"))
        columns = Terminal.columns(.output) ?? environment["COLUMNS"].flatMap { Int($0) }.map { min(max($0, 20), 1000) } ?? 80
    }

    /// The result: as a document or as text, from the same value.
    func result(_ document: JSONValue, text: @autoclosure () -> String) {
        if !Terminal.write((isJSON ? document.pretty : text()) + "\n", to: .output) { Output.failed() }
    }

    /// The result as it stands.
    func print(_ text: String) {
        if !Terminal.write(text + "\n", to: .output) { Output.failed() }
    }

    /// Whether somebody sees what is drawn over on standard error.
    var showsProgress: Bool { Terminal.isTerminal(.error) && !isDumb }

    /// Standard output took nothing: what the caller asked for did not arrive, and it must not look as if it had.
    static func failed() -> Never {
        CommandFailure(
            code: "storage", message: "standard output could not be written",
            remedy: "see what stands behind it: a full disk, or a reader that is gone", exitCode: 1
        ).report(asJSON: false)
        Exit.now(1)
    }

    /// News for people; on stderr, so that stdout is only ever the result.
    func note(_ text: String) { Terminal.write(TerminalText.escapeLines(text) + "\n", to: .error) }
}

/// Colours, or none.
struct Style: Sendable {
    let hasColour: Bool
    let hasUnicode: Bool

    func bold(_ text: String) -> String { wrap(text, "1") }
    func dim(_ text: String) -> String { wrap(text, "2") }
    func green(_ text: String) -> String { wrap(text, "32") }
    func yellow(_ text: String) -> String { wrap(text, "33") }
    func red(_ text: String) -> String { wrap(text, "31") }

    private func wrap(_ text: String, _ code: String) -> String {
        hasColour ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
