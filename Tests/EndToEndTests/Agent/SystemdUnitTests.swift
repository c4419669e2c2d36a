import Platform
import TestSupport
import Testing

@Suite("The units for systemd")
struct SystemdUnitTests {
    private static func units(_ scene: Scene, _ options: String...) async throws -> [String: String] {
        let outcome = try await scene.run(["agent", "install", "--print", "--json"] + options)
        try #require(outcome.status == 0, "\(outcome)")
        var units: [String: String] = [:]
        for unit in outcome.json["units"].array ?? [] { units[unit["name"].string ?? ""] = unit["text"].string }
        return units
    }

    @Test("Those that are shipped are what the program writes for /usr/bin", arguments: ["user", "system"])
    func shipped(_ kind: String) async throws {
        try await Scene.with(start: .empty) { scene in
            let options = ["--program", "/usr/bin/ai-usage-agent"] + (kind == "system" ? ["--system"] : [])
            let outcome = try await scene.run(["agent", "install", "--print", "--json"] + options)
            let units = outcome.json["units"].array ?? []
            #expect(units.count == (kind == "system" ? 1 : 2))
            for unit in units {
                let name = try #require(unit["name"].string)
                let text = try scene.home.text(Program.repository + "/systemd/\(kind)/\(name)")
                // What install writes says who wrote it; what a package ships is the package's.
                let expected = unit["text"].string?.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().joined(
                    separator: "\n")
                #expect(text == expected, "systemd/\(kind)/\(name) is out of date")
            }
        }
    }

    @Test(
        "systemd reads them without a complaint, and calls the service's exposure low",
        .enabled(if: Program.find("systemd-analyze") != nil, "needs systemd-analyze"), arguments: [false, true])
    func verified(_ isSystem: Bool) async throws {
        try await Scene.with(start: .empty) { scene in
            let folder = scene.home.path + "/units"
            try scene.home.makeDirectory(folder)
            let units = try await isSystem ? SystemdUnitTests.units(scene, "--system") : SystemdUnitTests.units(scene)
            #expect(units.count == (isSystem ? 1 : 2))
            for (name, text) in units { try scene.home.write(Array(text.utf8), to: folder + "/" + name, mode: 0o644) }
            let service = folder + (isSystem ? "/ai-usage-agent@.service" : "/ai-usage-agent.service")
            let analyze = try #require(Program.find("systemd-analyze"))
            let verified = try await Child(
                analyze, ["verify", isSystem ? "--system" : "--user", "--man=no", service], environment: scene.home.environment
            ).finish()
            let complaints = verified.errorText.split(separator: "\n").filter { $0.contains("ai-usage-agent") }
            #expect(complaints == [], "\(verified)")
            let judged = try await Child(
                analyze, ["security", "--offline=true", "--no-pager", service], environment: scene.home.environment
            ).finish()
            let line = judged.text.split(separator: "\n").last { $0.contains("Overall exposure level") } ?? ""
            let level = line.split(separator: " ").compactMap { Double($0) }.first
            print("systemd-analyze security \(isSystem ? "system" : "user"): \(line)")
            // 9.6 is a service without any of it. A person's own services have no capabilities to be taken away, which counts here
            // as if they had them all.
            #expect(try #require(level) <= (isSystem ? 1.7 : 6.5), "\(judged)")
        }
    }

    @Test("A path with a line end, which would begin another setting, is refused")
    func controlCharacters() async throws {
        try await Scene.with(start: .empty) { scene in
            let odd = scene.home.path + "/runtime\nExecStartPre=/bin/false"
            for (options, variables) in [([], ["XDG_RUNTIME_DIR": odd]), (["--program", odd], [:])] as [([String], [String: String])] {
                let outcome = await scene.finish(
                    try scene.start(["agent", "install", "--print", "--json"] + options, environment: variables))
                #expect(outcome.status == 78 && outcome.errorCode == "config_invalid", "\(outcome)")
            }
        }
    }

    @Test("They hide nothing that the recovery of a refresh needs: which start of the machine this is", arguments: [true, false])
    func boot(_ isSystem: Bool) async throws {
        try await Scene.with(start: .empty) { scene in
            for (name, text) in try await isSystem ? SystemdUnitTests.units(scene, "--system") : SystemdUnitTests.units(scene) {
                #expect(!text.contains("ProcSubset"), "\(name)")
            }
            #expect(ProcessMark.boot != nil)
        }
    }

    @Test("install writes them with the paths in force, again without harm, never over somebody else's; uninstall removes ours alone")
    func install() async throws {
        try await Scene.with { scene in
            let folder = scene.home.path + "/config/systemd/user"
            let before = scene.home.stores()
            for _ in 0..<2 {
                let outcome = try await scene.run("agent", "install", "--json")
                #expect(outcome.status == 0, "\(outcome)")
                #expect(outcome.json["files"].array?.count == 2)
                // There is no manager here, and that is said.
                #expect(outcome.json["started"] == .bool(false) && outcome.json["reason"].string != nil)
            }
            let service = try scene.home.text(folder + "/ai-usage-agent.service")
            #expect(service.contains("Environment=\"XDG_DATA_HOME=\(scene.home.path)/data\""))
            #expect(service.contains("agent run"))
            #expect(
                try scene.home.text(folder + "/ai-usage-agent.socket").contains(
                    "ListenStream=\(scene.home.path)/runtime/ai-usage-agent/agent.sock"))
            try await scene.require("agent", "uninstall")
            #expect(!scene.home.exists(folder + "/ai-usage-agent.service") && !scene.home.exists(folder + "/ai-usage-agent.socket"))
            try scene.home.write(Array("[Unit]\n".utf8), to: folder + "/ai-usage-agent.service", mode: 0o644)
            for command in ["install", "uninstall"] {
                let refused = try await scene.run("agent", command)
                #expect(refused.status == 65 && refused.complaint.contains("somebody else"), "\(refused)")
            }
            #expect(try scene.home.text(folder + "/ai-usage-agent.service") == "[Unit]\n")
            #expect(scene.home.stores() == before)
        }
    }

    @Test("A path with blanks, quotes and percent signs is one word and no specifier")
    func quoting() async throws {
        try await Scene.with(start: .empty) { scene in
            let units = try await SystemdUnitTests.units(scene, "--program", "/opt/a b/100%/\"x\"\\y")
            #expect(units["ai-usage-agent.service"]?.contains(#"ExecStart="/opt/a b/100%%/\"x\"\\y" agent run"#) == true, "\(units)")
        }
    }
}
