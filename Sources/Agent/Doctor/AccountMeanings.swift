extension DoctorCheck {
    /// Of the sections rotation, account, flow, network; nil for others.
    static func ofAccounts(_ check: DoctorCheck) -> Meaning? {
        switch check {
        case .rotationIntentLeft:
            Meaning(
                "a refresh was interrupted, and nobody knows what became of it",
                why: "Its token may be spent; the next refresh is careful with it.", remedy: "Try it.", command: nil)
        case .rotationPendingCommit:
            Meaning(
                "new tokens wait in the journal", why: "They are safe, and the next token or refresh puts them into the store.",
                remedy: "Commit them.", command: "ai-usage-agent auth doctor --fix")
        case .rotationLockHeld:
            Meaning(
                "a lock of the vault is held for long", why: "Whoever holds it keeps logins and refreshes waiting.",
                remedy: "See who holds it.", command: nil)
        case .rotationRefusedRemembered:
            Meaning(
                "the provider refused the refresh token for good", why: "It is not sent again.", remedy: "Log in again.", command: nil)
        case .accountNone:
            Meaning(
                "there is no account yet", why: "Nothing is wrong; there is nothing to look after.", remedy: "Log in.",
                command: "ai-usage-agent auth login codex")
        case .accountExpired:
            Meaning(
                "an access token is over", why: "Whether it can be renewed decides what to do.", remedy: "Log in again.", command: nil)
        case .accountExpiring:
            Meaning(
                "an access token ends within minutes", why: "The next command renews it.", remedy: nil, command: nil)
        case .accountLoginEndsSoon:
            Meaning(
                "a login ends within a week", why: "After that no refresh helps.", remedy: "Log in again.", command: nil)
        case .accountNotRefreshable:
            Meaning(
                "an account has no refresh token", why: "Its access token cannot be renewed when it ends.", remedy: "Log in again.",
                command: nil)
        case .accountNeedsLogin:
            Meaning(
                "an account needs a login", why: "No token can be had for it.", remedy: "Log in again.", command: nil)
        case .accountNoIdentity:
            Meaning(
                "the provider does not say whose login it is", why: "A second login cannot be recognised as the same account.",
                remedy: "Name the account with --account.", command: nil)
        case .accountDuplicateKey:
            Meaning(
                "two accounts have one identity", why: "Both would refresh one login.", remedy: "Log out of one of them.", command: nil)
        case .accountDefault:
            Meaning(
                "which account is used when none is named", why: "So that nobody is surprised.", remedy: nil, command: nil)
        case .accountReferenceVanished:
            Meaning(
                "the login of another program is gone", why: "There is no token to borrow.",
                remedy: "Log in with that program, or forget the reference.", command: nil)
        case .accountReferenceMovedOn:
            Meaning(
                "another program is logged in as somebody else", why: "Its token is not handed out as the old account's.",
                remedy: "Import it again.", command: nil)
        case .accountScopeMissing:
            Meaning(
                "a login was granted less than is asked for", why: "Some requests will be refused.",
                remedy: "Log in again; where the server never grants it, take it out of `scopes` in config.json.", command: nil)
        case .accountInsecureEndpoint:
            Meaning(
                "tokens travel over plain http", why: "Only addresses of this machine itself can get here.", remedy: nil, command: nil)
        case .accountOriginChanged:
            Meaning(
                "config.json names another server than at login", why: "No token is sent there.",
                remedy: "Log in again, or restore config.json.", command: nil)
        case .flowPortBusy:
            Meaning(
                "the ports of the login callback are taken", why: "A browser login could not be answered.",
                remedy: "End the program that holds them, or log in with --device or --manual.", command: nil)
        case .flowNoBrowser:
            Meaning(
                "there is no browser to open", why: "A login prints its address, to be opened elsewhere.", remedy: nil, command: nil)
        case .flowRemote:
            Meaning(
                "this is a remote session",
                why: "The callback goes to this machine, not to that of your browser: paste it, or forward the port.", remedy: nil,
                command: nil)
        case .flowProxy:
            Meaning(
                "a proxy is used", why: "Requests to the providers go through it.", remedy: nil, command: nil)
        case .flowCaFile:
            Meaning(
                "an own file of certificate authorities is used", why: "Who is in it can read every request.",
                remedy: "Name a file that can be read, or unset it.", command: nil)
        case .flowClockSkew:
            Meaning(
                "the clock differs from the providers'", why: "Tokens look expired, or alive when they are not.", remedy: "Set the clock.",
                command: "timedatectl set-ntp true")
        case .flowHostUnresolvable:
            Meaning(
                "a provider's host has no address", why: "No request can reach it.", remedy: "Check the network and DNS.", command: nil)
        case .networkUnreachable:
            Meaning(
                "a provider's host cannot be reached", why: "Tokens live on until they end; none is renewed, and no usage is read.",
                remedy: "Check the network, the firewall and the proxy.", command: nil, subject: "host")
        case .networkCertificate:
            Meaning(
                "the connection to a provider's host cannot be trusted", why: "No token is sent there: somebody may stand in between.",
                remedy: "Where a proxy of yours looks into connections, name its authority in network.caFile.", command: nil)
        default: nil
        }
    }
}
