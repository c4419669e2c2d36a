import Platform
import Providers
import Testing
import Vault

@testable import Agent

@Suite("What config init writes is what is in force without it")
struct ConfigurationTemplateTests {
    static func parse(_ text: String) throws(ConfigurationError) -> Configuration {
        let bytes = Array(text.utf8)
        return try ConfigurationReader(path: "config.json").parse(bytes.span)
    }

    @Test("The template is valid, and its values are the defaults")
    func template() throws {
        var read = try ConfigurationTemplateTests.parse(Configuration.template)
        // The two things it spells out: the order of identities, and that codex is on.
        #expect(read.identity == [.keyring, .systemdCredential, .keyFile, .passphrase])
        #expect(read.providers == ["codex": ProviderSettings()])
        read.identity = nil
        read.providers = [:]
        #expect(read == Configuration())
        #expect(Configuration.template.hasSuffix("}\n"))
    }

    @Test("The template names every setting")
    func complete() throws {
        let value = try JSONValue(parsing: Configuration.template)
        let inForce = Configuration().json
        for section in inForce.object?.members ?? [] where section.name != "providers" {
            for setting in section.value.object?.names ?? [] {
                #expect(value[section.name].object?[setting] != nil, "\(section.name).\(setting)")
            }
        }
    }

    @Test(
        "What config show prints can be read again and says the same",
        arguments: [
            Configuration.template, #"{"schemaVersion":1}"#,
            #"{"schemaVersion":1,"vault":{"passphraseCommand":["pass","aua"],"pinentry":"/usr/bin/pinentry"}}"#,
            #"{"schemaVersion":1,"vault":{"backend":"file","keyFile":"/k"},"usage":{"pollSeconds":9},"providers":{"codex":{"enabled":false,"redirectUri":"http://localhost:1455/x"}}}"#,
        ])
    func roundTrip(_ text: String) throws {
        let read = try ConfigurationTemplateTests.parse(text)
        #expect(try ConfigurationTemplateTests.parse(read.json.pretty) == read)
    }

    @Test(
        "A server of its own can be shown and read again",
        arguments: [
            #""redirectUri":"http://[::1]/cb""#,
            #""redirectUri":"http://127.0.0.1:80/cb","env":"A_B","scopes":[],"endpoints":{"usage":"https://x:8443/u?a=b"}"#,
            #""enabled":false"#,
        ])
    func roundTripOfServer(_ members: String) throws {
        let read = try ConfigurationTemplateTests.parse(
            #"{"schemaVersion":1,"providers":{"acme":{"type":"oidc","issuer":"https://id.example.org","clientId":"c",\#(members)}}}"#)
        #expect(try ConfigurationTemplateTests.parse(read.json.pretty) == read)
    }
}
