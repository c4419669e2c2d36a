import Platform
import TestSupport
import Testing

@Suite("auth login --manual")
struct PasteTests {
    enum Form: String, CaseIterable {
        case address, codeAndState, query, questionMark, bareCode

        func text(_ callback: String) -> String {
            let query = String(callback.split(separator: "?", maxSplits: 1)[1])
            let fields = WebAddress.decodeForm(query) ?? [:]
            return switch self {
            case .address: callback
            case .codeAndState: "\(fields["code"] ?? "")#\(fields["state"] ?? "")"
            case .query: query
            case .questionMark: "?" + query
            case .bareCode: fields["code"] ?? ""
            }
        }
    }

    @Test("The callback is accepted from standard input in every form people paste", arguments: Form.allCases)
    func forms(_ form: Form) async throws {
        try await Scene.with(start: .vault) { scene in
            let login = try await scene.startLogin("codex", ["--manual"], input: .open)
            login.child.write("  " + form.text(try await login.callback()) + "\r\n")
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.errorText.contains("could not be checked") == (form == .bareCode), "a bare code is accepted with a warning")
            #expect(try await scene.run("token", "codex").status == 0)
        }
    }

    @Test("A useless paste is said to be one, and the next line still counts")
    func secondLine() async throws {
        try await Scene.with(start: .vault) { scene in
            let login = try await scene.startLogin("codex", ["--manual"], input: .open)
            let callback = try await login.callback()
            login.child.write("http://example.org/nothing\n" + callback.replacing("state=", "state=x") + "\n\n" + callback + "\n")
            let outcome = await login.child.finish()
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.errorText.split(separator: "\n").count { $0.hasPrefix("that did not help") } == 3)
        }
    }

    @Test(
        "A malformed paste and nothing behind it is exit 64 and stores nothing",
        arguments: [
            "", "\n", "not a callback\n", "http://127.0.0.1/callback\n", "http://127.0.0.1/other?code=abcd&state=x\n", "state=only\n",
            "code=abcd&state=wrong\n", "abcd#wrong\n",
        ])
    func malformed(_ paste: String) async throws {
        try await Scene.with(start: .vault) { scene in
            let before = scene.home.stores()
            let outcome = try await scene.run("auth", "login", "codex", "--manual", "--json", input: .bytes(Array(paste.utf8)))
            #expect(outcome.status == 64, "\(outcome)")
            #expect(outcome.errorCode == "usage_error")
            #expect(outcome.complaint.contains("paste the whole address"))
            #expect(scene.home.stores() == before)
            #expect(try await scene.provider.statistics()["tokenRequests"] == 0)
        }
    }

    @Test("A pasted refusal with the right state is exit 3")
    func denied() async throws {
        try await Scene.with(["--deny"], start: .vault) { scene in
            let login = try await scene.startLogin("codex", ["--manual", "--json"], input: .open)
            login.child.write(try await login.callback() + "\n")
            let outcome = await login.child.finish()
            #expect(outcome.status == 3 && outcome.errorCode == "access_denied", "\(outcome)")
        }
    }
}
