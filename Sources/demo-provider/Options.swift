import Platform

/// The command line.
struct Options: Sendable {
    /// What is wrong with a command line.
    struct Mistake: Error {
        let text: String
    }

    /// How long an already rotated refresh token is still answered.
    enum Grace: Sendable {
        case seconds(Double)
        /// Until the new access token or the new refresh token was seen.
        case untilUse
    }

    /// The shape of a refused refresh.
    enum ErrorStyle: String, Sendable {
        /// 401 {"error":{"message":…,"code":…}}
        case codex
        /// 400 {"error":"invalid_grant"}
        case oauth
    }

    private(set) var port = 0
    /// Nil: the base address.
    private(set) var issuer: String?
    private(set) var sendsIssuer = false
    private(set) var denies = false
    private(set) var refusesRevocation = false
    private(set) var user = "ada"
    private(set) var plan = "plus"
    private(set) var expiresIn = 3600
    private(set) var grace = Grace.seconds(0)
    private(set) var errorStyle = ErrorStyle.codex
    private(set) var usedSession = 37.0
    private(set) var usedWeekly = 12.0
    /// How long each answer of a usage endpoint takes.
    private(set) var usageDelay = Duration.zero
    private(set) var misbehaviours: [Misbehaviour] = []
    private(set) var logPath: String?
    private(set) var exitsWithParent = false
    private(set) var wantsHelp = false

    init(_ arguments: [String]) throws(Mistake) {
        var rest = arguments[...]
        while let flag = rest.popFirst() {
            switch flag {
            case "--iss": sendsIssuer = true
            case "--deny": denies = true
            case "--refuse-revocation": refusesRevocation = true
            case "--exit-with-parent": exitsWithParent = true
            case "--help", "-h": wantsHelp = true
            default:
                guard flag.hasPrefix("--"), let value = rest.popFirst() else {
                    throw Mistake(text: "\(flag) is unknown or lacks its value")
                }
                guard try set(flag, value) else { throw Mistake(text: "\(flag) \(value): unknown option or unusable value") }
            }
        }
    }

    /// False if there is no such flag or the value does not fit.
    private mutating func set(_ flag: String, _ value: String) throws(Mistake) -> Bool {
        switch flag {
        case "--port":
            guard let number = Int(value), (0...65535).contains(number) else { return false }
            port = number
        case "--issuer":
            guard WebAddress(value) != nil else { return false }
            issuer = value
        case "--user":
            guard Person.isName(value) else { return false }
            user = value
        case "--plan": plan = value
        case "--expires-in":
            guard let number = Int(value), (1...100_000_000).contains(number) else { return false }
            expiresIn = number
        case "--grace":
            if value == "until-use" {
                grace = .untilUse
            } else {
                guard let number = Double(value), (0...1e6).contains(number) else { return false }
                grace = .seconds(number)
            }
        case "--error-style":
            guard let style = ErrorStyle(rawValue: value) else { return false }
            errorStyle = style
        case "--used-session":
            guard let number = Double(value), number.isFinite else { return false }
            usedSession = number
        case "--used-weekly":
            guard let number = Double(value), number.isFinite else { return false }
            usedWeekly = number
        case "--usage-delay":
            guard let number = Int(value), (0...60_000).contains(number) else { return false }
            usageDelay = .milliseconds(number)
        case "--misbehave":
            guard let misbehaviour = Misbehaviour(flag: value) else {
                throw Mistake(text: "--misbehave \(value): unknown; the modes are \(Misbehaviour.Mode.list)")
            }
            misbehaviours.append(misbehaviour)
        case "--log": logPath = value
        default: return false
        }
        return true
    }

    static let help = """
        usage: demo-provider [options]
        An OAuth server on 127.0.0.1 for demonstrations and tests; prints `ready http://127.0.0.1:PORT` when it listens.
          --port N                 0 (default): the kernel chooses
          --issuer URL             issuer of discovery and tokens (default: the base address)
          --iss                    send iss with the redirect (RFC 9207)
          --deny                   answer every login with access_denied
          --refuse-revocation      answer every revocation with 401 invalid_client, as servers do that want a secret there
          --user NAME              the person who logs in (default ada); login_hint or demo_user in the URL override it,
                                   and demo_workspace puts them into a workspace that others share
          --plan NAME              chatgpt_plan_type (default plus)
          --expires-in SECONDS     life of access tokens (default 3600)
          --grace SECONDS|until-use  answer a just rotated refresh token again (default 0)
          --error-style codex|oauth  shape of a refused refresh (default codex)
          --used-session PERCENT, --used-weekly PERCENT   usage (default 37 and 12)
          --usage-delay MS         every answer of a usage endpoint takes so long
          --misbehave MODE[:COUNT] repeatable; slow:SECONDS[:COUNT]; without COUNT for ever (usage-401: once)
          --log FILE               append method, path and status of each request
          --exit-with-parent       end when the parent process does
        modes: \(Misbehaviour.Mode.list)

        """
}
