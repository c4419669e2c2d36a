import Platform
import Synchronization

/// One way to answer wrongly, and how often.
struct Misbehaviour: Sendable {
    enum Mode: String, CaseIterable, Sendable {
        // At the token endpoint, without looking at the grant.
        case redirect307 = "redirect-307"
        case redirect302 = "redirect-302"
        case html200 = "html-200"
        case html403 = "html-403"
        case status404 = "status-404"
        case status429 = "status-429"
        case status500 = "status-500"
        case status503 = "status-503"
        case invalidClient = "invalid-client"
        case empty400 = "empty-400"
        case hugeError = "huge-error"
        case lostBefore = "lost-before"
        case hang

        // A grant is made, its answer is spoilt.
        case lostReply = "lost-reply"
        case truncated
        case truncatedJSON = "truncated-json"
        case duplicateKeys = "duplicate-keys"
        case slow
        case slowBody = "slow-body"

        // Tokens without a rotation: the old refresh token stays valid.
        case noRefresh = "no-refresh"
        case emptyRefresh = "empty-refresh"
        case wrongTypeRefresh = "wrong-type-refresh"
        case huge

        // An ordinary rotation with a strange answer.
        case expiresNegative = "expires-negative"
        case expiresHuge = "expires-huge"
        case expiresString = "expires-string"
        case expiresMissing = "expires-missing"
        case otherIdentity = "other-identity"
        case lowercaseType = "lowercase-type"
        case noIDToken = "no-id-token"

        // At the usage endpoint.
        case usage401 = "usage-401"
        case usage429 = "usage-429"
        case usageHTML403 = "usage-html-403"
        case usage500 = "usage-500"
        case usageNullWindows = "usage-null-windows"
        case usageWeeklyPrimary = "usage-weekly-primary"
        case usageLimit = "usage-limit"
        case usageExtra = "usage-extra"

        static var list: String { allCases.map(\.rawValue).joined(separator: " ") }

        var endpoint: Endpoint { rawValue.hasPrefix("usage-") ? .usage : .token }

        /// Whether the grant is made although the answer will not show it as it is.
        var makesGrant: Bool {
            switch self {
            case .redirect307, .redirect302, .html200, .html403, .status404, .status429, .status500, .status503, .invalidClient,
                .empty400, .hugeError, .lostBefore, .hang:
                false
            default: true
            }
        }

        /// Whether a refresh replaces the refresh token.
        var rotates: Bool {
            switch self {
            case .noRefresh, .emptyRefresh, .wrongTypeRefresh, .huge: false
            default: makesGrant
            }
        }

        /// Whether no client can read the new refresh token out of the answer.
        var hidesTokens: Bool {
            switch self {
            case .lostReply, .truncated, .truncatedJSON, .duplicateKeys: true
            default: !makesGrant || !rotates
            }
        }
    }

    enum Endpoint: Sendable {
        case token, usage
    }

    let mode: Mode
    /// How many more requests; nil for all.
    var remaining: Int?
    /// For `slow`.
    var seconds = 5
    /// Makes a refresh rotate, or not, against the mode's habit.
    var rotationOverride: Bool?

    /// Reads `MODE[:COUNT]`, and `slow:SECONDS[:COUNT]`.
    init?(flag: String) {
        var parts = flag.split(separator: ":", omittingEmptySubsequences: false)[...]
        guard let name = parts.popFirst(), let mode = Mode(rawValue: String(name)) else { return nil }
        self.mode = mode
        remaining = mode == .usage401 ? 1 : nil
        if mode == .slow, let text = parts.popFirst() {
            guard let number = Int(text), (0...600).contains(number) else { return nil }
            seconds = number
        }
        if let text = parts.popFirst() {
            guard let number = Int(text), number > 0 else { return nil }
            remaining = number
        }
        guard parts.isEmpty else { return nil }
    }

    /// Reads the fields mode, count (default 1), seconds and rotate (0 or 1).
    init?(fields: [String: String]) {
        guard let mode = Mode(rawValue: fields["mode"] ?? ""), let count = Int(fields["count"] ?? "1"), count > 0,
            let seconds = Int(fields["seconds"] ?? "5"), (0...600).contains(seconds)
        else { return nil }
        self.mode = mode
        remaining = count
        self.seconds = seconds
        switch fields["rotate"] {
        case nil: break
        case "1": rotationOverride = true
        case "0": rotationOverride = false
        default: return nil
        }
    }

    var makesGrant: Bool { mode.makesGrant || rotationOverride == true }
    var rotates: Bool { rotationOverride ?? mode.rotates }
}

/// The misbehaviours in force, in the order in which they were asked for.
final class Misbehaviours: Sendable {
    private let active: Mutex<[Misbehaviour]>

    init(_ active: [Misbehaviour]) { self.active = Mutex(active) }

    func add(_ misbehaviour: Misbehaviour) { active.withLock { $0.append(misbehaviour) } }

    func clear() { active.withLock { $0.removeAll() } }

    /// The one that the next request at this endpoint gets, counted down.
    func take(_ endpoint: Misbehaviour.Endpoint) -> Misbehaviour? {
        active.withLock { active in
            guard let index = active.firstIndex(where: { $0.mode.endpoint == endpoint }) else { return nil }
            let taken = active[index]
            if let remaining = taken.remaining {
                if remaining > 1 { active[index].remaining = remaining - 1 } else { active.remove(at: index) }
            }
            return taken
        }
    }

    var json: JSONValue {
        .array(active.withLock { $0 }.map { ["mode": .string($0.mode.rawValue), "remaining": .optional($0.remaining)] })
    }
}
