import Platform
import Testing
import Vault

struct AccountSelectionTests {
    /// An account as a table writes it.
    private struct Row: Sendable {
        var number: Int
        var provider = "demo"
        var used: Int?
        var created = 0
        var status = AccountStatus.active
        var source = AccountRecord.ownSource

        var account: AccountRecord {
            var account = AccountRecord(
                id: accountId(number), provider: provider, accountKey: "key-\(number)", authType: .oauth, source: source,
                createdAt: Timestamp(seconds: created))
            account.lastUsedAt = used.map { Timestamp(seconds: $0) }
            account.status = status
            return account
        }
    }

    private static func metadata(_ rows: [Row], pin: Int? = nil) -> Metadata {
        var metadata = Metadata()
        metadata.accounts = rows.map(\.account)
        if let pin { metadata.pins["demo"] = accountId(pin) }
        return metadata
    }

    private static let defaults: [(why: String, rows: [Row], pin: Int?, chosen: Int?, reason: AccountSelection.Reason?)] = [
        ("there is none", [], nil, nil, nil),
        ("there is none of this provider", [Row(number: 1, provider: "other")], nil, nil, nil),
        ("it is the only one", [Row(number: 1)], nil, 1, .only),
        ("it is the only one of this provider", [Row(number: 1, provider: "other", used: 9), Row(number: 2)], nil, 2, .only),
        ("the only one counts even when it needs a login", [Row(number: 1, status: .needsLogin)], nil, 1, .only),
        ("it is pinned", [Row(number: 1, used: 9), Row(number: 2)], 2, 2, .pinned),
        ("it is pinned, though it needs a login", [Row(number: 1, used: 9), Row(number: 2, status: .needsLogin)], 2, 2, .pinned),
        ("a pin to nothing is no pin", [Row(number: 1, used: 9), Row(number: 2)], 7, 1, .lastUsed),
        (
            "a pin to another provider's account is no pin",
            [Row(number: 1), Row(number: 2, used: 1), Row(number: 3, provider: "x", used: 5)], 3, 2, .lastUsed
        ),
        ("it was used last", [Row(number: 1, used: 5), Row(number: 2, used: 9), Row(number: 3, used: 7)], nil, 2, .lastUsed),
        ("a new one counts from its creation", [Row(number: 1, used: 5), Row(number: 2, created: 6)], nil, 2, .lastUsed),
        ("of two at the same time the later one", [Row(number: 1, used: 5), Row(number: 2, used: 5)], nil, 2, .lastUsed),
        ("a dead login is passed over", [Row(number: 1, used: 5), Row(number: 2, used: 9, status: .needsLogin)], nil, 1, .lastUsed),
        ("an unknown one is not", [Row(number: 1, used: 5), Row(number: 2, used: 9, status: .unknown)], nil, 2, .lastUsed),
        (
            "the vault's own comes before the environment's and another program's",
            [Row(number: 1, used: 9, source: "reference:codex"), Row(number: 2, used: 8, source: "env"), Row(number: 3, used: 1)], nil, 3,
            .source
        ),
        (
            "one that was moved here is the vault's own", [Row(number: 1, used: 9, source: "env"), Row(number: 2, source: "import:codex")],
            nil, 2, .source
        ),
        (
            "the environment's comes before a reference", [Row(number: 1, used: 9, source: "reference:pi"), Row(number: 2, source: "env")],
            nil, 2, .source
        ),
        (
            "a reference, when the vault's own is dead",
            [Row(number: 1, used: 9, status: .needsLogin), Row(number: 2, source: "reference:pi")], nil, 2, .lastUsed
        ),
        (
            "the pinned one, from whatever source", [Row(number: 1, used: 9), Row(number: 2, source: "reference:pi")], 2, 2, .pinned
        ),
        (
            "of two references the one used last",
            [Row(number: 1, used: 9, source: "reference:pi"), Row(number: 2, used: 8, source: "reference:codex")], nil, 1, .lastUsed
        ),
        ("all are dead", [Row(number: 1, used: 5, status: .needsLogin), Row(number: 2, used: 4, status: .needsLogin)], nil, 1, .lastUsed),
    ]

    @Test("The default account is the only, else the pinned, else the last used one that works", arguments: defaults.indices)
    func byDefault(_ index: Int) throws {
        let row = Self.defaults[index]
        let metadata = Self.metadata(row.rows, pin: row.pin)
        let found = AccountSelection.defaultAccount(of: "demo", in: metadata)
        #expect(found?.account.id == row.chosen.map(accountId), "\(row.why)")
        #expect(found?.reason == row.reason, "\(row.why)")
        if row.chosen != nil {
            #expect(try AccountSelection.choose(nil, provider: "demo", in: metadata).id == found?.account.id)
        } else {
            let error = #expect(throws: VaultError.self) { _ = try AccountSelection.choose(nil, provider: "demo", in: metadata) }
            #expect(error?.code == .noSuchAccount)
            #expect(error?.remedy == "ai-usage-agent auth login demo")
        }
    }

    private static let named: Metadata = {
        var work = Row(number: 1).account
        work.email = "me@work.example"
        work.label = "work"
        work.plan = "team"
        var home = Row(number: 2).account
        home.email = "me@home.example"
        home.label = "work too"
        var other = Row(number: 3, provider: "other").account
        other.email = "elsewhere@x.example"
        var metadata = Metadata()
        metadata.accounts = [work, home, other]
        return metadata
    }()

    @Test(
        "An account is found by its id, e-mail, label or key, or by a beginning that only it has",
        arguments: [
            (accountId(1), 1), (accountId(2), 2), ("me@work.example", 1), ("ME@HOME.EXAMPLE", 2), ("me@h", 2), ("key-2", 2),
            ("work too", 2), ("work t", 2),
            // A whole name wins over a beginning.
            ("work", 1), ("WORK", 1),
        ])
    func find(_ name: String, _ number: Int) throws {
        #expect(try AccountSelection.find(name, provider: "demo", in: Self.named).id == accountId(number))
        #expect(try AccountSelection.choose(name, provider: "demo", in: Self.named).id == accountId(number))
    }

    @Test("A beginning that several have lists them and names the way out", arguments: ["me@", "key-", "0000", "wo", "m"])
    func ambiguous(_ name: String) {
        let error = #expect(throws: VaultError.self) { _ = try AccountSelection.find(name, provider: "demo", in: Self.named) }
        #expect(error?.code == .ambiguousAccount)
        #expect(error?.message == "\"\(name)\" fits 2 accounts of demo:\n  \(accountId(1))  work (team)\n  \(accountId(2))  work too")
        #expect(error?.remedy == "name one by its id: --account \(accountId(1))")
    }

    @Test(
        "A name that nobody of the provider has finds nobody",
        arguments: ["", "nobody", "elsewhere@x.example", accountId(3), "me@work.example ", "ork"])
    func unknown(_ name: String) {
        let error = #expect(throws: VaultError.self) { _ = try AccountSelection.choose(name, provider: "demo", in: Self.named) }
        #expect(error?.code == .noSuchAccount)
        #expect(error?.remedy == "ai-usage-agent auth list demo")
    }

    @Test("A dead login that is named is the one that is meant")
    func namedDead() throws {
        let metadata = Self.metadata([Row(number: 1, used: 9), Row(number: 2, status: .needsLogin)], pin: 1)
        #expect(try AccountSelection.choose("key-2", provider: "demo", in: metadata).id == accountId(2))
    }
}
