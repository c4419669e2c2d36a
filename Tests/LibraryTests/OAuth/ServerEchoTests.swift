import OAuth
import Platform
import Testing
import Vault

@Suite("What a server says back is passed on only where it cannot hold a secret of ours")
struct ServerEchoTests {
    @Test(
        "A refusal that repeats the refresh token is reported and remembered without it",
        arguments: [
            (400, #"{"error":"invalid_grant","error_description":"bad refresh token: rt-1"}"#),
            (400, #"{"error":"server_error","error_description":"RT-1 again"}"#),
            (401, #"{"error":{"code":"rt-1"}}"#),
        ])
    func refusal(_ status: Int, _ body: String) async throws {
        let house = try await VaultHouse()
        let account = try await house.expiredAccount()
        await house.server.expect(.reply(status, body))
        let error = try #require(await house.refusal(account))
        #expect(!error.description.lowercased().contains("rt-1"), "\(error)")
        #expect(try house.record(account)?.statusReason?.lowercased().contains("rt-1") != true)
    }

    @Test("A search for a secret ignores the case of ASCII letters and finds it at either end")
    func search() {
        func found(_ text: String, _ needle: String) -> Bool {
            let (text, needle) = (Array(text.utf8), Array(needle.utf8))
            return text.span.contains(needle.span)
        }
        #expect(found("xyzRT-1", "rt-1") && found("rt-1xyz", "RT-1") && found("rt-1", "rt-1"))
        #expect(!found("rt-", "rt-1") && !found("r-t1", "rt-1") && !found("anything", ""))
    }
}
