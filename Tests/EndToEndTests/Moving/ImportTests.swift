import Platform
import TestSupport
import Testing

@Suite("vault import", .enabled(if: AgeKey.isPossible, "age is missing: apt-get install age"))
struct ImportTests {
    @Test(
        "What this vault exported is active at once, token for token, and refreshes, also after a new beginning",
        arguments: ["after a logout", "in a new vault"])
    func sameVault(_ way: String) async throws {
        try await VaultKind.keyFile.with { scene, _ in
            let parcel = try await Parcel(scene)
            let before = try await scene.contents()
            if way == "after a logout" {
                try await scene.require("auth", "logout", "codex", "--all")
            } else {
                try scene.home.delete(scene.home.data)
                try await scene.require("vault", "init", "--backend", "file", "--identity", "key-file")
            }
            let outcome = try await scene.run(["vault", "import"] + parcel.sealed() + ["--json"])
            #expect(outcome.status == 0, "\(outcome)")
            let results = outcome.json["results"].array ?? []
            #expect(results.count == 2 && results.allSatisfy { $0["action"] == "added" && $0["status"] == "active" }, "\(outcome)")
            for result in results {
                let id = try #require(result["accountId"].string)
                let token = try await scene.require("token", "codex", "--account", id)
                #expect(token.text == before.bundles[id]?["accessToken"].string && token.errorText.isEmpty)
                try await scene.require("auth", "refresh", "codex", "--account", id)
            }
            let again = try await scene.run(["vault", "import"] + parcel.sealed("again.age") + ["--json"])
            #expect(again.json["results"].array?.allSatisfy { $0["action"] == "kept" } == true, "not older stays: \(again)")
            #expect(try await scene.provider.statistics()["refused"] == 0)
            try await expectNoToken(scene)
        }
    }

    @Test("What another vault of this machine exported waits for adopt: both would hold one single-use token")
    func anotherVault() async throws {
        try await Scene.with { scene in
            let parcel = try await Parcel(scene)
            try await OtherHome.with(scene) { other in
                let imported = try await other.require(["vault", "import"] + parcel.sealed())
                #expect(imported.text.contains("another vault") && imported.text.contains("vault adopt"))
                #expect(try await other.accounts().first?["statusReason"] == "cloned_vault")
                Refusal(65, "cloned_vault", "vault adopt").check(try await other.run(["auth", "refresh", "codex", "--json"]))
                try await scene.require("auth", "refresh", "codex")
                #expect(try await scene.provider.statistics()["refused"] == 0)
            }
        }
    }

    private func expectNoToken(_ scene: Scene) async throws {
        let needles = try await scene.provider.tokens().map(Needle.init)
        for outcome in scene.transcript where !outcome.arguments.contains("token") {
            #expect(!needles.contains { $0.isFound(in: outcome.output) || $0.isFound(in: outcome.error) }, "\(outcome.arguments)")
        }
    }

    @Test(
        "What another machine exported waits: served while it lives, not refreshed before adopt",
        arguments: [VaultKind.keyFile, .passphrase])
    func anotherMachine(_ kind: VaultKind) async throws {
        try await Scene.with { scene in
            var parcel = try await Parcel(scene)
            parcel.comeFromElsewhere()
            let token = try await scene.require("token", "codex").text
            try await OtherHome.with(scene) { other in
                let imported = try await other.require(["vault", "import"] + parcel.sealed())
                #expect(imported.text.contains("another machine") && imported.text.contains("vault adopt"))
                let account = try #require(try await other.accounts().first)
                #expect(account["status"] == "unknown" && account["statusReason"] == "cloned_vault")
                let findings = try await other.require(["vault", "status"]).text
                #expect(findings.contains("1 imported from another machine") && findings.contains("vault adopt"))

                let served = try await other.require(["token", "codex"])
                #expect(served.text == token && served.errorText.contains("vault adopt"), "\(served)")
                Refusal(65, "cloned_vault", "vault adopt").check(try await other.run(["auth", "refresh", "codex", "--json"]))
                #expect(try await scene.provider.statistics()["tokenRequests"] == 1, "only the login's")

                // It stays nobody's on its way through a third home.
                let key = parcel.key
                try await other.require(["vault", "export", "--recipient", key.recipient, "--output", other.home.path + "/on.age"])
                try await OtherHome.with(scene) { third in
                    try await third.require(["vault", "import", other.home.path + "/on.age", "--identity-file", key.path])
                    #expect(try await third.accounts().first?["statusReason"] == "cloned_vault")
                }
                try await other.require(["vault", "adopt"])
                #expect(try await other.accounts().first?["status"] == "active")
                try await other.require(["auth", "refresh", "codex"])
                #expect(try await other.require(["token", "codex"]).errorText.isEmpty)
            }
            try await expectNoToken(scene)
        }
    }

    @Test("One that waits can be logged out of, and a login takes its place", arguments: ["logout", "login"])
    func waiting(_ way: String) async throws {
        try await Scene.with { scene in
            var parcel = try await Parcel(scene)
            parcel.comeFromElsewhere()
            try await OtherHome.with(scene) { other in
                try await other.require(["vault", "import"] + parcel.sealed())
                if way == "logout" {
                    try await other.require(["auth", "logout", "codex"])
                    #expect(try await other.accounts() == [])
                } else {
                    try await other.login(as: "ada")
                    let accounts = try await other.accounts()
                    #expect(accounts.count == 1 && accounts.first?["status"] == "active")
                    try await other.require(["auth", "refresh", "codex"])
                }
                #expect(try await scene.provider.statistics()["refused"] == 0)
            }
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test("Without a vault and without a terminal one is made if config.json says which, else it is exit 4", arguments: [false, true])
    func emptyHome(_ isChosen: Bool) async throws {
        try await Scene.with { scene in
            let parcel = try await Parcel(scene)
            try await OtherHome.with(scene, initialization: nil) { other in
                if isChosen {
                    try other.home.configure(
                        try scene.home.text(scene.home.configurationFile).replacing(
                            "\"providers\"", with: "\"vault\": {\"backend\": \"file\", \"identity\": [\"key-file\"]}, \"providers\""))
                }
                let outcome = try await other.run(["vault", "import"] + parcel.sealed() + ["--json"])
                guard isChosen else {
                    Refusal(4, "vault_missing", "vault init").check(outcome)
                    return #expect(!other.home.exists(other.home.metadataFile) && !other.home.exists(other.home.keyFile))
                }
                #expect(outcome.status == 0 && outcome.errorText.contains("made a vault"), "\(outcome)")
                #expect(try await other.require(["token", "codex"]).text == scene.require("token", "codex").text)
            }
        }
    }

    @Test("An account that is here and newer stays, an older one is replaced")
    func generations() async throws {
        try await Scene.with { scene in
            let old = try await Parcel(scene)
            try await scene.require("auth", "refresh", "codex")
            let new = try await Parcel(scene)
            let token = try await scene.require("token", "codex").text
            let kept = try await scene.run(["vault", "import"] + old.sealed() + ["--json"])
            #expect(kept.json["results"].array?.first?["action"] == "kept", "\(kept)")
            #expect(try await scene.require("token", "codex").text == token)

            try await OtherHome.with(scene) { other in
                try await other.require(["vault", "import"] + old.sealed())
                #expect(try await other.require(["token", "codex"]).text != token)
                let replaced = try await other.run(["vault", "import"] + new.sealed() + ["--json"])
                #expect(replaced.json["results"].array?.first?["action"] == "replaced", "\(replaced)")
                #expect(try await other.accounts().count == 1)
                #expect(try await other.require(["token", "codex"]).text == token)
                try await other.require(["vault", "adopt"])
                try await other.require(["auth", "refresh", "codex"])
            }
        }
    }

    @Test("A login of the same account that was made here stays, with a word about it")
    func sameAccountKey() async throws {
        try await Scene.with { scene in
            let parcel = try await Parcel(scene)
            try await OtherHome.with(scene) { other in
                try await other.login(as: "ada")
                let token = try await other.require(["token", "codex"]).text
                let outcome = try await other.run(["vault", "import"] + parcel.sealed() + ["--json"])
                let result = outcome.json["results"].array?.first ?? .null
                #expect(outcome.status == 0 && result["action"] == "kept", "\(outcome)")
                #expect(result["warning"].string?.contains("log out first") == true && outcome.errorText.contains("log out first"))
                #expect(try await other.require(["token", "codex"]).text == token)
            }
        }
    }

    @Test("A label that names another account here is dropped, with a word about it")
    func labelClash() async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.login("codex", ["--account", "Work"], as: "bob")
            let parcel = try await Parcel(scene)
            try await OtherHome.with(scene) { other in
                try await other.login(as: "ada", label: "work")
                let outcome = try await other.run(["vault", "import"] + parcel.sealed() + ["--json"])
                let result = outcome.json["results"].array?.first ?? .null
                #expect(outcome.status == 0 && result["action"] == "added" && result["label"].isNull, "\(outcome)")
                #expect(result["warning"].string?.contains("Work") == true, "\(outcome)")
                let labels = try await other.accounts().map { $0["label"] }
                #expect(labels.count == 2 && labels.contains("work") && labels.contains(nil))
            }
        }
    }

    @Test("A file on standard input that is sealed to the vault's own key needs no other")
    func ownIdentity() async throws {
        try await Scene.with(start: .vault) { scene in
            let key = try await AgeKey(of: scene.home.keyFile)
            let file = scene.home.path + "/eve.age"
            try await key.seal(SyntheticExport(["eve"]).text, to: file, options: ["-a"])
            let outcome = try await scene.run("vault", "import", "-", input: .bytes(try scene.home.read(file)))
            #expect(outcome.status == 0 && outcome.text.contains("eve@example.org") && outcome.text.contains("added"), "\(outcome)")
            #expect(try await scene.contents()["eve"]?["accessToken"].string?.hasPrefix("at-") == true)
        }
    }
}
