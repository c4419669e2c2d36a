import Platform
import TestSupport
import Testing

@Suite("config.json")
struct ConfigurationTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        let name: String
        let text: String
        let words: [String]

        init(_ name: String, _ text: String, _ words: String...) { (self.name, self.text, self.words) = (name, text, words) }

        var testDescription: String { name }
    }

    static let mistakes = [
        Mistake("unknown key", #"{"schemaVersion": 1, "provider": {}}"#, "provider", "did you mean \"providers\"?"),
        Mistake("unknown nested key", #"{"schemaVersion": 1, "vault": {"backnd": "file"}}"#, "vault.backnd", "did you mean \"backend\"?"),
        Mistake("malformed", "{\"schemaVersion\": 1,\n  \"vault\": {,}\n}", "line 2"),
        Mistake("cut", "{\"schemaVersion\": 1", "line 1"),
        Mistake("empty file", "", "line 1"),
        Mistake("name twice", "{\"schemaVersion\": 1,\n \"usage\": {},\n \"usage\": {}}", "line 3"),
        Mistake("no version", "{}", "schemaVersion"),
        Mistake("newer version", #"{"schemaVersion": 2}"#, "schemaVersion", "knows 1"),
        Mistake("a list", "[]", "is no object"),
        Mistake(
            "plain http to another host",
            #"{"schemaVersion": 1, "providers": {"acme": {"type": "oidc", "issuer": "http://id.example.org", "clientId": "x"}}}"#,
            "providers.acme.issuer", "https"),
        Mistake(
            "plain http endpoint", #"{"schemaVersion": 1, "providers": {"codex": {"endpoints": {"token": "http://192.0.2.7/token"}}}}"#,
            "providers.codex.endpoints.token", "https"),
        Mistake(
            "host that only looks like loopback",
            #"{"schemaVersion": 1, "providers": {"codex": {"issuer": "http://127.0.0.1.example.org"}}}"#,
            "providers.codex.issuer"),
        Mistake("no address", #"{"schemaVersion": 1, "providers": {"codex": {"issuer": "id.example.org"}}}"#, "providers.codex.issuer"),
        Mistake("unknown backend", #"{"schemaVersion": 1, "vault": {"backend": "cloud"}}"#, "vault.backend", "keyring or file"),
        Mistake("unknown identity", #"{"schemaVersion": 1, "vault": {"identity": ["yubikey"]}}"#, "vault.identity", "yubikey", "key-file"),
        Mistake("relative key file", #"{"schemaVersion": 1, "vault": {"keyFile": "key.txt"}}"#, "vault.keyFile", "absolute"),
        Mistake("poll too fast", #"{"schemaVersion": 1, "usage": {"pollSeconds": 0}}"#, "usage.pollSeconds", "at least 1"),
        Mistake("wrong type", #"{"schemaVersion": 1, "network": {"timeoutSeconds": "30"}}"#, "network.timeoutSeconds"),
        Mistake(
            "oidc without client", #"{"schemaVersion": 1, "providers": {"acme": {"type": "oidc", "issuer": "https://a.example"}}}"#,
            "clientId"),
        Mistake("unsafe variable", #"{"schemaVersion": 1, "providers": {"codex": {"env": "LD_PRELOAD"}}}"#, "providers.codex.env"),
        Mistake(
            "redirect elsewhere", #"{"schemaVersion": 1, "providers": {"codex": {"redirectUri": "http://192.0.2.7/callback"}}}"#,
            "redirectUri"),
    ]

    @Test("A configuration with a mistake is exit 78 for every command, names the place, and nothing happens", arguments: mistakes)
    func mistake(_ mistake: Mistake) async throws {
        try await Scene.with { scene in
            let before = scene.home.stores()
            try scene.home.configure(mistake.text)
            for command in [["config", "validate"], ["auth", "list"], ["token", "codex"], ["auth", "login", "codex", "--no-open"]] {
                let outcome = try await scene.run(command + ["--json"])
                Refusal(78, "config_invalid", "config.json", "ai-usage-agent config validate").check(outcome)
                for word in mistake.words { #expect(outcome.complaint.contains(word), "\(word) in \(outcome)") }
            }
            Refusal(78, "config_invalid", "config.json").checkText(try await scene.run("config", "validate"))
            #expect(scene.home.stores() == before)
            try scene.configure(Scene.configuration)
            #expect(try await scene.run("token", "codex").status == 0)
        }
    }

    @Test("A configuration that others may write is refused with the command that repairs it")
    func writableByOthers() async throws {
        try await Scene.with { scene in
            try scene.home.change(mode: 0o666, of: scene.home.configurationFile)
            Refusal(78, "config_invalid", "chmod go-w").check(try await scene.run("auth", "list", "--json"))
            try scene.home.change(mode: 0o644, of: scene.home.configurationFile)
            #expect(try await scene.run("auth", "list").status == 0, "readable by others is the user's choice")
        }
    }

    @Test("A changed issuer gets no token: exit 78 and origin_changed, and undoing the change repairs it")
    func originChanged() async throws {
        try await Scene.with { scene in
            let other = try await DemoProvider()
            let text = try scene.home.text(scene.home.configurationFile)
            try scene.home.configure(text.replacing(scene.provider.base, other.base))
            Refusal(78, "origin_changed", "ai-usage-agent auth login codex").check(
                try await scene.run("auth", "refresh", "codex", "--json"))
            let usage = try await scene.run("usage", "codex", "--json")
            #expect(usage.status == 78, "\(usage)")
            let statistics = try await other.statistics()
            #expect(statistics["tokenRequests"] == 0 && statistics["usageRequests"] == 0)
            await other.stop()
            try scene.home.configure(text)
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test("A changed usage endpoint gets no token: the row says origin_changed, and neither server is asked")
    func usageOriginChanged() async throws {
        try await Scene.with { scene in
            let other = try await DemoProvider()
            let text = try scene.home.text(scene.home.configurationFile)
            let changed = text.replacing(scene.provider.base + "/backend-api", other.base + "/backend-api")
            try #require(changed != text)
            try scene.home.configure(changed)
            let usage = try await scene.run("usage", "codex", "--json")
            #expect(usage.status == 78 && usage.json["snapshots"].array?.first?["error"]["code"] == "origin_changed", "\(usage)")
            for provider in [other, scene.provider] {
                #expect(try await provider.statistics()["usageRequests"] == 0)
                #expect(try await provider.statistics()["authorizedRequests"] == 0)
            }
            await other.stop()
            try scene.home.configure(text)
            try await scene.require("usage", "codex", "--refresh")
            #expect(try await scene.provider.statistics()["authorizedRequests"] == 1)
        }
    }

    @Test("config init writes a file that config validate accepts, and never over an existing one without --force")
    func initialize() async throws {
        try await Scene.with(start: .empty) { scene in
            try scene.home.delete(scene.home.configurationFile)
            let outcome = try await scene.require("config", "init", "--json")
            #expect(outcome.json["path"].string == scene.home.configurationFile && outcome.json["written"] == true)
            let valid = try await scene.require("config", "validate", "--json")
            #expect(valid.json["valid"] == true)
            let template = try scene.home.read(scene.home.configurationFile)

            try scene.configure(Scene.configuration)
            let mine = try scene.home.read(scene.home.configurationFile)
            Refusal(64, "usage_error", "--force").check(try await scene.run("config", "init", "--json"))
            #expect(try scene.home.read(scene.home.configurationFile) == mine)
            try await scene.require("config", "init", "--force")
            #expect(try scene.home.read(scene.home.configurationFile) == template)
        }
    }

    @Test("config path prints the path also when the file is broken, and config show what is in force")
    func pathAndShow() async throws {
        try await Scene.with(start: .empty) { scene in
            let shown = try await scene.require("config", "show", "--json")
            #expect(shown.json["providers"]["codex"]["issuer"].string == scene.provider.base, "\(shown)")
            #expect(shown.json["network"]["timeoutSeconds"] == 30, "defaults included")
            try scene.home.configure("{broken")
            #expect(try await scene.require("config", "path").text == scene.home.configurationFile)
        }
    }
}
