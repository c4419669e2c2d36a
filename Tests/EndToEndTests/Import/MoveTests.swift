import Glibc
import Platform
import TestSupport
import Testing

@Suite("auth import --move: a login changes hands")
struct MoveTests {
    private func path(_ scene: Scene, _ it: ForeignStoreCase) -> String { scene.home.path + "/" + it.file }

    @Test(
        "The source is logged out with every other byte kept, the server sees one refresh, and the next token works",
        arguments: ForeignStoreCase.all)
    func moves(_ it: ForeignStoreCase) async throws {
        try await Scene.with(["--grace", "0"], start: .vault) { scene in
            let grant = try await scene.foreignGrant()
            try scene.home.plant(it.text(grant), at: it.file)
            let outcome = try await scene.require("auth", "import", it.program, "--move", "--json")
            let row = outcome.json["results"].array?.first ?? .null
            #expect(row["action"] == "moved" && row["status"] == "active", "\(outcome)")
            #expect(row["warning"].string?.contains("logged out") == true && outcome.errorText.contains("logged out"))
            #expect(try scene.home.text(path(scene, it)) == it.loggedOut(grant))
            #expect(try scene.home.entries().first { $0.path == path(scene, it) }?.mode == 0o600)

            let token = try await scene.require("token", "codex").text
            #expect(token != grant.access)
            let statistics = try await scene.provider.statistics()
            #expect(statistics["refreshRequests"] == 1 && statistics["rotations"] == 1 && statistics["reused"] == 0, "\(statistics)")
            let listed = try await scene.require("auth", "list", "--json").json["accounts"].array?.first ?? .null
            #expect(listed["source"].string == "import:" + it.program && listed["refreshable"] == true && listed["status"] == "active")
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.provider.statistics()["reused"] == 0)
            let left = try scene.home.entries().map(\.path).filter { $0.hasSuffix(".lock") || $0.contains("/.tmp-") }
            #expect(left == [], "no lock and no unfinished file of ours is left there")
            let again = try await scene.run("auth", "import", it.program, "--move", "--json")
            #expect(again.status == 3 && again.errorCode == "login_required", "\(again)")
        }
    }

    @Test("A reference becomes a login of the vault by a move, with the same id")
    func fromReference() async throws {
        try await Scene.with(start: .vault) { scene in
            let grant = try await scene.foreignGrant()
            try scene.home.plant(grant.codex, at: ".codex/auth.json")
            let first = try await scene.require("auth", "import", "codex", "--json").json["results"].array?.first
            let second = try await scene.require("auth", "import", "codex", "--move", "--json").json["results"].array?.first
            #expect(first?["accountId"] == second?["accountId"] && second?["action"] == "moved")
            #expect(try await scene.require("auth", "list", "--json").json["accounts"].array?.count == 1)
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test("A store that cannot be blanked keeps its login: it stays a reference, and nothing is spent")
    func notBlanked() async throws {
        try await Scene.with(start: .vault) { scene in
            let grant = try await scene.foreignGrant()
            try scene.home.plant(grant.codex, at: ".codex/auth.json")
            // A folder that others may write is none to put a file into.
            try scene.home.change(mode: 0o777, of: scene.home.path + "/.codex")
            let requests = try await scene.provider.statistics()["tokenRequests"]
            let outcome = try await scene.require("auth", "import", "codex", "--move", "--json")
            let row = outcome.json["results"].array?.first ?? .null
            #expect(row["action"] == "added" && row["warning"].string?.contains("stays a reference") == true, "\(outcome)")
            #expect(try scene.home.text(scene.home.path + "/.codex/auth.json") == grant.codex)
            #expect(try await scene.contents().bundles.isEmpty, "the sealed copy is gone")
            #expect(try await scene.require("token", "codex").text == grant.access)
            #expect(try await scene.run("auth", "refresh", "codex").status == 3)
            let again = try await scene.require("auth", "import", "codex", "--move", "--json").json["results"].array?.first
            #expect(again?["action"] == "updated" && again?["accountId"] == row["accountId"], "it keeps its id")
            #expect(try await scene.provider.statistics()["tokenRequests"] == requests)
        }
    }

    @Test("A login that several stores hold is not moved: a copy would stay behind")
    func copies() async throws {
        try await Scene.with(start: .vault) { scene in
            let grant = ForeignGrant.synthetic("ada")
            for agent in ["main", "second"] {
                try scene.home.plant(grant.openclaw, at: ".openclaw/agents/\(agent)/agent/auth-profiles.json")
            }
            let before = try scene.home.snapshot()
            let refused = try await scene.run("auth", "import", "openclaw", "--move", "--json")
            #expect(refused.status == 64 && refused.complaint.contains("/main/") && refused.complaint.contains("/second/"), "\(refused)")
            #expect(try scene.home.snapshot() == before)
            #expect(try await scene.require("auth", "import", "openclaw", "--json").json["results"].array?.first?["action"] == "added")
        }
    }

    /// Killed as it enters a call on the store's folder: before the new file has its name, and behind it.
    @Test(
        "A kill between sealing and blanking, or behind it, leaves one program that refreshes; the next run finishes the move",
        .enabled(if: Scene.canStrike, "needs strace, and root to attach it"), arguments: ["renameat", "fsync"])
    func killed(_ call: String) async throws {
        try await Scene.with(["--grace", "0"], start: .vault) { scene in
            let grant = try await scene.foreignGrant()
            try scene.home.plant(grant.codex, at: ".codex/auth.json")
            let folder = scene.home.path + "/.codex"
            let requests = try await scene.provider.statistics()["tokenRequests"]
            let killed = try await scene.run("auth", "import", "codex", "--move", through: strace(scene, call, folder))
            #expect(killed.status != 0, "\(killed)")
            let isBlank = try scene.home.text(folder + "/auth.json") != grant.codex
            let trace = try scene.home.text(scene.home.path + "/trace")
            #expect(isBlank == (call == "fsync"), "\(trace)")

            // Nobody is asked to refresh by us, and it is said.
            let token = try await scene.run("token", "codex")
            #expect(token.status == 0 && token.text == grant.access && token.errorText.contains("auth import codex --move"), "\(token)")
            let refused = try await scene.run("auth", "refresh", "codex", "--json")
            #expect(refused.status == 3 && refused.complaint.contains("interrupted"), "\(refused)")
            let listed = try await scene.require("auth", "list", "--json").json["accounts"].array?.first ?? .null
            #expect(listed["status"] == "unknown" && listed["statusReason"] == "unfinished_move")
            if !isBlank {
                let told = try await scene.require("auth", "import", "codex", "--json").json["results"].array?.first
                #expect(told?["action"] == "kept" && told?["warning"].string?.contains("interrupted") == true)
            }
            #expect(try await scene.provider.statistics()["tokenRequests"] == requests)

            let finished = try await scene.require("auth", "import", "codex", "--move", "--json")
            #expect(finished.json["results"].array?.first?["action"] == "moved", "\(finished)")
            #expect(try await scene.provider.statistics()["refreshRequests"] == 1)
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.provider.statistics()["reused"] == 0)
            let account = try await scene.require("auth", "list", "--json").json["accounts"].array ?? []
            #expect(account.count == 1 && account.first?["status"] == "active" && account.first?["statusReason"].isNull == true)
        }
    }

    private func strace(_ scene: Scene, _ call: String, _ folder: String) -> [String] {
        [
            Program.find("strace") ?? "", "-f", "-qq", "-o", scene.home.path + "/trace", "-P", folder, "-e", "trace=\(call)", "-e",
            "inject=\(call):signal=KILL:when=1",
        ]
    }

    @Test(
        "An interrupted move is finished where the login stands, also by a run that looks elsewhere",
        .enabled(if: Scene.canStrike, "needs strace, and root to attach it"))
    func killedElsewhere() async throws {
        try await Scene.with(["--grace", "0"], start: .vault) { scene in
            let grant = try await scene.foreignGrant()
            let folder = scene.home.path + "/elsewhere"
            try scene.home.plant(grant.codex, at: "elsewhere/auth.json")
            _ = try await scene.run(
                "auth", "import", "codex", "--move", "--from", folder, through: strace(scene, "renameat", folder))
            #expect(try scene.home.text(folder + "/auth.json") == grant.codex)
            // While it cannot be read there, nobody knows whether it is blank.
            try scene.home.plant("{", at: "elsewhere/auth.json")
            let unknown = try await scene.run("auth", "import", "codex", "--move", "--json")
            #expect(unknown.status == 4 && unknown.complaint.contains("torn"), "\(unknown)")
            #expect(try await scene.run("auth", "refresh", "codex").status == 3)
            try scene.home.plant(grant.codex, at: "elsewhere/auth.json")
            let finished = try await scene.require("auth", "import", "codex", "--move", "--json").json["results"].array ?? []
            #expect(finished.first?["action"] == "moved")
            #expect(try !scene.home.text(folder + "/auth.json").contains(grant.refresh))
            try await scene.require("auth", "refresh", "codex")
            #expect(try await scene.provider.statistics()["reused"] == 0)
        }
    }

    @Test("What the other program renewed after the kill is what is taken over")
    func renewedMeanwhile() async throws {
        try await Scene.with(["--grace", "0"], start: .vault) { scene in
            let grant = try await scene.foreignGrant()
            try scene.home.plant(grant.codex, at: ".codex/auth.json")
            try scene.home.change(mode: 0o777, of: scene.home.path + "/.codex")
            try await scene.require("auth", "import", "codex", "--move")
            try scene.home.change(mode: 0o700, of: scene.home.path + "/.codex")
            // As Codex would: a rotation, and the new pair in its file.
            let answer = try await LoopbackClient().post(
                scene.provider.base + "/oauth/token",
                "grant_type=refresh_token&client_id=app_EMoamEEZ73f0CkXaXp7hrann&refresh_token=\(grant.refresh)")
            var renewed = grant
            renewed.access = answer.json["access_token"].string ?? ""
            renewed.refresh = answer.json["refresh_token"].string ?? ""
            try #require(!renewed.refresh.isEmpty, "\(answer)")
            try scene.home.plant(renewed.codex, at: ".codex/auth.json")
            try await scene.require("auth", "import", "codex", "--move")
            #expect(try await scene.provider.statistics()["reused"] == 0)
            try await scene.require("auth", "refresh", "codex")
        }
    }

    @Test("pi's lock is waited for and then left alone; one that a crash left behind is taken over")
    func sourceLock() async throws {
        try await Scene.with(start: .vault) { scene in
            let grant = try await scene.foreignGrant()
            try scene.home.plant(grant.pi, at: ".pi/agent/auth.json")
            let lock = scene.home.path + "/.pi/agent/auth.json.lock"
            try scene.home.makeDirectory(lock)
            let busy = try await scene.run("auth", "import", "pi", "--move", "--json")
            #expect(busy.status == 5 && busy.errorCode == "busy" && busy.complaint.contains(lock), "\(busy)")
            #expect(try scene.home.text(scene.home.path + "/.pi/agent/auth.json") == grant.pi && scene.home.exists(lock))
            var times = [timeval(tv_sec: 1_000_000, tv_usec: 0), timeval(tv_sec: 1_000_000, tv_usec: 0)]
            #expect(utimes(lock, &times) == 0)
            try await scene.require("auth", "import", "pi", "--move")
            #expect(!scene.home.exists(lock))
        }
    }

    @Test("claude cannot be moved without a client id; the store stays as it is")
    func claude() async throws {
        try await Scene.with(start: .vault) { scene in
            var grant = ForeignGrant.synthetic("ada")
            grant.access = "sk-ant-oat01-example"
            try scene.home.plant(grant.claudeCode, at: ".claude/.credentials.json")
            let refused = try await scene.run("auth", "import", "claude-code", "--move", "--json")
            #expect(refused.status == 78 && refused.complaint.contains("--reference"), "\(refused)")
            #expect(try scene.home.text(scene.home.path + "/.claude/.credentials.json") == grant.claudeCode)
            #expect(try await scene.require("auth", "list", "--json").json["accounts"] == [])
        }
    }
}
