import Platform
import TestSupport
import Testing

/// Something that happened to a file of ours behind our back.
enum Damage: String, CaseIterable {
    case secretsReadable, secretsLinked
    case recordEdited, keyFileNameEdited, metadataCut, metadataTrailing, accountsOfWrongType, newerSchema, metadataReadable
    case directoryReadable, directoryLinked
    case keyFileMissing, keyFileForeign, keyFileGarbage, keyFileReadable

    var refusal: Refusal {
        switch self {
        case .secretsReadable: Refusal(65, "vault_corrupt", "secrets.age", "chmod 600")
        case .secretsLinked: Refusal(65, "vault_corrupt", "secrets.age", "symbolic link")
        case .recordEdited: Refusal(65, "vault_corrupt", "auth.json", "restore auth.json")
        case .keyFileNameEdited: Refusal(4, "vault_unavailable", "elsewhere.txt")
        case .metadataCut, .metadataTrailing: Refusal(65, "vault_corrupt", "auth.json", "line ")
        case .accountsOfWrongType: Refusal(65, "vault_corrupt", "auth.json", "accounts")
        case .newerSchema: Refusal(65, "vault_corrupt", "auth.json", "newer ai-usage-agent")
        case .metadataReadable: Refusal(65, "vault_corrupt", "auth.json", "chmod 600")
        case .directoryReadable: Refusal(65, "vault_corrupt", "chmod 700")
        case .directoryLinked: Refusal(65, "vault_corrupt", "symbolic link")
        case .keyFileMissing: Refusal(4, "vault_unavailable", "identity.txt", "put it back")
        case .keyFileForeign: Refusal(65, "vault_foreign", "identity.txt", "put the vault's own identity back")
        case .keyFileGarbage: Refusal(65, "vault_corrupt", "identity.txt")
        case .keyFileReadable: Refusal(65, "vault_corrupt", "identity.txt", "chmod 600")
        }
    }

    /// Whether a command that needs no secret meets it too.
    var isSeenWithoutKey: Bool {
        switch self {
        case .metadataCut, .metadataTrailing, .accountsOfWrongType, .newerSchema, .metadataReadable, .directoryReadable, .directoryLinked:
            true
        default: false
        }
    }

    func happen(in home: Home, other: Home) throws {
        func edit(_ old: String, _ new: String) throws {
            let text = try home.text(home.metadataFile)
            try #require(text.contains(old))
            try home.write(Array(text.replacing(old, new).utf8), to: home.metadataFile)
        }
        switch self {
        case .secretsReadable: try home.change(mode: 0o640, of: home.sealedFile)
        case .secretsLinked:
            try home.move(home.sealedFile, to: home.path + "/moved")
            try home.link(home.sealedFile, to: home.path + "/moved")
        case .recordEdited: try edit("\"generation\": 1,\n    \"sealed", "\"generation\": 7,\n    \"sealed")
        case .keyFileNameEdited: try edit("identity.txt", "elsewhere.txt")
        case .metadataCut: try home.write(Array(try home.read(home.metadataFile).dropLast(20)), to: home.metadataFile)
        case .metadataTrailing: try home.write(try home.read(home.metadataFile) + Array("{}".utf8), to: home.metadataFile)
        case .accountsOfWrongType:
            try home.write(Array(#"{"schemaVersion": 1, "vault": null, "accounts": "none"}"#.utf8), to: home.metadataFile)
        case .newerSchema: try edit("\"schemaVersion\": 1,", "\"schemaVersion\": 2,")
        case .metadataReadable: try home.change(mode: 0o644, of: home.metadataFile)
        case .directoryReadable: try home.change(mode: 0o755, of: home.data)
        case .directoryLinked:
            try home.move(home.data, to: home.path + "/moved")
            try home.link(home.data, to: home.path + "/moved")
        case .keyFileMissing: try home.delete(home.keyFile)
        case .keyFileForeign: try home.write(try other.read(other.keyFile), to: home.keyFile)
        case .keyFileGarbage: try home.write(Array("AGE-SECRET-KEY-1NOT\n".utf8), to: home.keyFile)
        case .keyFileReadable: try home.change(mode: 0o644, of: home.keyFile)
        }
    }
}

@Suite("A damaged vault")
struct VaultDamageTests {
    @Test("is refused with its name and the remedy, is not touched, and works again once it is repaired", arguments: Damage.allCases)
    func damage(_ damage: Damage) async throws {
        try await Scene.with { scene in
            let home = scene.home
            let other = try Home()
            defer { other.remove() }
            try other.configure(try home.text(home.configurationFile))
            _ = try await scene.run(
                "vault", "init", "--backend", "file", "--identity", "key-file", environment: other.environment)
            let second = try await HeadlessLogin(try scene.start(["auth", "login", "codex", "--no-open"], environment: other.environment))
            _ = try await second.complete("&demo_user=mallory")

            let token = try await scene.require("token", "codex").text
            let backup = home.path + "/backup"
            try home.copy(home.data, to: backup)
            let key = try home.read(home.keyFile)

            try damage.happen(in: home, other: other)
            let before = home.stores()
            let keyBefore = try? home.read(home.keyFile)
            var commands = [["token", "codex"], ["auth", "refresh", "codex"], ["auth", "logout", "codex"]]
            if damage.isSeenWithoutKey { commands += [["auth", "list"], ["status"], ["usage"]] }
            for command in commands {
                damage.refusal.check(try await scene.run(command + ["--json"]))
                damage.refusal.checkText(try await scene.run(command))
            }
            let login = try await scene.run(["auth", "login", "codex", "--no-open", "--timeout", "1", "--json"])
            damage.refusal.check(login)
            #expect(!login.errorText.contains("http"), "refused before there is an address to go to: \(login)")
            #expect(home.stores() == before, "nothing was changed")
            #expect((try? home.read(home.keyFile)) == keyBefore, "no key was made or changed")
            #expect(try await scene.provider.statistics()["refreshRequests"] == 0, "and nothing was spent")

            try home.delete(home.data)
            try home.move(backup, to: home.data)
            try home.write(key, to: home.keyFile)
            let repaired = try await scene.run("token", "codex")
            #expect(repaired.text == token, "\(repaired)")
        }
    }
}
