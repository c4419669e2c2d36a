import Platform
import Testing
import Vault

struct VaultPathsTests {
    private func resolve(_ variables: [String: String]) -> VaultPaths? { VaultPaths(ProcessEnvironment(variables)) }

    @Test("Without XDG variables everything stands below the home directory, and nothing in /tmp")
    func defaults() throws {
        let paths = try #require(resolve(["HOME": "/home/me"]))
        #expect(paths.data == "/home/me/.local/share/ai-usage-agent")
        #expect(paths.configuration == "/home/me/.config/ai-usage-agent")
        #expect(paths.state == "/home/me/.local/state/ai-usage-agent")
        #expect(paths.runtime == nil)
        #expect(paths.ignoredVariables.isEmpty)
        #expect(paths.metadataFile == "/home/me/.local/share/ai-usage-agent/auth.json")
        #expect(paths.sealedFile == "/home/me/.local/share/ai-usage-agent/secrets.age")
        #expect(paths.passphraseIdentityFile == "/home/me/.local/share/ai-usage-agent/identity.age")
        #expect(paths.defaultKeyFile == "/home/me/.config/ai-usage-agent/identity.txt")
        #expect(paths.configurationFile == "/home/me/.config/ai-usage-agent/config.json")
    }

    @Test("XDG variables move each directory by itself, and do without HOME when all are there")
    func variables() throws {
        var variables = ["XDG_DATA_HOME": "/d", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/run/user/1"]
        let all = try #require(resolve(variables))
        #expect([all.data, all.configuration, all.state] == ["/d/ai-usage-agent", "/c/ai-usage-agent", "/s/ai-usage-agent"])
        #expect(all.runtime == "/run/user/1/ai-usage-agent")
        variables["XDG_STATE_HOME"] = nil
        #expect(resolve(variables) == nil)
    }

    @Test(
        "A relative value is ignored and reported",
        arguments: [
            ("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "./config"), ("XDG_STATE_HOME", "../state"), ("XDG_RUNTIME_DIR", "run"),
            ("XDG_DATA_HOME", "~/data"),
        ])
    func relative(_ name: String, _ value: String) throws {
        let found = try #require(resolve(["HOME": "/home/me", name: value]))
        let plain = try #require(resolve(["HOME": "/home/me"]))
        #expect(found.ignoredVariables == [name])
        #expect(
            [found.data, found.configuration, found.state, found.runtime] == [plain.data, plain.configuration, plain.state, plain.runtime])
    }

    @Test("A slash at the end names the same place", arguments: ["/", "//"])
    func slashes(_ end: String) throws {
        let home = try #require(resolve(["HOME": "/home/me" + end]))
        #expect(
            home.data == "/home/me/.local/share/ai-usage-agent" && home.defaultKeyFile == "/home/me/.config/ai-usage-agent/identity.txt")
        let all = ["XDG_DATA_HOME": "/d", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/r"].mapValues { $0 + end }
        let found = try #require(resolve(all))
        #expect([found.data, found.state, found.runtime] == ["/d/ai-usage-agent", "/s/ai-usage-agent", "/r/ai-usage-agent"])
        #expect(resolve(["HOME": end])?.data == "/.local/share/ai-usage-agent")
    }

    @Test("An empty variable is an unset one, and a relative or missing home is none")
    func empty() throws {
        let found = try #require(resolve(["HOME": "/home/me", "XDG_DATA_HOME": "", "XDG_RUNTIME_DIR": ""]))
        #expect(found.data == "/home/me/.local/share/ai-usage-agent")
        #expect(found.runtime == nil)
        #expect(found.ignoredVariables.isEmpty)
        #expect(resolve([:]) == nil)
        #expect(resolve(["HOME": ""]) == nil)
        #expect(resolve(["HOME": "home/me"]) == nil)
    }
}
