import ArgumentParser

/// The parser's completion scripts, with what it does not know of: a default subcommand may be left out, and bash takes only names of
/// files for names of files.
enum CompletionScript {
    /// - Parameter arguments: of the program; without `--generate-completion-script` the text stays as it is.
    static func adjusted(_ script: String, for arguments: [String]) -> String {
        guard arguments.first == "--generate-completion-script" else { return script }
        let lines = script.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        // Which shell it is for may have been left to the parser; each script tells by its first line.
        let adjusted =
            switch lines.first {
            case "#!/bin/bash": bash(lines)
            case let first? where first.hasPrefix("#compdef"): zsh(lines)
            default: fish(lines)
            }
        return adjusted.joined(separator: "\n")
    }

    private static let program = Root.configuration.commandName ?? ""
    private static let command = UsageCommand.configuration.commandName ?? ""
    private static let implied = UsageShow.configuration.commandName ?? ""
    private static var words: String {
        UsageCommand.configuration.subcommands.compactMap { $0.configuration.commandName }.joined(separator: "|")
    }

    private static func indent(_ line: String) -> String { String(line.prefix { $0 == " " }) }

    /// A directory of a command's or an account's name would else get a slash behind it, and be another word.
    private static func bash(_ lines: [String]) -> [String] {
        var made: [String] = []
        var isWithin = false
        for line in lines {
            if line.hasPrefix("complete -o filenames ") {
                made.append("complete " + line.dropFirst("complete -o filenames ".count))
                continue
            }
            if line == "_\(program)_\(command)() {" { isWithin = true }
            if line == "}" { isWithin = false }
            let indent = indent(line)
            if line == indent + "__\(program)_add_completions -f" { made.append(indent + "compopt -o filenames") }
            made.append(line)
            if isWithin, line.contains("COMPREPLY+=($(compgen -W '") {
                made.append(indent + "# Its default may be left out")
                made.append(indent + "unparsed_words=(\"${subcommand}\" \"${unparsed_words[@]}\")")
                made.append(indent + "_\(program)_\(command)_\(implied)")
            }
        }
        return made
    }

    private static func zsh(_ lines: [String]) -> [String] {
        var made: [String] = []
        var isWithin = false
        for line in lines {
            made.append(line)
            if line == "}" { isWithin = false }
            if line == "_\(program)_\(command)() {" {
                isWithin = true
                made.append("    # Its default may be left out")
                made.append("    if (( CURRENT > 2 )) && [[ \"${words[2]}\" != (\(words)) ]] || [[ \"${words[2]}\" == -* ]]; then")
                made.append("        _\(program)_\(command)_\(implied)")
                made.append("        return")
                made.append("    fi")
            } else if isWithin, line.contains("_describe -V subcommand subcommands") {
                made.append(indent(line) + "_\(program)_\(command)_\(implied) && ret=0")
            }
        }
        return made
    }

    private static func fish(_ lines: [String]) -> [String] {
        let parsing = "__\(program)_parse_subcommand "
        let own = lines.firstIndex { $0.hasSuffix("case '\(command)'") }
        let below = lines.firstIndex { $0.hasSuffix("case '\(implied)'") }
        var made: [String] = []
        for (index, line) in lines.enumerated() {
            // Its options are read as those of the default one; the words before a subcommand stay none.
            if let own, let below, index == own + 1 {
                made.append(indent(line) + parsing + "0 " + lines[below + 1].dropFirst(indent(lines[below + 1]).count + parsing.count + 2))
                continue
            }
            made.append(line)
            let parts = line.split(separator: "\"\(program) \(command) \(implied)\"", maxSplits: 1).map(String.init)
            if parts.count == 2, !line.contains("-l 'version'"), !line.contains("-l 'help'") {
                made.append(parts[0] + "\"\(program) \(command)\"" + parts[1])
            }
        }
        return made
    }
}
