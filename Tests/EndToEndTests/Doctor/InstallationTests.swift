import Agent
import Foundation
import Platform
import TestSupport
import Testing

@Suite("doctor")
struct InstallationTests {
    private func ids(_ outcome: Outcome, _ statuses: String...) -> Set<String> {
        let findings = outcome.json["findings"].array ?? []
        return Set(findings.filter { statuses.contains($0["status"].string ?? "") }.compactMap { $0["id"].string })
    }

    @Test("It names the program, the front door, the helper, the configuration and each host, and then audits", arguments: [false, true])
    func whole(_ isLoggedIn: Bool) async throws {
        try await Scene.with(start: isLoggedIn ? .login : .empty) { scene in
            if isLoggedIn { try await scene.require("usage") }
            let sent = try await scene.provider.statistics()["authorizedRequests"]
            #expect(sent == (isLoggedIn ? 1 : 0), "the provider counts what carries a token")
            let files = scene.home.stores()
            let outcome = try await scene.run("doctor", "--strict", "--json")
            #expect(outcome.status == 0, "\(outcome)")
            #expect(ids(outcome, "warning", "error") == [])
            let findings = try #require(outcome.json["findings"].array)
            #expect(Set(findings.compactMap { $0["id"].string }) == Set(DoctorCheck.allCases.map(\.rawValue)))
            func evidence(_ id: String) -> String { findings.first { $0["id"].string == id }?["evidence"].string ?? "" }
            #expect(evidence("build.program-mode").hasSuffix("/ai-usage-agent-cli, version 0.1.0"), "\(findings)")
            #expect(evidence("build.front-door-missing").hasSuffix("/ai-usage-agent"))
            #expect(evidence("build.helper-missing").hasSuffix("/ai-usage-keyring"))
            #expect(evidence("config.malformed") == scene.home.configurationFile)
            #expect(evidence("network.unreachable").hasPrefix("\(scene.provider.base) (acme, codex) answered in "))
            #expect(findings.first?["id"].string?.hasPrefix("build.") == true, "what is installed explains the rest")
            #expect(scene.home.stores() == files)
            #expect(try await scene.provider.statistics()["tokenRequests"] == (isLoggedIn ? 1 : 0), "no token is asked for")
            #expect(try await scene.provider.statistics()["authorizedRequests"] == sent, "and none is sent")
            let text = try await scene.require("doctor").text
            for part in ["program ", "front door ", "keyring helper ", "configuration ", "host ", scene.provider.base, "0 error"] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
        }
    }

    @Test("A host that cannot be reached is named with who needs it, and the audit goes on")
    func unreachable() async throws {
        let configuration = Scene.configuration.replacing(
            "\"oidc\", \"issuer\": \"BASE\"", with: "\"oidc\", \"issuer\": \"http://127.0.0.1:1\"")
        try await Scene.with(start: .vault, configuration: configuration) { scene in
            let outcome = try await scene.run("doctor", "--json")
            #expect(outcome.status == 0 && ids(outcome, "warning", "error") == ["network.unreachable"], "\(outcome)")
            let findings = outcome.json["findings"].array?.filter { $0["id"] == "network.unreachable" } ?? []
            #expect(findings.map { $0["status"].string } == ["warning", "ok"], "\(findings)")
            #expect(findings.first?["evidence"].string?.hasPrefix("http://127.0.0.1:1 (acme): ") == true)
            #expect(try await scene.run("doctor", "--strict").status == 6)
            #expect(ids(try await scene.run("doctor", "codex", "--json"), "warning", "error") == [], "another provider's host is not asked")
            // Nobody is logged in there: what cannot be reached is nobody's trouble.
            try await scene.login()
            #expect(ids(try await scene.run("doctor", "--json"), "warning", "error") == [])
        }
    }

    @Test("A host whose certificate nobody vouches for is an error", .enabled(if: TLSProxy.isPossible, "needs python3 and openssl"))
    func certificate() async throws {
        let proxy = try await TLSProxy()
        let configuration = Scene.configuration.replacing("\"oidc\", \"issuer\": \"BASE\"", with: "\"oidc\", \"issuer\": \"\(proxy.base)\"")
        do {
            try await Scene.with(start: .vault, configuration: configuration) { scene in
                proxy.connect(to: scene.provider.base)
                let outcome = try await scene.run("doctor", "--json")
                #expect(outcome.status == 6 && ids(outcome, "warning", "error") == ["network.certificate"], "\(outcome)")
                let trusting = try scene.start(["doctor", "--json"], environment: ["SSL_CERT_FILE": proxy.certificate])
                #expect(ids(await scene.finish(trusting), "warning", "error") == [])
            }
        } catch {
            await proxy.stop()
            throw error
        }
        await proxy.stop()
    }

    @Test(
        "With a silent keyring, a silent agent, silent hosts and a held lock it says so within 5 s",
        .enabled(if: ScriptedKeyring.isPossible && ScriptedAgent.isPossible, "needs dbus-daemon and a Python with dbus-next"))
    func allDead() async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            try await scene.require("vault", "init", "--backend", "keyring", "--identity", "keyring")
            try await scene.login()
            let silent = try await SilentServer()
            let others = (1...20).map {
                "\"other\($0)\": {\"type\": \"oidc\", \"issuer\": \"http://127.0.0.1:\(silent.port)\", \"clientId\": \"cli\"}"
            }
            try scene.configure(
                Scene.configuration.replacing("BASE", with: "http://127.0.0.1:\(silent.port)")
                    .replacing("\"acme\":", with: others.joined(separator: ", ") + ", \"acme\":"))
            let agent = try await ScriptedAgent(scene.home, "", ["--hold"])
            let locks = try PrivateDirectory.open(scene.home.data + "/locks")
            let held = try await FileLock.acquire(locks, "vault", .exclusive, patience: .seconds(5), time: .system)
            let (stores, items) = (scene.home.stores(), try await keyring.items().count)
            try await KeyringFault.silentFromTheFirstCall.during(scene, keyring) {
                for line in [["doctor", "--json"], ["auth", "doctor", "--network", "--json"]] {
                    let begun = TimeSource.system.elapsed()
                    let outcome = try await scene.run(line)
                    let took = TimeSource.system.elapsed() - begun
                    print("\(line.joined(separator: " ")) with everything dead: \(took)")
                    // 4.5 s of its own; what is over that is the start of a process on a busy machine.
                    #expect(took < .seconds(7))
                    #expect(outcome.errorText.isEmpty, "\(outcome)")
                    let found = ids(outcome, "warning", "error")
                    #expect(found.isSuperset(of: ["backend.slow", "network.unreachable", "agent.silent"]), "\(found)")
                    #expect(Set((outcome.json["findings"].array ?? []).compactMap { $0["id"].string }).count == DoctorCheck.allCases.count)
                }
            }
            #expect(scene.home.stores() == stores)
            #expect(try await keyring.count("Prompt") == 0, "nobody was asked")
            #expect(try await keyring.items().filter { !$0.isTestItem }.count == items)
            extendLifetime(held)
            await agent.stop()
            await silent.stop()
        }
    }

    @Test("A path with blanks is one word of the command that repairs it, and the command repairs it")
    func blanks() async throws {
        try await Scene.with { scene in
            let config = scene.home.path + "/it's my config"
            try scene.home.copy(scene.home.path + "/config", to: config)
            scene.variables.withLock { $0["XDG_CONFIG_HOME"] = config }
            let file = config + "/ai-usage-agent/config.json"
            try scene.home.change(mode: 0o666, of: file)
            let outcome = try await scene.run("auth", "doctor", "--json")
            let finding = outcome.json["findings"].array?.first { $0["id"] == "config.writable-by-others" }
            let command = try #require(finding?["remedy"]["command"].string, "\(outcome)")
            let repair = await (try Child("/bin/sh", ["-c", command], environment: ["PATH": "/usr/bin:/bin"])).finish()
            #expect(repair.status == 0, "\(command): \(repair)")
            #expect(!ids(try await scene.run("auth", "doctor", "--json"), "warning", "error").contains("config.writable-by-others"))
        }
    }

    @Test("Every check has a planted fault")
    func complete() throws {
        let folders = ["Tests/EndToEndTests/Doctor", "Tests/LibraryTests/Doctor"].map { Program.repository + "/" + $0 }
        var text = ""
        for folder in folders {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name != "InstallationTests.swift" {
                text += try String(decoding: Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)), as: UTF8.self)
            }
        }
        let missing = DoctorCheck.allCases.map(\.rawValue).filter { !text.contains("\"\($0)\"") }
        #expect(missing == [])
    }
}
