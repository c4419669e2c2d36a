import Platform
import TestSupport
import Testing

@Suite("Rekeying, moving and a new passphrase, while other commands run")
struct MaintenanceRaceTests {
    /// What changes the vault as a whole, again and again.
    enum Storm: String, CustomTestStringConvertible {
        case rekey = "rekey of a file vault"
        case rekeyKeyring = "rekey of a keyring vault"
        case migrate = "migrate between file and keyring"
        case passphrase = "rekey and change-passphrase"

        var testDescription: String { rawValue }
        var kind: VaultKind {
            switch self {
            case .rekey: .keyFile
            case .rekeyKeyring: .keyring
            case .migrate: .keyringWithKeyFile
            case .passphrase: .passphrase
            }
        }

        /// One change, told by its number; run one after the other.
        func lines(_ round: Int) -> [[String]] {
            switch self {
            case .rekey, .rekeyKeyring: [["vault", "rekey"]]
            case .migrate:
                round % 2 == 0
                    ? [["vault", "migrate", "--to", "file", "--identity", "key-file"]]
                    : [["vault", "migrate", "--to", "keyring", "--identity", "key-file"]]
            case .passphrase: [["vault", "rekey"], ["vault", "change-passphrase", "--new-passphrase-fd", "3"]]
            }
        }
    }

    private static let people = (1...8).map { "p\($0)" }

    /// One account's part: refreshes, tokens, a logout and a login, each of which may be told to come again.
    private func live(_ scene: Scene, _ person: String, _ rounds: Int, logsIn: Bool) async throws {
        let account = ["--account", "\(person)@example.org"]
        for round in 0..<rounds {
            for command in [["auth", "refresh", "codex"], ["token", "codex"]] {
                let outcome = try await scene.run(command + account)
                #expect(Scene.isDoneOrBusy(outcome), "\(outcome)")
            }
            guard logsIn, round == rounds - 1 else { continue }
            let logout = try await scene.run(["auth", "logout", "codex"] + account)
            #expect(Scene.isDoneOrBusy(logout), "\(logout)")
            let login = try await scene.startLogin("codex")
            let outcome = try await login.complete("&demo_user=\(person)")
            scene.note(outcome)
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    /// The server spends each refresh token once and ends the login of whoever comes with an old one.
    private func storm(_ storm: Storm, people: [String], rounds: Int) async throws {
        try await storm.kind.with(people) { scene, session in
            let done = Guarded(false)
            let changes = try await withThrowingTaskGroup(of: Int.self) { group in
                group.addTask {
                    var count = 0
                    while !done.withLock({ $0 }) || count < 1 {
                        for line in storm.lines(count) {
                            let outcome = await scene.finish(
                                try scene.start(line, descriptors: [3: Array(VaultKind.firstPassphrase.utf8)]))
                            #expect(Scene.isDoneOrBusy(outcome), "\(outcome)")
                        }
                        count += 1
                    }
                    return count
                }
                group.addTask {
                    // Also when one of them fails: the other task would go on for ever.
                    defer { done.withLock { $0 = true } }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for person in people {
                            group.addTask { try await self.live(scene, person, rounds, logsIn: storm != .passphrase || Soak.isOn) }
                        }
                        try await group.waitForAll()
                    }
                    return 0
                }
                return try await group.reduce(0, +)
            }
            Soak.report("\(storm.rawValue): \(changes) changes while \(people.count) processes worked")
            #expect(changes >= 1)
            #expect(try scene.leftovers() == [])
            try await expectSealedToNow(scene, storm.kind)
            let list = try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
            #expect(list.count == people.count && list.allSatisfy { $0["status"] == "active" }, "\(list)")
            try await scene.refreshAll(people)
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refused"] == 0 && statistics["familiesRevoked"] == 0, "\(statistics)")
            if let session, storm == .rekeyKeyring {
                #expect(try await session.items().split(separator: "\n").count { $0.hasPrefix("attribute.ref") } == people.count + 1)
            }
        }
    }

    /// Nothing is sealed to a forgotten identity: neither the store nor the journal.
    private func expectSealedToNow(_ scene: Scene, _ kind: VaultKind) async throws {
        #expect(try await scene.require("vault", "status", "--json").json["pending"] == 0)
        if kind == .keyFile {
            #expect(try await AgeKey(of: scene.home.keyFile).open(scene.home.sealedFile).status == 0)
        }
    }

    @Test("lose no token and are met by nothing but \"busy\"")
    func rekey() async throws { try await storm(.rekey, people: Self.people, rounds: Soak.isOn ? 12 : 2) }

    @Test("behind a passphrase, too")
    func passphrase() async throws {
        try await storm(.passphrase, people: Soak.isOn ? Self.people : ["p1", "p2"], rounds: Soak.isOn ? 6 : 1)
    }

    @Test(
        "with a keyring, too", .enabled(if: KeyringSession.isPossible, "the keyring's programs are missing (make test installs them)"),
        arguments: [Storm.rekeyKeyring, .migrate])
    func keyring(_ storm: Storm) async throws {
        try await self.storm(storm, people: Self.people, rounds: Soak.isOn ? 8 : 1)
    }
}
