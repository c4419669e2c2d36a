import Foundation
import Platform
import TestSupport
import Testing

@Suite("The front door and the full program", .enabled(if: ScriptedAgent.isPossible, "\(ScriptedAgent.missing)"))
struct FrontDoorTableTests {
    /// Lines that the front door asks the agent for.
    static let asked = [
        ["token", "codex"], ["token", "codex", "--header"], ["token", "--header", "codex", "--account", "ada"],
        ["token", "--account", "nobody", "codex"], ["token", "nosuch"],
    ]

    /// Lines that are none of its business.
    static let others = [
        [], ["--help"], ["--version"], ["nosuch"], ["config", "path"], ["token"], ["token", "--help"], ["token", ""],
        ["token", "--header"],
        ["token", "codex", "extra"], ["token", "codex", "--account"], ["token", "codex", "--account", ""],
        ["token", "codex", "--account", "--header"], ["token", "codex", "--account", "ada", "--account", "ada"],
        ["token", "codex", "--json"], ["token", "codex", "--json", "--header"], ["token", "codex", "--min-ttl", "60"],
        ["token", "-codex"], ["token", "--", "codex"], ["token", "--account=ada", "codex"], ["token", "co\"dex"],
        ["token", "codex", "--account", "a\\b"], ["token", "codex", "--account", "ä"], ["token", "codex", "--account", "a\u{7}b"],
        ["token", String(repeating: "x", count: 20000)], ["exec", "codex", "--", "/bin/echo", "token", "codex"],
    ]

    /// Runs a line through both programs, which must say and answer the same.
    ///
    /// - Returns: what the front door did.
    @discardableResult
    private func compare(
        _ line: [String], in scene: Scene, environment: [String: String] = [:], _ note: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Outcome {
        let door = await (try scene.start(line, environment: environment)).finish()
        scene.program.withLock { $0 = Program.full }
        defer { scene.program.withLock { $0 = Program.path } }
        let full = await (try scene.start(line, environment: environment)).finish()
        let what = Comment(rawValue: "\(note):\n\(door)\n\(full)")
        #expect(door.ending == full.ending, what, sourceLocation: sourceLocation)
        #expect(door.output == full.output, what, sourceLocation: sourceLocation)
        #expect(door.errorText == full.errorText, what, sourceLocation: sourceLocation)
        return door
    }

    @Test(
        "say the same to every line while nobody listens, with accounts, without any and without a vault",
        arguments: [
            Scene.Start.login, .vault, .empty,
        ])
    func alone(start: Scene.Start) async throws {
        try await Scene.with(start: start) { scene in
            for line in FrontDoorTableTests.asked + FrontDoorTableTests.others { try await compare(line, in: scene, "alone") }
        }
    }

    /// What an agent may be to a caller.
    enum Standing: String, CaseIterable, Sendable { case open, locked, otherStore }

    @Test("say the same to every line while an agent serves, is locked or serves another store", arguments: Standing.allCases)
    func served(standing: Standing) async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { _ in
                let token = try await scene.require("token", "codex").text
                if standing == .open {
                    // The same place by another spelling is the same store.
                    let spelt = ["XDG_DATA_HOME": scene.home.path + "/data/", "XDG_RUNTIME_DIR": scene.home.path + "/runtime//"]
                    let door = try await compare(["token", "codex"], in: scene, environment: spelt, "slashes at the end")
                    #expect(door.text == token, "\(door)")
                }
                if standing == .locked { try await scene.require("vault", "lock") }
                let other = scene.home.path + "/other"
                try scene.home.makeDirectory(other)
                let environment = standing == .otherStore ? ["XDG_DATA_HOME": other] : [:]
                for line in FrontDoorTableTests.asked + FrontDoorTableTests.others {
                    try await compare(line, in: scene, environment: environment, standing.rawValue)
                }
                let door = try await compare(["token", "codex"], in: scene, environment: environment, standing.rawValue)
                switch standing {
                case .open: #expect(door.text == token, "\(door)")
                case .locked: #expect(door.status == 4 && door.errorText.contains("vault unlock"), "\(door)")
                case .otherStore: #expect(door.status != 0 && !door.text.contains(token), "\(door)")
                }
            }
        }
    }

    @Test("say the same to every line that is not the front door's, which asks nobody then")
    func notAsked() async throws {
        try await Scene.with { scene in
            let agent = try await ScriptedAgent(scene.home, ScriptedAgent.success("the-agents-own-token"))
            for line in FrontDoorTableTests.others { try await compare(line, in: scene, "an agent is there") }
            #expect(await agent.questions().isEmpty)
            try await compare(["token", "codex"], in: scene, "an agent is there")
            #expect(await agent.questions().count == 1, "it would have asked")
            await agent.stop()
        }
    }

    @Test("say the same where the agent says anything but a success")
    func doubtful() async throws {
        try await Scene.with { scene in
            let agent = try await ScriptedAgent(scene.home, "")
            for reply in DoubtfulReply.all {
                try agent.answer(bytes: reply.bytes)
                for line in FrontDoorTableTests.asked {
                    let before = await agent.questions().count
                    try await compare(line, in: scene, reply.description)
                    #expect(await agent.questions().count == before + 1, "it was asked once")
                }
            }
            await agent.stop()
        }
    }

    @Test("say the same to --header where the token is of another type, which is printed without it")
    func otherType() async throws {
        try await Scene.with { scene in
            let agent = try await ScriptedAgent(scene.home, ScriptedAgent.success(DoubtfulReply.token, type: "DPoP"))
            try await compare(["token", "codex", "--header"], in: scene, "DPoP")
            #expect(try await scene.require("token", "codex").text == DoubtfulReply.token)
            await agent.stop()
        }
    }

    @Test("say the same where the socket, or the way to it, may be somebody else's", arguments: DoubtfulPlace.all)
    func places(place: DoubtfulPlace) async throws {
        try await Scene.with(start: .vault) { scene in
            let agent = try await ScriptedAgent(scene.home, ScriptedAgent.success(DoubtfulReply.token), place.flags)
            if place.isGoodBefore { #expect(try await scene.require("token", "codex").text == DoubtfulReply.token) }
            let before = await agent.questions().count
            let environment = try place.spoil(scene.home)
            try await compare(["token", "codex"], in: scene, environment: environment, place.description)
            #expect(await agent.questions().count == before, "it is not asked")
            await agent.stop()
        }
    }

    @Test(
        "say the same where standard output is closed, or takes nothing",
        arguments: [">&-", ">/dev/full", "<&- >/dev/full", "2>&- >/dev/full"])
    func output(redirection: String) async throws {
        try await Scene.with { scene in
            let agent = try await ScriptedAgent(scene.home, ScriptedAgent.success(DoubtfulReply.token))
            let shell = ["/bin/sh", "-c", "exec \"$@\" \(redirection)", "sh"]
            let door = try await scene.run("token", "codex", through: shell)
            scene.program.withLock { $0 = Program.full }
            let full = try await scene.run("token", "codex", through: shell)
            #expect(door.ending == full.ending && door.errorText == full.errorText, "\(door)\n\(full)")
            // A connection that got the number of a closed stream would be taken for it.
            #expect(await agent.questions().isEmpty == redirection.contains("&-"))
            await agent.stop()
        }
    }
}
