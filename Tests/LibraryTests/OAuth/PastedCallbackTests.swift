import Platform
import Testing

@testable import OAuth

@Suite("A pasted callback is held to the same state as one that came to the listener")
struct PastedCallbackTests {
    static let state = "St4te-of-the-login"
    static let page = "http://localhost:1455/auth/callback"

    /// What was pasted, and what comes of it.
    static let pastes: [(String, String)] = [
        ("\(page)?code=abcd&state=\(state)", "abcd checked"), ("  \(page)?code=abcd&state=\(state)\r\n", "abcd checked"),
        ("HTTP://LOCALHOST:1455/auth/callback?state=\(state)&code=a%2Fb&scope=x+y", "a/b checked"),
        ("https://localhost/auth/callback?code=abcd&state=\(state)", "abcd checked"),
        ("abcd#\(state)", "abcd checked"), ("\tabcd#\(state) ", "abcd checked"), ("code=abcd&state=\(state)", "abcd checked"),
        ("state=\(state)&code=abcd", "abcd checked"), ("?code=abcd&state=\(state)", "abcd checked"),
        ("ac_0123456789abcdef", "ac_0123456789abcdef unchecked"), ("abcd", "rejected"), ("yes", "rejected"),
        ("ac_-.~+/4711aBcDeFgHiJ", "ac_-.~+/4711aBcDeFgHiJ unchecked"),
        ("\(page)?error=access_denied&state=\(state)", "denied access_denied"),
        ("error=access_denied&state=\(state)", "denied access_denied"),
        ("?error=access_denied&error_description=x&state=\(state)", "denied access_denied"),
        ("\(page)?error=access_denied", "rejected"), ("error=access_denied&state=wrong", "rejected"),
        ("\(page)?code=abcd", "rejected"), ("\(page)?code=abcd&state=wrong", "rejected"),
        ("\(page)?code=abcd&state=\(state)&state=\(state)", "rejected"),
        ("\(page)?code=abcd&code=efgh&state=\(state)", "rejected"), ("\(page)?state=\(state)", "rejected"),
        ("\(page)?code=%zz&state=\(state)", "rejected"),
        ("\(page)", "rejected"), ("\(page)?", "rejected"), ("http://localhost:1455/?code=abcd&state=\(state)", "rejected"),
        ("http://localhost:1455/auth/callback/x?code=abcd&state=\(state)", "rejected"),
        ("http://localhost:1455/authorize?code=abcd&state=\(state)", "rejected"),
        ("http://", "rejected"), ("http://a b/auth/callback?code=abcd&state=\(state)", "rejected"),
        ("https://user@localhost/auth/callback?code=abcd&state=\(state)", "rejected"),
        ("abcd#wrong", "rejected"), ("abcd#", "rejected"), ("#\(state)", "rejected"), ("abcd#\(state)#x", "rejected"),
        ("a#b#c", "rejected"),
        ("code=&state=\(state)", "rejected"), ("code=abcd", "rejected"), ("x=y", "rejected"), ("=", "rejected"), ("?", "rejected"),
        ("", "rejected"), ("   ", "rejected"), ("\r\n", "rejected"), ("abc", "rejected"), ("ab cd", "rejected"),
        ("abcd\u{1B}[2J", "rejected"), ("äbcd", "rejected"),
        (String(repeating: "a", count: 4097), "rejected"), ("javascript:alert(1)//", "javascript:alert(1)// unchecked"),
    ]

    @Test("A whole address, code#state, code=…&state=…, ?… and a bare code are understood, and nothing else", arguments: pastes)
    func paste(_ line: String, _ expected: String) {
        let verdict = PastedCallback.judge(
            line, CallbackFields(state: PastedCallbackTests.state, issuer: nil, issuerIsRequired: false),
            path: "/auth/callback")
        #expect(PastedCallbackTests.word(verdict) == expected)
    }

    @Test(
        "The issuer of a pasted address is compared as well (RFC 9207)",
        arguments: [("&iss=https%3A%2F%2Fa.example", "abcd checked"), ("&iss=https%3A%2F%2Fb.example", "rejected"), ("", "rejected")])
    func issuer(_ field: String, _ expected: String) {
        let fields = CallbackFields(state: PastedCallbackTests.state, issuer: "https://a.example", issuerIsRequired: true)
        let verdict = PastedCallback.judge(
            "code=abcd&state=\(PastedCallbackTests.state)\(field)", fields, path: "/")
        #expect(PastedCallbackTests.word(verdict) == expected)
    }

    @Test(
        "A rejected paste is never repeated in the reason",
        arguments: ["MARKER#MARKER", "code=MARKER", "http://x/MARKER?code=MARKER", "MARKER MARKER"])
    func noEcho(_ line: String) {
        let verdict = PastedCallback.judge(
            line, CallbackFields(state: "s", issuer: nil, issuerIsRequired: false),
            path: "/cb")
        guard case .rejected(let reason) = verdict else {
            Issue.record("it was accepted")
            return
        }
        #expect(!reason.isEmpty)
        #expect(!reason.contains("MARKER"))
    }

    static func word(_ verdict: CallbackFields.Verdict) -> String {
        switch verdict {
        case .rejected: "rejected"
        case .accepted(.denied(let error, _)): "denied \(error)"
        case .accepted(.code(let box, let checked)): "\(oauthText(optional: box.take()) ?? "spent") \(checked ? "checked" : "unchecked")"
        }
    }
}
