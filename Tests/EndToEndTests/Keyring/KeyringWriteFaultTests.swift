import Platform
import TestSupport
import Testing

/// What becomes of a write that the service does not do as it should. The first CreateItem of a login is the test item, that
/// of a refresh is the new token.
enum WriteFault: String, CaseIterable, Sendable {
    case refuse, silent, die
    case dieDone = "die-done"
    case dieAnswered = "die-answered"
    case alter, lock

    func rule(_ method: String, from number: Int = 1) -> String { "\(method)=\(rawValue)@\(number)" }
}

@Suite(
    "A desktop keyring that fails in the middle",
    .enabled(if: ScriptedKeyring.isPossible, "needs dbus-daemon and a Python with dbus-next: run `make test`, or set AUA_PYTHON"))
struct KeyringWriteFaultTests {
    private func withLogin(isActivatable: Bool = false, _ body: (Scene, ScriptedKeyring, _ token: String) async throws -> Void) async throws
    {
        func make(_ home: Home) async throws -> ScriptedKeyring { try await ScriptedKeyring(home, isActivatable: isActivatable) }
        try await Scene.withKeyring(ScriptedKeyring.self, making: make) { scene, keyring in
            try await scene.login()
            try await body(scene, keyring, try await scene.require("token", "codex").text)
        }
    }

    @Test("A test item that a cut left is removed by the next test once it is a minute old, and nothing else is")
    func sweep() async throws {
        try await withLogin { scene, keyring, token in
            func testItems() async throws -> Int { try await keyring.items().count(where: \.isTestItem) }
            try await keyring.on("CreateItem=die-done")
            #expect(try await scene.run("auth", "login", "codex", "--no-open", "--json").status == 4)
            try await keyring.heal()
            #expect(try await testItems() == 1)
            // Another command may be in the middle of its test.
            try await scene.login()
            #expect(try await testItems() == 1)
            try await keyring.age(120)
            try await scene.login()
            #expect(try await testItems() == 0)
            #expect(try await keyring.items().count == 2, "the account and the key stay, as old as they are")
            try await scene.require("auth", "refresh", "codex")
        }
    }

    /// One refresh at a server that ends a login whose token comes twice, and everything works.
    private func expectOneRotation(_ scene: Scene, _ old: String) async throws {
        let token = try await scene.require("token", "codex").text
        #expect(token != old, "the new token is the account's")
        try await scene.require("usage", "codex", "--refresh")
        let status = try await scene.require("vault", "status", "--json").json
        #expect(status["pending"] == 0, "nothing waits any longer")
        let account = try await scene.require("auth", "list", "--json").json["accounts"].array?.first
        #expect(account?["status"] == "active")
        var statistics = try await scene.provider.statistics()
        #expect(statistics["refreshRequests"] == 1 && statistics["reused"] == 0, "\(statistics)")
        try await scene.require("auth", "refresh", "codex")
        statistics = try await scene.provider.statistics()
        #expect(statistics["refreshGrants"] == 2 && statistics["reused"] == 0, "\(statistics)")
    }

    @Test(
        "A refresh that the keyring does not take is kept in the journal, served, and committed by the next command",
        arguments: WriteFault.allCases)
    func refresh(fault: WriteFault) async throws {
        try await withLogin { scene, keyring, old in
            try await keyring.on(fault.rule("CreateItem"))
            let begun = TimeSource.system.elapsed()
            let outcome = try await scene.run("auth", "refresh", "codex", "--json")
            #expect(TimeSource.system.elapsed() - begun < KeyringFaultTests.limit, "\(outcome)")
            #expect(outcome.status == 0, "\(outcome)")
            let result = outcome.json["results"].array?.first ?? .null
            #expect(result["warning"].string?.contains("safe in the journal") ?? false, "\(outcome)")
            #expect(try await scene.require("vault", "status", "--json").json["pending"] == 1)
            try await keyring.heal()
            try await expectOneRotation(scene, old)
        }
    }

    @Test(
        "While the keyring takes nothing the token is served from the journal, and no second refresh is sent",
        arguments: [WriteFault.refuse, .silent, .alter])
    func serving(fault: WriteFault) async throws {
        try await withLogin { scene, keyring, old in
            try await keyring.on(fault.rule("CreateItem"))
            try await scene.require("auth", "refresh", "codex")
            let token = try await scene.require("token", "codex")
            #expect(token.text != old && token.errorText.contains("safe in the journal"), "\(token)")
            try await keyring.heal()
            #expect(try await scene.require("token", "codex").text == token.text)
            try await expectOneRotation(scene, old)
        }
    }

    @Test("A token that has run out in the journal is exit 4 while the keyring takes nothing, and no second refresh is sent")
    func runOut() async throws {
        try await withLogin { scene, keyring, _ in
            try await keyring.on("CreateItem=refuse")
            try await scene.provider.misbehave("expires-negative")
            // Served while it lives, which is a second: a busy machine is slower.
            _ = try await scene.run("auth", "refresh", "codex")
            var outcome = try await scene.run("token", "codex", "--json")
            let deadline = TimeSource.system.elapsed() + .seconds(20)
            while outcome.status == 0 && TimeSource.system.elapsed() < deadline {
                outcome = try await scene.run("token", "codex", "--json")
            }
            Refusal(4, "vault_unavailable", "safe in the journal", "the script says no", "ai-usage-agent vault migrate").check(outcome)
            #expect(try await scene.provider.statistics()["refreshRequests"] == 1)
            try await keyring.heal()
            try await scene.require("token", "codex")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshGrants"] == 2 && statistics["reused"] == 0, "\(statistics)")
        }
    }

    @Test(
        "A put that was cut off is read back: a service that stored it and died costs nothing",
        arguments: [WriteFault.dieDone, .dieAnswered])
    func readBack(fault: WriteFault) async throws {
        try await withLogin(isActivatable: true) { scene, keyring, old in
            try await keyring.on(fault.rule("CreateItem"))
            let outcome = try await scene.require("auth", "refresh", "codex", "--json")
            #expect(await keyring.hasDied())
            #expect(outcome.json["results"].array?.first?["warning"] == .null, "\(outcome)")
            #expect(try await scene.require("vault", "status", "--json").json["pending"] == 0)
            try await expectOneRotation(scene, old)
        }
    }

    @Test("A login whose put was cut off by a service that had stored it is complete")
    func loginReadBack() async throws {
        try await withLogin(isActivatable: true) { scene, keyring, _ in
            try await keyring.on(WriteFault.dieDone.rule("CreateItem", from: 2))
            let outcome = try await scene.login("codex", as: "bob")
            #expect(await keyring.hasDied())
            #expect(outcome.status == 0, "\(outcome)")
            try await scene.require("token", "codex", "--account", "bob@example.org")
        }
    }

    @Test(
        "A login that the keyring takes no longer is exit 4 and leaves the accounts as they were",
        arguments: [WriteFault.refuse, .silent, .dieDone, .alter])
    func login(fault: WriteFault) async throws {
        try await withLogin { scene, keyring, token in
            let before = scene.home.stores()
            try await keyring.on(fault.rule("CreateItem", from: 2))
            let login = try await scene.startLogin()
            let begun = TimeSource.system.elapsed()
            let outcome = try await login.complete("&demo_user=bob")
            #expect(TimeSource.system.elapsed() - begun < KeyringFaultTests.limit, "\(outcome)")
            #expect(outcome.status == 4, "\(outcome)")
            #expect(outcome.errorText.contains("ai-usage-agent vault "), "\(outcome)")
            #expect(scene.home.stores() == before)
            try await keyring.heal()
            #expect(try await scene.require("token", "codex").text == token)
            try await scene.login("codex", as: "bob")
            try await scene.require("token", "codex", "--account", "bob@example.org")
        }
    }

    @Test(
        "A keyring that hands out and does not take is found out before the browser",
        arguments: [WriteFault.refuse, .silent, .alter, .lock])
    func beforeLogin(fault: WriteFault) async throws {
        try await withLogin { scene, keyring, token in
            try await keyring.on(fault.rule("CreateItem"))
            let outcome = try await scene.run("auth", "login", "codex", "--no-open", "--timeout", "1")
            #expect(outcome.status == 4 && !outcome.errorText.contains("http"), "\(outcome)")
            try await keyring.heal()
            #expect(try await scene.require("token", "codex").text == token)
            #expect(try await scene.provider.statistics()["codeGrants"] == 1)
        }
    }

    @Test(
        "A logout that the keyring does not take is exit 4, and the account stays until one is",
        arguments: [WriteFault.refuse, .silent, .dieDone, .lock])
    func logout(fault: WriteFault) async throws {
        try await withLogin { scene, keyring, token in
            let before = scene.home.stores()
            try await keyring.on(fault.rule("Delete"))
            let outcome = try await scene.run("auth", "logout", "codex", "--json")
            #expect(outcome.status == 4 && scene.home.stores() == before, "\(outcome)")
            try await keyring.heal()
            if fault != .dieDone { #expect(try await scene.require("token", "codex").text == token) }
            try await scene.require("auth", "logout", "codex")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.isEmpty ?? false)
            #expect(try await keyring.items().count == 1, "the identity")
        }
    }

    @Test(
        "A keyring that locks or dies between two items is named so, never taken for an empty one",
        arguments: [
            ["SearchItems=lock@2"], ["GetSecrets=lock@2"], ["lists-locked=no", "SearchItems=lock@2"],
            ["lists-locked=no", "GetSecrets=lock@2"],
            ["SearchItems=die@2"], ["GetSecrets=die@2"], ["GetSecrets=die-answered@1"],
        ])
    func between(rules: [String]) async throws {
        try await withLogin { scene, keyring, token in
            for command in [["token", "codex", "--json"], ["auth", "refresh", "codex", "--json"]] {
                let before = scene.home.stores()
                for rule in rules { try await rule.hasPrefix("lists") ? keyring.set(rule) : keyring.on(rule) }
                let outcome = try await scene.run(command)
                let isLocked = rules.contains { $0.contains("=lock") }
                #expect(outcome.status == 4 && outcome.errorCode == (isLocked ? "vault_locked" : "vault_unavailable"), "\(outcome)")
                #expect(scene.home.stores() == before)
                try await keyring.heal()
                #expect(try await scene.require("token", "codex").text == token)
            }
            #expect(try await scene.provider.statistics()["refreshRequests"] == 0)
        }
    }

    @Test("Other bytes than were stored are refused by name, and the right ones work again", arguments: [1, 2])
    func otherBytes(number: Int) async throws {
        try await withLogin { scene, keyring, token in
            let before = scene.home.stores()
            for command in [["token", "codex"], ["auth", "refresh", "codex"], ["auth", "logout", "codex"]] {
                try await keyring.on("GetSecrets=alter@\(number)")
                Refusal(65, "vault_corrupt", "keyring", number == 1 ? "restore the keyring" : "log in again").check(
                    try await scene.run(command + ["--json"]))
                try await keyring.heal()
            }
            #expect(scene.home.stores() == before)
            #expect(try await scene.require("token", "codex").text == token)
        }
    }

    @Test(
        "Of two items with one reference the higher generation counts, whatever their order, and a logout removes both",
        arguments: ["no", "yes"])
    func duplicates(newestFirst: String) async throws {
        try await withLogin { scene, keyring, _ in
            try await keyring.set("replaces=no", "newest-first=\(newestFirst)")
            try await scene.require("auth", "refresh", "codex")
            let token = try await scene.require("token", "codex").text
            #expect(try await keyring.items().count == 3, "the identity and two of the account")
            try await scene.require("usage", "codex", "--refresh")
            #expect(try await scene.require("auth", "refresh", "codex", "--json").json["results"].array?.first?["warning"] == .null)
            #expect(try await scene.require("token", "codex").text != token)
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshGrants"] == 2 && statistics["reused"] == 0, "\(statistics)")
            try await scene.require("auth", "logout", "codex")
            #expect(try await keyring.items().count == 1)
        }
    }
}
