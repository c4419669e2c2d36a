import Platform
import TestSupport
import Testing

@Suite("token and auth refresh")
struct TokenTests {
    @Test("token prints the access token and nothing else, in each of its forms, without a request")
    func forms() async throws {
        try await Scene.with { scene in
            let issued = try #require(try await scene.provider.tokens().first)
            let plain = try await scene.require("token", "codex")
            #expect(plain.output == Array((issued + "\n").utf8))
            #expect(plain.error.isEmpty)
            #expect(try await scene.require("token", "codex", "--header").text == "Authorization: Bearer " + issued)
            #expect(try await scene.require("token", "openai-codex").text == issued, "the alias of codex")

            let json = try await scene.require("token", "codex", "--json").json
            let documented = [
                "schemaVersion", "provider", "accountId", "accountKey", "providerAccountId", "accessToken", "tokenType", "expiresAt",
            ]
            #expect(json.object?.names == documented)
            #expect(json["accessToken"].string == issued)
            #expect(json["tokenType"] == "Bearer")
            #expect(json["providerAccountId"].string?.isEmpty == false)
            #expect(try await scene.provider.statistics()["refreshRequests"] == 0)
        }
    }

    @Test("token says the same whether its line is one of those that are read by hand or goes through the parser")
    func lines() async throws {
        try await Scene.with { scene in
            let served = [
                ["codex"], ["codex", "--json"], ["--json", "codex"], ["codex", "--header"], ["openai-codex"],
                ["codex", "--account", "ada"],
                ["--account", "ada@example.org", "codex", "--header"],
            ]
            let refused: [(line: [String], status: Int32)] = [
                (["codex", "--account", "nobody"], 3), (["codex", "--account", "nobody", "--json"], 3), (["nosuch"], 64),
                (["nosuch", "--json"], 64), ([], 64), (["codex", "extra"], 64), (["codex", "--header", "--json"], 64),
                (["codex", "--account"], 64), (["codex", "--account", "--json"], 64), (["--nosuch", "codex"], 64), ([""], 64),
            ]
            for (line, status) in served.map({ ($0, Int32(0)) }) + refused {
                let plain = try await scene.run(["token"] + line)
                // An option that changes nothing, and that the quick reading does not know.
                let parsed = try await scene.run(["token", "--no-color"] + line)
                #expect(plain.status == status, "\(plain)")
                #expect(parsed.status == status && plain.output == parsed.output, "\(plain)\n\(parsed)")
                #expect(plain.errorText == parsed.errorText, "\(plain)\n\(parsed)")
            }
            #expect(
                try await scene.run("token", "codex", "--account", "").status
                    == scene.run("token", "--no-color", "codex", "--account", "").status)
            #expect(try await scene.run("token", "--help").text.contains("USAGE"))
        }
    }

    @Test("--min-ttl never makes a loop: a token that is a moment old is handed out however long it is asked to live")
    func minimumTime() async throws {
        try await Scene.with { scene in
            let issued = try #require(try await scene.provider.tokens().first)
            for seconds in ["0", "60", "1000000"] {
                #expect(try await scene.require("token", "codex", "--min-ttl", seconds).text == issued)
            }
            #expect(try await scene.provider.statistics()["refreshRequests"] == 0)
        }
    }

    @Test("An expired token is refreshed once, and the next call needs no request")
    func expired() async throws {
        try await Scene.with(start: .vault) { scene in
            try await scene.loginExpired()
            let old = try #require(try await scene.provider.tokens().first)
            let first = try await scene.require("token", "codex")
            #expect(first.text != old)
            #expect(try await scene.provider.tokens().contains(first.text))
            #expect(try await scene.require("token", "codex").text == first.text)
            #expect(try await scene.provider.statistics()["refreshRequests"] == 1)
            #expect(try await scene.provider.statistics()["rotations"] == 1)
        }
    }

    @Test("auth refresh makes exactly one request and answers the documented document")
    func refresh() async throws {
        try await Scene.with { scene in
            let old = try await scene.require("token", "codex").text
            let outcome = try await scene.require("auth", "refresh", "codex", "--json")
            let result = try #require(outcome.json["results"].array?.first)
            #expect(result["action"] == "refreshed" && result["status"] == "active")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshRequests"] == 1 && statistics["refreshGrants"] == 1, "\(statistics)")
            #expect(try await scene.require("token", "codex").text != old)
            let account = try await scene.require("auth", "list", "--json").json["accounts"].array?.first
            #expect(account?["lastRefreshAt"].string.flatMap(Timestamp.init) != nil)
        }
    }

    @Test("auth refresh says for people what it did, without the token")
    func refreshText() async throws {
        try await Scene.with { scene in
            let outcome = try await scene.require("auth", "refresh", "codex")
            #expect(outcome.text.hasPrefix("refreshed ada@example.org (plus); the new token lives "))
        }
    }

    @Test("Rotation goes on: ten refreshes in a row spend ten different refresh tokens")
    func chain() async throws {
        try await Scene.with { scene in
            for _ in 0..<10 { try await scene.require("auth", "refresh", "codex") }
            let statistics = try await scene.provider.statistics()
            #expect(statistics["rotations"] == 10)
            #expect(statistics["bodiesSeenTwice"] == 0 && statistics["refused"] == 0)
        }
    }
}
