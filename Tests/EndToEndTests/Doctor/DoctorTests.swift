import Platform
import TestSupport
import Testing

@Suite("auth doctor")
struct DoctorTests {
    /// The findings of one run, which must change nothing, print no secret and end as its findings say.
    private func audit(_ scene: Scene, _ options: [String] = [], _ environment: [String: String] = [:]) async throws -> [JSONValue] {
        let before = try hash(scene)
        let begun = TimeSource.system.elapsed()
        let outcome = await scene.finish(try scene.start(["auth", "doctor", "--json"] + options, environment: environment))
        #expect(TimeSource.system.elapsed() - begun < .seconds(12), "the audit itself takes at most 5 s")
        #expect(try hash(scene) == before, "no file was changed")
        let findings = try #require(outcome.json["findings"].array, "\(outcome)")
        let isStrict = options.contains("--strict")
        let isError = findings.contains { $0["status"] == "error" || isStrict && $0["status"] == "warning" }
        #expect(outcome.status == (isError ? 6 : 0), "\(outcome)")
        let needles = try await scene.provider.tokens().map(Needle.init)
        #expect(!needles.contains { $0.isFound(in: outcome.output) || $0.isFound(in: outcome.error) })
        // The key of the vault in every case, and what the faults plant.
        for secret in scene.secrets + ["planted", "rt_bob_secret"] { #expect(!outcome.text.contains(secret), "\(secret)") }
        return findings
    }

    /// Each entry with its mode, what a link leads to, and the content.
    private func hash(_ scene: Scene) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for entry in try scene.home.entries() {
            files[entry.description] = entry.isDirectory ? [] : (try? scene.home.read(entry.path)) ?? []
        }
        return files
    }

    private func troubles(_ findings: [JSONValue]) -> [String] {
        Set(findings.filter { $0["status"] == "warning" || $0["status"] == "error" }.compactMap { $0["id"].string }).sorted()
    }

    @Test("A planted fault is found, and every other warning or error is its consequence", arguments: PlantedFault.all)
    func planted(_ fault: PlantedFault) async throws { try await find(fault) }

    @Test("So are tokens that a crash left in the journal", .enabled(if: SystemCalls.isPossible, "needs strace that may trace"))
    func pendingCommit() async throws { try await find(.pendingCommit) }

    @Test("So is a vault that was copied to another machine", .enabled(if: OtherMachine.isPossible, "needs root that may mount"))
    func cloned() async throws { try await find(.cloned) }

    private func find(_ fault: PlantedFault) async throws {
        try await Scene.with(start: fault.start) { scene in
            try await fault.plant(scene)
            let findings = try await audit(scene, fault.options, fault.environment)
            let found = findings.filter { $0["id"].string == fault.id && $0["status"] != "ok" && $0["status"] != "skipped" }
            #expect(!found.isEmpty, "\(fault.id) is not found: \(troubles(findings))")
            for finding in found where finding["status"] != "info" {
                #expect(finding["evidence"].string?.isEmpty == false && finding["remedy"]["text"].string != nil, "\(finding)")
            }
            #expect(Set(troubles(findings)).subtracting(fault.consequences).subtracting([fault.id]) == [], "\(fault.id)")
        }
    }

    @Test("A clean headless home gives no warning and no error", arguments: [Scene.Start.empty, .vault, .login])
    func clean(_ start: Scene.Start) async throws {
        try await Scene.with(start: start) { scene in
            let findings = try await audit(scene, ["--strict"])
            #expect(troubles(findings) == [], "\(findings.filter { $0["status"] == "warning" || $0["status"] == "error" })")
            #expect(Set(findings.compactMap { $0["id"].string }).count > 85)
            let ofVault = findings.filter { $0["id"].string?.hasPrefix("vault.") == true }
            #expect(start == .empty || ofVault.contains { $0["status"] == "ok" })
            let text = try await scene.require("auth", "doctor").text
            #expect(text.contains("0 warning, 0 error") && text.contains("identity"), "\(text)")
        }
    }

    @Test("A vault behind a passphrase is looked at from outside, and nobody is asked")
    func passphrase() async throws {
        try await Scene.with(start: .empty) { scene in
            let made = try await scene.run(
                "vault", "init", "--backend", "file", "--identity", "passphrase", "--passphrase-fd", "3",
                descriptors: [3: Array("a good long passphrase".utf8)])
            try #require(made.status == 0, "\(made)")
            let findings = try await audit(scene, ["--strict"])
            #expect(troubles(findings) == [])
            #expect(findings.contains { $0["id"] == "vault.metadata.mac" && $0["status"] == "skipped" })
            try scene.home.write([1, 2, 3], to: scene.home.data + "/identity.age")
            #expect(troubles(try await audit(scene)) == ["identity.keyfile.malformed"])
        }
    }

    @Test("A lock that is held for long is named with the command that says by whom")
    func lockHeld() async throws {
        try await Scene.with { scene in
            let locks = try PrivateDirectory.open(scene.home.data + "/locks")
            let held = try await FileLock.acquire(locks, "vault", .exclusive, patience: .seconds(5), time: .system)
            let findings = try await audit(scene)
            #expect(troubles(findings) == ["rotation.lock-held"])
            let finding = findings.first { $0["id"] == "rotation.lock-held" }
            #expect(finding?["remedy"]["command"].string == "fuser -v \(scene.home.data)/locks/vault")
            extendLifetime(held)
        }
    }

    @Test("--strict ends with 6 for a warning, and without it with 0")
    func strict() async throws {
        try await Scene.with { scene in
            try scene.home.makeDirectory(scene.home.path + "/.git")
            #expect(try await scene.run("auth", "doctor").status == 0)
            #expect(try await scene.run("auth", "doctor", "--strict").status == 6)
            try scene.home.delete(scene.home.keyFile)
            #expect(try await scene.run("auth", "doctor").status == 6)
        }
    }

    @Test(
        "A running agent gives no warning and no error",
        .enabled(if: Instrumentation.isOff, "a sanitizer makes mlock do nothing, and doctor finds that"))
    func agent() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { _ in
                let outcome = try await scene.run("auth", "doctor", "--strict", "--json")
                #expect(outcome.status == 0, "\(outcome)")
                let ofAgent = outcome.json["findings"].array?.filter { $0["id"].string?.hasPrefix("agent.") == true } ?? []
                #expect(ofAgent.count == 9 && ofAgent.allSatisfy { $0["status"] == "ok" }, "\(ofAgent)")
            }
        }
    }

    @Test("An agent that serves another store, or has another version, is named", .enabled(if: ScriptedAgent.isPossible))
    func otherAgent() async throws {
        try await Scene.with { scene in
            let status =
                #"{"parameters":{"version":"0.0.1","pid":999999,"store":"/elsewhere","locked":false,"since":"2026-11-21T21:00:00Z","#
                + #""accounts":1,"nextRefreshAt":null,"resident":1}}"#
            let agent = try await ScriptedAgent(scene.home, status + "\0")
            let findings = try await audit(scene)
            #expect(troubles(findings) == ["agent.version-differs", "agent.wrong-store"])
            await agent.stop()
        }
    }

    @Test(
        "An agent that says nothing, or nothing that an agent says, is named; what can be seen without its help is looked at",
        .enabled(if: ScriptedAgent.isPossible), arguments: ["", "no JSON\0"])
    func silentAgent(_ reply: String) async throws {
        try await Scene.with { scene in
            let agent = try await ScriptedAgent(scene.home, reply, reply.isEmpty ? ["--hold"] : [])
            let findings = try await audit(scene)
            #expect(troubles(findings) == ["agent.silent"])
            #expect(findings.first { $0["id"] == "agent.socket.mode" }?["status"] == "ok")
            await agent.stop()
        }
    }

    @Test("--fix repairs what is fixable, says so, and changes nothing else")
    func fix() async throws {
        try await Scene.with { scene in
            let home = scene.home
            if SystemCalls.isPossible {
                let calls = SystemCalls(home)
                _ = try await scene.run("auth", "refresh", "codex", through: calls.killing(at: .rename(to: "secrets.age")))
            }
            let files = try hash(scene)
            let temporary = home.data + "/.tmp-secrets.age.0123456789ab"
            try home.write([1, 2, 3], to: temporary)
            let opened = [
                (home.data, 0o755), (home.metadataFile, 0o644), (home.sealedFile, 0o640), (home.keyFile, 0o644),
                (home.configurationFile, 0o620), (home.data + "/locks", 0o750),
            ]
            for (path, mode) in opened { try home.change(mode: mode, of: path) }
            let outcome = try await scene.run("auth", "doctor", "--fix", "--json")
            #expect(outcome.status == 0, "\(outcome)")
            for (path, _) in opened { #expect(outcome.errorText.contains(path), "\(path) in \(outcome.errorText)") }
            #expect(outcome.errorText.contains("removed \(temporary)"))
            #expect(!home.exists(temporary))
            let after = try hash(scene)
            // What is committed is in these; every other file is as it was before the faults.
            let committed = ["auth.json", "secrets.age", "/journal/", "vault-memory", "/locks/", ".tmp-"]
            func others(_ files: [String: [UInt8]]) -> [String: [UInt8]] {
                files.filter { file in !committed.contains { file.key.contains($0) } }
            }
            #expect(others(after) == others(files))
            if SystemCalls.isPossible { #expect(outcome.errorText.contains("rotation.pending-commit: the tokens of")) }
            #expect(try home.entries().allSatisfy { !$0.path.contains(".tmp-") })
            let requests = try await scene.provider.statistics()["refreshRequests"]
            #expect(try await scene.run("token", "codex").status == 0)
            #expect(try await scene.provider.statistics()["refreshRequests"] == requests, "the token that was waiting is served")
            #expect(troubles(try await audit(scene, ["--strict"])) == [])
        }
    }

    @Test("--fix leaves alone what it cannot repair safely")
    func unfixable() async throws {
        try await Scene.with { scene in
            try scene.home.write(try scene.home.read(scene.home.keyFile), to: scene.home.data + "/old-key.txt")
            try scene.home.makeDirectory(scene.home.path + "/.git")
            let before = try hash(scene)
            let outcome = try await scene.run("auth", "doctor", "--fix", "--strict", "--json")
            #expect(outcome.status == 6 && outcome.errorText.isEmpty, "\(outcome)")
            #expect(try hash(scene) == before)
        }
    }

    @Test("A provider that nobody configured is wrong usage")
    func unknown() async throws {
        try await Scene.with { scene in
            let outcome = try await scene.run("auth", "doctor", "nosuch", "--json")
            #expect(outcome.status == 64 && outcome.errorCode == "usage_error", "\(outcome)")
        }
    }
}

extension Scene {
    /// The lines of the key file that are a key.
    fileprivate var secrets: [String] {
        let text = (try? home.text(home.keyFile)) ?? ""
        return text.split(separator: "\n").filter { $0.hasPrefix("AGE-SECRET-KEY-1") && $0.utf8.count > 30 }.map(String.init)
    }
}
