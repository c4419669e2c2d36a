import Platform
import TestSupport
import Testing

@Suite("usage and status")
struct UsageTests {
    @Test("usage shows each window as a bar with its percentage and the credits")
    func text() async throws {
        try await Scene.with(["--used-session", "37", "--used-weekly", "12"]) { scene in
            let outcome = try await scene.require("usage")
            for word in ["codex", "ada@example.org", "37 %", "12 %", "resets in ", "credits: 12.50"] {
                #expect(outcome.text.contains(word), "\(word) in \(outcome)")
            }
            #expect(!outcome.text.contains("\u{1B}"), "no colour where no terminal is")
        }
    }

    @Test("A percentage that no provider should send is shown and ends nothing", arguments: ["1e300", "-1e300", "100.4"])
    func absurdPercentage(_ percent: String) async throws {
        try await Scene.with(["--used-session", percent]) { scene in
            #expect(try await scene.require("usage").text.contains("weekly"))
            try await scene.require("usage", "--json")
            try await scene.require("status")
        }
    }

    @Test("usage --json is one document with a snapshot of every account")
    func json() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", as: "bob")
            let outcome = try await scene.require("usage", "--json")
            #expect(outcome.json.object?.names == ["schemaVersion", "generatedAt", "snapshots"])
            let snapshots = try #require(outcome.json["snapshots"].array)
            #expect(snapshots.map { $0["account"]["email"].string } == ["ada@example.org", "bob@example.org"])
            for snapshot in snapshots {
                #expect(snapshot["usageWindows"].array?.map { $0["usedPercent"].number?.double } == [37, 12])
            }
            #expect(outcome.error.isEmpty)
        }
    }

    @Test("An account whose provider fails is a row with an error beside the others, and the exit code stays 0")
    func failingRow() async throws {
        try await Scene.with { scene in
            try await scene.login("codex", as: "bob")
            try await scene.provider.misbehave("usage-500", count: 1)
            let outcome = try await scene.require("usage", "--json")
            let snapshots = try #require(outcome.json["snapshots"].array)
            #expect(snapshots.count == 2)
            #expect(snapshots.filter { !$0["error"].isNull }.count == 1, "\(outcome)")
        }
    }

    @Test("When nothing but errors is there, usage exits like the first of them")
    func onlyErrors() async throws {
        try await Scene.with { scene in
            try await scene.provider.misbehave("usage-500", count: 5)
            #expect(try await scene.run("usage", "codex").status == 5)
        }
    }

    @Test("A 401 of the usage endpoint costs one refresh and one more try")
    func unauthorized() async throws {
        try await Scene.with { scene in
            try await scene.provider.misbehave("usage-401", count: 1)
            let outcome = try await scene.require("usage", "codex", "--json")
            #expect(outcome.json["snapshots"].array?.first?["error"].isNull == true, "\(outcome)")
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshRequests"] == 1 && statistics["usageRequests"] == 2, "\(statistics)")
        }
    }

    @Test("A usage endpoint that refuses for ever costs one refresh and no loop")
    func unauthorizedForEver() async throws {
        try await Scene.with { scene in
            try await scene.provider.misbehave("usage-401", count: 50)
            #expect(try await scene.run("usage", "codex").status == 3)
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshRequests"] == 1 && statistics["usageRequests"] == 2, "\(statistics)")
        }
    }

    @Test("status shows vault, account, token and windows on one screen")
    func statusText() async throws {
        try await Scene.with { scene in
            let outcome = try await scene.require("status")
            for word in ["vault", "file, opened by key-file", "ada@example.org", "active", "token ", "37 %"] {
                #expect(outcome.text.contains(word), "\(word) in \(outcome)")
            }
        }
    }

    @Test("status --json has vault, agent, accounts and snapshots")
    func statusJSON() async throws {
        try await Scene.with { scene in
            let json = try await scene.require("status", "--json").json
            #expect(json.object?.names == ["schemaVersion", "vault", "agent", "accounts", "snapshots"])
            #expect(json["vault"]["backend"] == "file" && json["vault"]["locked"] == false && json["vault"]["pending"] == 0)
            #expect(json["accounts"].array?.count == 1 && json["snapshots"].array?.count == 1)
        }
    }

    @Test("vault status has every documented key and asks nobody")
    func vaultStatus() async throws {
        try await Scene.with { scene in
            let json = try await scene.require("vault", "status", "--json").json
            let documented = [
                "schemaVersion", "backend", "backendReason", "identitySource", "locked", "generation", "accounts", "path", "keyFile",
                "pending", "findings",
            ]
            #expect(json.object?.names == documented)
            #expect(json["identitySource"] == "key-file" && json["keyFile"].string == scene.home.keyFile)
            #expect(json["accounts"] == 1 && json["generation"] == 1)
        }
    }

    @Test("Without a vault, usage, status and vault status say so and exit 0")
    func nothingYet() async throws {
        try await Scene.with(start: .empty) { scene in
            for command in [["usage"], ["status"], ["vault", "status"], ["status", "--json"], ["vault", "status", "--json"]] {
                let outcome = try await scene.run(command)
                #expect(outcome.status == 0, "\(outcome)")
            }
            #expect(!scene.home.exists(scene.home.data), "reading makes nothing")
        }
    }
}
