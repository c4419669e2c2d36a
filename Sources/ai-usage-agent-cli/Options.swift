import ArgumentParser
import Platform

/// Options that every command has.
struct GlobalOptions: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON document on standard output and nothing else.")
    var json = false

    @Flag(name: .customLong("no-color"), help: "No colours (also: NO_COLOR, TERM=dumb, output that is no terminal).")
    var noColor = false

    @Flag(name: .long, help: "Log to standard error. Never a secret.")
    var verbose = false
}

/// Where a passphrase comes from. Never from an argument or a variable.
struct PassphraseOptions: ParsableArguments {
    @Option(name: .customLong("passphrase-fd"), help: ArgumentHelp("Read the vault's passphrase from this descriptor.", valueName: "n"))
    var passphraseFd: PassphraseDescriptor?

    @Option(
        name: .customLong("passphrase-command"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Run this program for the passphrase; repeat the option for each argument (no shell).", valueName: "word"))
    var passphraseCommand: [String] = []

    @Flag(help: "Ask for the vault's passphrase with a pinentry dialog.")
    var pinentry = false

    @Flag(help: "Let the desktop keyring ask you to unlock it.")
    var unlock = false

    /// One option that holds blanks is split at them, so that --passphrase-command "pass show aua" does what it says.
    var command: [String]? {
        if passphraseCommand.count == 1 { return passphraseCommand[0].split(separator: " ").map(String.init) }
        return passphraseCommand.isEmpty ? nil : passphraseCommand
    }

    func validate() throws {
        if let descriptor = passphraseFd, descriptor.number < 0 { throw ValidationError("--passphrase-fd needs a descriptor number") }
        let given = [passphraseFd != nil, !passphraseCommand.isEmpty, pinentry].count { $0 }
        if given > 1 { throw ValidationError("give only one of --passphrase-fd, --passphrase-command and --pinentry") }
    }
}

/// Which account of a provider.
struct AccountOption: ParsableArguments {
    @Option(name: .long, help: "Account: its id, e-mail, label, or a unique beginning of one.", completion: .accounts)
    var account: String?
}

/// Which token: what `token` and `exec` have in common.
struct TokenOptions: ParsableArguments {
    @OptionGroup var selection: AccountOption
    @Argument(help: "The provider.", completion: .providers) var provider: String
    @Option(
        name: .customLong("min-ttl"), parsing: .unconditional,
        help: ArgumentHelp("Seconds the token must still live (at most half its lifetime counts).", valueName: "s"))
    var minTtl: Int?

    func validate() throws {
        if let minTtl, minTtl < 0 { throw ValidationError("--min-ttl must not be negative") }
    }
}

/// What the options that most commands have come to, apart from how they were read.
struct CommandSettings: Sendable {
    var json = false
    var noColor = false
    var verbose = false
    var passphraseDescriptor: PassphraseDescriptor?
    var passphraseCommand: [String]?
    var usesPinentry = false
    /// May the desktop keyring ask?
    var mayUnlock = false

    init() {}

    init(_ global: GlobalOptions, _ passphrase: PassphraseOptions?) {
        json = global.json
        noColor = global.noColor
        verbose = global.verbose
        passphraseDescriptor = passphrase?.passphraseFd
        passphraseCommand = passphrase?.command
        usesPinentry = passphrase?.pinentry ?? false
        mayUnlock = passphrase?.unlock ?? false
    }
}
