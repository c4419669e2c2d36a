import OAuth
import Platform
import Providers
import Testing
import Vault

@testable import Agent

@Suite("config.json is read strictly: a setting is in force or it is an error that names it")
struct ConfigurationReaderTests {
    static func parse(_ text: String) throws(ConfigurationError) -> Configuration {
        let bytes = Array(text.utf8)
        return try ConfigurationReader(path: "/c/config.json").parse(bytes.span)
    }

    static func refusal(_ text: String) -> ConfigurationError? {
        do throws(ConfigurationError) {
            _ = try parse(text)
            return nil
        } catch { return error }
    }

    static func with(_ member: String) -> String { #"{"schemaVersion":1,\#(member)}"# }

    static func acme(_ members: String) -> String {
        with(
            #""providers":{"acme":{"type":"oidc","issuer":"https://id.example.org","clientId":"cli"\#(members.isEmpty ? "" : "," + members)}}"#
        )
    }

    @Test("Every setting takes a good value")
    func good() throws {
        let read = try ConfigurationReaderTests.parse(
            ConfigurationReaderTests.with(
                #"""
                "vault":{"backend":"file","identity":["key-file","passphrase"],"keyFile":"/k/id.txt","passphraseCommand":["pass","show","aua"],"allowNetworkFilesystem":true},
                "network":{"proxy":"http://proxy:8080","caFile":"/ca.pem","timeoutSeconds":5},
                "agent":{"idleLockSeconds":60,"lifetimeSeconds":3600},"usage":{"pollSeconds":1,"historyDays":0},
                "providers":{"codex":{"enabled":false,"clientId":"x","issuer":"https://gw.example"},"claude":{"webSession":true},
                 "acme":{"type":"oidc","issuer":"https://id.example.org","clientId":"cli","scopes":["openid"],"redirectUri":"http://127.0.0.1:7777/cb","env":"ACME_TOKEN",
                  "endpoints":{"token":"https://id.example.org/t","usage":"http://localhost:9/u","authorization":null}}}
                """#))
        #expect(read.backend == .file)
        #expect(read.identity == [.keyFile, .passphrase])
        #expect(read.keyFile == "/k/id.txt")
        #expect(read.passphraseCommand == ["pass", "show", "aua"])
        #expect(read.allowNetworkFilesystem)
        #expect(read.proxy == "http://proxy:8080")
        #expect(read.caFile == "/ca.pem")
        #expect(read.timeoutSeconds == 5)
        #expect(read.idleLockSeconds == 60)
        #expect(read.lifetimeSeconds == 3600)
        #expect(read.pollSeconds == 1)
        #expect(read.historyDays == 0)
        #expect(read.providers["codex"]?.isEnabled == false)
        #expect(read.providers["codex"]?.issuer == "https://gw.example")
        let acme = try #require(read.providers["acme"])
        #expect(acme.isEnabled)
        #expect(acme.scopes == ["openid"])
        #expect(acme.redirect?.ports == [7777])
        #expect(acme.environmentVariable == "ACME_TOKEN")
        #expect(acme.endpoints.mapValues(\.description) == ["token": "https://id.example.org/t", "usage": "http://localhost:9/u"])
    }

    @Test(
        "Nothing but a version, nulls and comments at every level are the defaults",
        arguments: [
            #"{"schemaVersion":1}"#,
            #" {"// note":[1],"schemaVersion":1.0,"vault":null,"network":null,"agent":null,"usage":null,"providers":null} "#,
            #"{"schemaVersion":1,"//":1,"vault":{"// a":"x","keyFile":null,"identity":null},"network":{"//proxy":5,"proxy":null,"timeoutSeconds":null},"agent":{"//":1},"usage":{"// pollSeconds":0},"providers":{"// acme":{"type":"x"}}}"#,
        ])
    func defaults(_ text: String) throws {
        #expect(try ConfigurationReaderTests.parse(text) == Configuration())
    }

    /// A file that cannot be used, the key that is named and a word of the reason.
    static let bad: [(String, String, String)] = [
        ("{}", "schemaVersion", "is missing"), (#"{"schemaVersion":"1"}"#, "schemaVersion", "is missing"),
        (#"{"schemaVersion":2}"#, "schemaVersion", "is 2"),
        (#"{"schemaVersion":0}"#, "schemaVersion", "is 0"), ("[]", "the file", "no object"), ("null", "schemaVersion", "is missing"),
        // Misspelt, at every level.
        (with(#""vualt":{}"#), "vualt", #"did you mean "vault"?"#),
        (with(#""vault":{"keyfile":"/x"}"#), "vault.keyfile", #"did you mean "keyFile"?"#),
        (with(#""network":{"timeoutSecond":1}"#), "network.timeoutSecond", #"did you mean "timeoutSeconds"?"#),
        (with(#""agent":{"idleLock":1}"#), "agent.idleLock", "is no setting"),
        (with(#""usage":{"pollSecond":1}"#), "usage.pollSecond", #"did you mean "pollSeconds"?"#),
        (with(#""providers":{"codex":{"enable":true}}"#), "providers.codex.enable", #"did you mean "enabled"?"#),
        (acme(#""clientID":"x""#), "providers.acme.clientID", #"did you mean "clientId"?"#),
        (acme(#""endpoints":{"tokens":"https://x"}"#), "providers.acme.endpoints.tokens", #"did you mean "token"?"#),
        (with(#""zzzzzzzzzzzz":1"#), "zzzzzzzzzzzz", "known: schemaVersion, vault"),
        (with(#""providers":{"codex":{"type":"oidc"}}"#), "providers.codex.type", "is no setting"),
        (with(#""providers":{"codex":{"webSession":true}}"#), "providers.codex.webSession", "is no setting"),
        // vault
        (with(#""vault":[]"#), "vault", "is no object"),
        (with(#""vault":{"backend":"disk"}"#), "vault.backend", "must be auto, keyring or file"),
        (with(#""vault":{"backend":5}"#), "vault.backend", "must be a text"),
        (with(#""vault":{"identity":["keyfile"]}"#), "vault.identity", "known: keyring"),
        (with(#""vault":{"identity":[]}"#), "vault.identity", "empty"),
        (with(#""vault":{"identity":["keyring","keyring"]}"#), "vault.identity", "twice"),
        (with(#""vault":{"identity":"keyring"}"#), "vault.identity", "list of texts"),
        (with(#""vault":{"identity":[1]}"#), "vault.identity", "list of texts"),
        (with(#""vault":{"keyFile":"id.txt"}"#), "vault.keyFile", "absolute"),
        (with(#""vault":{"keyFile":""}"#), "vault.keyFile", "not empty"),
        (with(#""vault":{"passphraseCommand":[]}"#), "vault.passphraseCommand", "empty"),
        (with(#""vault":{"passphraseCommand":"pass show"}"#), "vault.passphraseCommand", "list of texts"),
        (with(#""vault":{"allowNetworkFilesystem":"yes"}"#), "vault.allowNetworkFilesystem", "true or false"),
        // network, agent, usage
        (with(#""network":{"caFile":"ca.pem"}"#), "network.caFile", "absolute"),
        (with(#""network":{"timeoutSeconds":0}"#), "network.timeoutSeconds", "at least 1"),
        (with(#""network":{"timeoutSeconds":1.5}"#), "network.timeoutSeconds", "whole number"),
        (with(#""network":{"timeoutSeconds":"30"}"#), "network.timeoutSeconds", "whole number"),
        (with(#""network":{"timeoutSeconds":1e300}"#), "network.timeoutSeconds", "whole number"),
        (with(#""network":{"proxy":7}"#), "network.proxy", "must be a text"),
        (with(#""agent":{"idleLockSeconds":0}"#), "agent.idleLockSeconds", "at least 1"),
        (with(#""agent":{"lifetimeSeconds":-1}"#), "agent.lifetimeSeconds", "at least 1"),
        (with(#""usage":{"pollSeconds":0}"#), "usage.pollSeconds", "at least 1"),
        (with(#""usage":{"pollSeconds":-300}"#), "usage.pollSeconds", "at least 1"),
        (with(#""usage":{"historyDays":-1}"#), "usage.historyDays", "at least 0"),
        // providers
        (with(#""providers":{"openai-codex":{}}"#), "providers.openai-codex", "write codex"),
        (with(#""providers":{"a b":{}}"#), "providers.a b", "no provider name"),
        (with(#""providers":{"":{}}"#), "providers.", "no provider name"),
        (with(#""providers":{"../x":{}}"#), "providers.../x", "no provider name"),
        (with(#""providers":{"acme":{"clientId":"c","issuer":"https://x"}}"#), "providers.acme.type", #"must be "oidc""#),
        (with(#""providers":{"acme":{"type":"saml","clientId":"c","issuer":"https://x"}}"#), "providers.acme.type", #"must be "oidc""#),
        (with(#""providers":{"acme":{"type":"oidc","issuer":"https://x"}}"#), "providers.acme.clientId", "is missing"),
        (with(#""providers":{"acme":{"type":"oidc","clientId":"c"}}"#), "providers.acme.issuer", "is missing"),
        (
            with(#""providers":{"acme":{"type":"oidc","clientId":"c","endpoints":{"token":"https://x/t"}}}"#), "providers.acme.issuer",
            "is missing"
        ),
        (with(#""providers":{"codex":{"issuer":"http://gw.example"}}"#), "providers.codex.issuer", "only over https"),
        (with(#""providers":{"codex":{"issuer":"gw.example"}}"#), "providers.codex.issuer", "no http(s) address"),
        (acme(#""endpoints":{"token":"http://id.example.org/t"}"#), "providers.acme.endpoints.token", "only over https"),
        (acme(#""endpoints":{"usage":"http://127.0.0.1.evil.example/u"}"#), "providers.acme.endpoints.usage", "only over https"),
        (acme(#""endpoints":{"usage":"ftp://x"}"#), "providers.acme.endpoints.usage", "no http(s) address"),
        (acme(#""endpoints":{"usage":"https://u:p@x/"}"#), "providers.acme.endpoints.usage", "no http(s) address"),
        (acme(#""endpoints":[]"#), "providers.acme.endpoints", "is no object"),
        (acme(#""scopes":"openid""#), "providers.acme.scopes", "list of texts"),
        (acme(#""enabled":1"#), "providers.acme.enabled", "true or false"),
        (with(#""providers":{"claude":{"webSession":"yes"}}"#), "providers.claude.webSession", "true or false"),
        // A key of ours that holds a terminal escape is shown harmless.
        (with("\"\\u001b[2J\":1"), "\\u{1b}[2J", "is no setting"),
    ]

    @Test("Everything else is an error that names the key and says what would be right", arguments: bad)
    func refused(_ text: String, _ key: String, _ reason: String) {
        let error = ConfigurationReaderTests.refusal(text)
        #expect(error?.key == key)
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "accepted")")
        #expect(error?.description.hasPrefix("/c/config.json: \(key) ") == true)
    }

    @Test(
        "A file that is no JSON is named with line and column",
        arguments: [
            ("{\n \"schemaVersion\": 1,\n}", 3), ("", 1), ("{\"schemaVersion\": 1\n\n\"vault\": {}}", 3), ("// comment\n{}", 1),
            ("{\"schemaVersion\":1,\n\"schemaVersion\":1}", 2),
        ])
    func malformed(_ text: String, _ line: Int) {
        let error = ConfigurationReaderTests.refusal(text)
        #expect(error?.key == nil)
        #expect(error?.reason.hasPrefix("line \(line), column ") == true, "\(error?.reason ?? "accepted")")
    }

    /// redirectUri, and the redirect it gives as an address; nil where it is refused.
    static let redirects: [(String, String?)] = [
        ("http://127.0.0.1/callback", "127.0.0.1 /callback []"), ("http://127.0.0.1:8765/cb", "127.0.0.1 /cb [8765]"),
        ("http://localhost:1455/auth/callback", "localhost /auth/callback [1455]"),
        ("http://localhost", "localhost / []"), ("http://[::1]/cb", "[::1] /cb []"), ("http://[::1]:9000/cb", "[::1] /cb [9000]"),
        ("http://127.0.0.1:80/cb", "127.0.0.1 /cb [80]"),
        ("http://127.0.0.1/a:b", "127.0.0.1 /a:b []"), ("https://127.0.0.1/cb", nil), ("http://example.org/cb", nil),
        ("http://0.0.0.0/cb", nil), ("http://127.0.0.1/cb?x=1", nil),
        ("http://127.0.0.1/cb#x", nil), ("http://127.0.0.1:0/cb", nil), ("http://127.0.0.1:70000/cb", nil), ("myapp://callback", nil),
        ("http://localhost.evil.example/cb", nil),
        ("127.0.0.1/cb", nil), ("http://127.0.0.1:/cb", nil),
    ]

    @Test("A redirect URI is http on loopback; without a port any port will do, with one only that", arguments: redirects)
    func redirect(_ text: String, _ expected: String?) {
        let file = ConfigurationReaderTests.acme(#""redirectUri":"\#(text)""#)
        let rule = (try? ConfigurationReaderTests.parse(file))?.providers["acme"]?.redirect
        #expect(rule.map { "\($0.host) \($0.path) \($0.ports)" } == expected)
        if expected == nil { #expect(ConfigurationReaderTests.refusal(file)?.key == "providers.acme.redirectUri") }
    }

    @Test(
        "A variable's name is upper case and steers no loader",
        arguments: [
            ("ACME_TOKEN", true), ("_X", true), ("A1", true), ("A", true), ("acme", false), ("1A", false), ("A-B", false), ("A B", false),
            ("A=B", false), ("Ä", false), ("PATH", false),
            ("HOME", false), ("IFS", false), ("LD_PRELOAD", false), ("LD_LIBRARY_PATH", false), ("AI_USAGE_AGENT_X_TOKEN", false),
        ])
    func variable(_ name: String, _ isGood: Bool) {
        let error = ConfigurationReaderTests.refusal(ConfigurationReaderTests.acme(#""env":"\#(name)""#))
        #expect((error == nil) == isGood)
        if !isGood { #expect(error?.key == "providers.acme.env") }
    }

    @Test("A server without an issuer is complete with its two endpoints")
    func endpointsInstead() throws {
        let read = try ConfigurationReaderTests.parse(
            ConfigurationReaderTests.with(
                #""providers":{"acme":{"type":"oidc","clientId":"c","endpoints":{"authorization":"https://x/a","token":"http://[::1]:8080/t"}}}"#
            ))
        #expect(read.providers["acme"]?.endpoints["token"]?.origin == "http://[::1]:8080")
    }

    @Test("No file is the defaults; a file that others may write is refused")
    func file() throws {
        let scratch = try OAuthScratch()
        let path = scratch.path + "/config.json"
        #expect(try ConfigurationReader(path: path).read() == Configuration())
        #expect(try ConfigurationReader(path: scratch.path + "/none/config.json").read() == Configuration())
        let directory = try PrivateDirectory.open(scratch.path)
        try directory.replace("config.json", with: Array(#"{"schemaVersion":1,"usage":{"pollSeconds":7}}"#.utf8).span)
        #expect(try ConfigurationReader(path: path).read().pollSeconds == 7)
        try scratch.chmod("config.json", 0o666)
        #expect(throws: ConfigurationError.self) { try ConfigurationReader(path: path).read() }
        try scratch.chmod("config.json", 0o644)
        #expect(try ConfigurationReader(path: path).read().pollSeconds == 7)
    }
}
