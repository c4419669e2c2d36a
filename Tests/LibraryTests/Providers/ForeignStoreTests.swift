import Platform
import Testing

@testable import Providers

@Suite("What the stores of other programs say")
struct ForeignStoreTests {
    @Test("A refusal cannot drive a terminal and has an end, whatever the other program calls its login")
    func hostileNames() throws {
        let name = #"\u001b[2J\u202e"# + String(repeating: "x", count: 5000)
        for access in [#""""#, #""openclaw-oauth-refresh-fence:v1:x""#, #""not a token""#] {
            let text = #"{"version":1,"profiles":{"\#(name)":{"type":"oauth","provider":"openai","access":\#(access)}}}"#
            let reading = ForeignStore.read(.openclaw, try JSONDocument(SecretBytes(text)))
            let refusal = try #require(reading.refusals.first)
            #expect(refusal.hasPrefix(#"\u{1b}[2J\u{202e}xxx"#))
            #expect(refusal.count < 250)
        }
    }
}
