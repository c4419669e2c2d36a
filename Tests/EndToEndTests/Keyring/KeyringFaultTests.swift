import Platform
import TestSupport
import Testing

@Suite(
    "A desktop keyring that cannot be used",
    .enabled(if: ScriptedKeyring.isPossible, "needs dbus-daemon and a Python with dbus-next: run `make test`, or set AUA_PYTHON"))
struct KeyringFaultTests {
    /// The limit for a command that waits for one item.
    static let limit = Duration.milliseconds(3500) * Instrumentation.slowness

    private struct Run: Sendable {
        let outcome: Outcome
        let time: Duration
    }

    /// Starts all commands at once: a silence costs each of them three seconds.
    private func run(_ scene: Scene, _ commands: [[String]]) async throws -> [Run] {
        try await withThrowingTaskGroup(of: Run.self) { group in
            for command in commands {
                group.addTask {
                    let begun = TimeSource.system.elapsed()
                    let outcome = try await scene.run(command + ["--json"])
                    return Run(outcome: outcome, time: TimeSource.system.elapsed() - begun)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private static let login = ["auth", "login", "codex", "--no-open", "--timeout", "1"]

    /// Where the identity is makes a difference: it is the first item that a command asks for, or there is only the bundle.
    private static let inKeyring = KeyringFault.allCases.map { ("keyring", $0) }
    private static let inFile = [KeyringFault.noBus, .locked, .lockedAndHidden, .silentAtSearch].map { ("key-file", $0) }

    @Test(
        "is exit 4 within 3.5 s an item, named with its remedy, asks nobody, spends nothing and loses nothing",
        arguments: inKeyring + inFile)
    func fault(identity: String, fault: KeyringFault) async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            try await scene.require("vault", "init", "--backend", "keyring", "--identity", identity)
            try await scene.login()
            let token = try await scene.require("token", "codex").text
            let before = scene.home.stores()
            let items = try await keyring.items()
            try await keyring.forgetCalls()

            try await fault.during(scene, keyring) {
                let move = ["vault", "migrate", "--to", "file"] + (identity == "keyring" ? ["--identity", "key-file"] : [])
                var commands = [["token", "codex"], ["auth", "refresh", "codex"], ["auth", "logout", "codex"], Self.login]
                // Where the vault opens without the keyring, logout and move get as far as their locks: one after the other.
                if identity == "keyring" { commands.append(move) }
                if !fault.isLocked { commands.append(["token", "codex", "--unlock"]) }
                if !fault.isLocked && !fault.isAtSearch { commands.append(["vault", "unlock"]) }
                var runs = try await run(scene, commands)
                if identity != "keyring" { runs += try await run(scene, [move]) }
                for run in runs {
                    fault.refusal.check(run.outcome)
                    #expect(run.time < Self.limit, "\(run.outcome)")
                    #expect(!run.outcome.errorText.contains("http"), "no login began: \(run.outcome)")
                }
                if fault.isLocked {
                    #expect(try await keyring.count("SearchItems") > 0, "it was asked")
                    #expect(try await keyring.calls().allSatisfy { $0 != "Unlock" && $0 != "Prompt" }, "and nobody was")
                }
                // What needs no secret works all the same.
                try await scene.require("vault", "status")
                let account = try await scene.require("auth", "list", "--json").json["accounts"].array?.first
                #expect(account?["status"] == "active")
                if !KeyringFault.silent.contains(fault) { fault.refusal.checkText(try await scene.run("token", "codex")) }
            }

            #expect(scene.home.stores() == before, "auth.json is what it was, and no file vault was begun")
            #expect(try await keyring.items().filter { !$0.isTestItem } == items)
            let statistics = try await scene.provider.statistics()
            #expect(statistics["tokenRequests"] == 1 && statistics["revocations"] == 0, "\(statistics)")
            #expect(try await scene.require("token", "codex").text == token)
            try await scene.require("auth", "refresh", "codex")
            try await scene.require("auth", "logout", "codex")
        }
    }

    @Test(
        "that is not there at all leaves the choice to the person: exit 4 with the command, and nothing is made",
        arguments: [KeyringFault.noBus, .emptyBus])
    func nothingChosen(fault: KeyringFault) async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            try await fault.during(scene, keyring) {
                for command in [Self.login, ["vault", "init"]] {
                    Refusal(4, "vault_missing", "ai-usage-agent vault init --backend file --identity key-file").check(
                        try await scene.run(command + ["--json"]))
                }
                #expect(scene.home.stores().isEmpty && !scene.home.exists(scene.home.keyFile))
                try await scene.require("vault", "init", "--backend", "file", "--identity", "key-file")
                try await scene.login()
                try await scene.require("token", "codex")
            }
        }
    }

    @Test(
        "is exit 4 before a first login, too: no vault is made, no file takes its place, and no address is shown",
        arguments: [
            KeyringFault.staleSocket, .noDefault, .locked, .lockedAndNobodyAnswers, .neverComesUp, .silentAtSearch, .refusesToSearch,
        ])
    func firstLogin(fault: KeyringFault) async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            try await fault.during(scene, keyring) {
                for run in try await run(scene, [Self.login, ["vault", "init", "--backend", "keyring"], ["vault", "init"]]) {
                    #expect(run.outcome.status == 4 && run.outcome.errorCode == fault.refusal.code, "\(run.outcome)")
                    #expect(run.time < Self.limit, "\(run.outcome)")
                    #expect(!run.outcome.errorText.contains("http"))
                    // There is no vault yet that could be moved.
                    #expect(!run.outcome.complaint.contains("migrate"), "\(run.outcome)")
                    #expect(run.outcome.complaint.contains("ai-usage-agent vault "), "\(run.outcome)")
                }
            }
            #expect(scene.home.stores().isEmpty && !scene.home.exists(scene.home.keyFile))
            #expect(try await scene.provider.statistics()["tokenRequests"] == 0)
            #expect(try await keyring.calls().allSatisfy { $0 != "Unlock" && $0 != "Prompt" })
            try await scene.login()
        }
    }
}
