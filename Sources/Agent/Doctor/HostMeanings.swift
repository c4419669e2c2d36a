extension DoctorCheck {
    /// Of the sections exposure, config, agent, build; nil for others.
    static func ofHost(_ check: DoctorCheck) -> Meaning? {
        switch check {
        case .exposurePlaintextStore:
            Meaning(
                "another program keeps tokens in clear", why: "Who reads the file has the login.", remedy: "Take it over into the vault.",
                command: nil)
        case .exposureSharedRefreshToken:
            Meaning(
                "one refresh token is in two places", why: "The first to use it ends the login of the other.",
                remedy: "Log one of them out.", command: nil)
        case .exposureTokenInEnvironment:
            Meaning(
                "a token is in the environment", why: "Every program that is started gets it, and it is seen in /proc.",
                remedy: "Unset it, and use `ai-usage-agent exec`.", command: nil)
        case .exposureTokenInShellStartup:
            Meaning(
                "a token is written in a shell's startup file", why: "It is in clear in backups and in every program's environment.",
                remedy: "Remove the line, and use `ai-usage-agent exec`.", command: nil)
        case .exposureHomeWorldReadable:
            Meaning(
                "the home directory is open to others", why: "What other programs keep in it may be read.",
                remedy: "Take the others' rights away.", command: nil)
        case .exposureCoreDumps:
            Meaning(
                "the kernel keeps the memory of crashed programs", why: "This program writes none; others that hold tokens might.",
                remedy: nil, command: nil)
        case .exposurePtraceScope:
            Meaning(
                "programs of one user may read each other's memory", why: "This program forbids it for itself.", remedy: nil, command: nil)
        case .exposureSwap:
            Meaning(
                "memory may be written to a disk", why: "Long-lived secrets are locked in memory; short-lived copies may get there.",
                remedy: nil, command: nil)
        case .auditIncomplete:
            Meaning(
                "a part of the audit got no answer in time", why: "What it looks at may be wrong; nobody knows.",
                remedy: "See what hangs: a dead mount, a disk, a silent service. Then run it again.", command: nil)
        case .configMalformed:
            Meaning(
                "config.json cannot be used", why: "Every command that needs it ends with 78.", remedy: "Edit the file.",
                command: "ai-usage-agent config validate", subject: "configuration")
        case .configUnknownKey:
            Meaning(
                "config.json holds a setting that there is none of", why: "A misspelt setting would be one that you believe in.",
                remedy: "Edit the file.", command: "ai-usage-agent config validate")
        case .configWritableByOthers:
            Meaning(
                "config.json can be changed by others", why: "Who writes it decides where requests go.",
                remedy: "Take the others' rights away.", command: "chmod go-w CONFIG")
        case .configRelativeXdg:
            Meaning(
                "an XDG variable is relative", why: "It is ignored, as the specification says: files are elsewhere than you think.",
                remedy: "Make it absolute, or unset it.", command: nil)
        case .agentSilent:
            Meaning(
                "the agent does not answer as an agent does", why: "Commands wait for it, or fail by it, before they work by themselves.",
                remedy: "See whether it is stopped or stuck, and end it.", command: nil)
        case .agentNotRunning:
            Meaning(
                "no agent runs", why: "Every command works by itself; tokens are renewed when they are asked for.",
                remedy: "Start one, if you like.", command: "ai-usage-agent agent install")
        case .agentVersionDiffers:
            Meaning(
                "the agent has another version", why: "It answers as it was when it was started.", remedy: "Start it anew.",
                command: "ai-usage-agent agent stop")
        case .agentSocketMode:
            Meaning(
                "the agent's socket or its directory is open to others", why: "Commands do not ask there.",
                remedy: "Take the others' rights away.", command: nil)
        case .agentSocketOwner:
            Meaning(
                "the agent's socket or its directory belongs to somebody else", why: "Who answers there could be anybody.",
                remedy: "Remove it, and start the agent.", command: nil)
        case .agentWrongStore:
            Meaning(
                "the agent serves another store", why: "Commands work by themselves.", remedy: "Stop it, and start one for this store.",
                command: "ai-usage-agent agent stop")
        case .agentNotHardened:
            Meaning(
                "the agent's memory could be dumped", why: "A crash would write tokens to a disk.", remedy: "Start it anew.",
                command: "ai-usage-agent agent stop")
        case .agentMemoryNotLocked:
            Meaning(
                "the agent holds no locked memory", why: "Secrets could be written to swap.", remedy: "Raise the limit of locked memory.",
                command: "ulimit -l")
        case .agentAuditUnwritable:
            Meaning(
                "the audit log cannot be written", why: "Nobody could say later who was given a token.", remedy: "Make it a file of yours.",
                command: nil)
        case .buildProgramMode:
            Meaning(
                "the program could be changed by others", why: "It opens the vault: who changes it has every token.",
                remedy: "Install it anew, where only you or root may write.", command: nil, subject: "program")
        case .buildFrontDoorMissing:
            Meaning(
                "the front door is not installed beside the program", why: "Each `token` starts the whole program, which takes longer.",
                remedy: "Install it anew: make install, or the package.", command: nil, subject: "front door")
        case .buildNotInPath:
            Meaning(
                "ai-usage-agent is not in PATH", why: "Recipes for other programs call it by its name.",
                remedy: "Add its folder to PATH.", command: nil, subject: "in PATH")
        case .buildShadowed:
            Meaning(
                "PATH leads to another ai-usage-agent", why: "What you type is not the program that speaks here.",
                remedy: "Remove one of them, or change their order in PATH.", command: nil)
        case .buildHelperMissing:
            Meaning(
                "the keyring helper is not installed", why: "The desktop keyring cannot be asked.",
                remedy: "Install it: make install in the source folder, or the package.", command: nil, subject: "keyring helper")
        case .buildHelperMode:
            Meaning(
                "the keyring helper could be changed by others", why: "It is given secrets, so it is not started.",
                remedy: "Install it anew.", command: nil)
        case .buildOpensslOld:
            Meaning(
                "OpenSSL is too old", why: "It gets no repairs any more.", remedy: "Install OpenSSL 3.0 or newer.", command: nil,
                subject: "OpenSSL")
        case .buildLibsecretMissing:
            Meaning(
                "libsecret is not installed", why: "The desktop keyring cannot be used; a vault in a file needs none.",
                remedy: "Install it, for the desktop keyring.", command: "apt install libsecret-1-0", subject: "libsecret")
        case .buildLibcurlMissing:
            Meaning(
                "libcurl cannot be opened", why: "No provider can be asked: no login, no refresh, no usage.", remedy: "Install it.",
                command: "apt install libcurl4", subject: "libcurl")
        case .buildSqliteMissing:
            Meaning(
                "SQLite cannot be opened", why: "No history of usage is kept, and OpenClaw's logins cannot be read.",
                remedy: "Install it, for both.", command: "apt install libsqlite3-0", subject: "SQLite")
        default: nil
        }
    }
}
