import Platform
import TestSupport
import Testing

@Suite(
    "The keyring helper",
    .enabled(if: ScriptedKeyring.isPossible, "needs dbus-daemon and a Python with dbus-next: run `make test`, or set AUA_PYTHON"))
struct KeyringHelperTests {
    /// What stands where the helper should be.
    enum Helper: String, CaseIterable, Sendable {
        case missing, groupWritable, writableByAll, notExecutable, directory, withoutLibsecret

        var word: String {
            switch self {
            case .missing: "ai-usage-keyring is not installed"
            case .withoutLibsecret: "the helper failed"
            default: "is not started"
            }
        }

        func place(at path: String, in home: Home) async throws {
            let genuine = try #require(Program.keyringHelper)
            switch self {
            case .missing: break
            case .directory: try home.makeDirectory(path)
            case .groupWritable: try await Executable.copy(genuine, to: path, mode: 0o775)
            case .writableByAll: try await Executable.copy(genuine, to: path, mode: 0o757)
            case .notExecutable: try await Executable.copy(genuine, to: path, mode: 0o644)
            // The loader looks for a library that no machine has.
            case .withoutLibsecret:
                try await Executable.copy(genuine, to: path, replacing: "libsecret-1.so.0", with: "libsecret-1.so.X")
            }
        }
    }

    /// A folder with copies of the programs side by side, which the scene's commands run.
    private func install(_ scene: Scene) async throws -> (helper: String, libexec: String) {
        let folder = scene.home.path + "/installed"
        for part in ["", "/bin", "/libexec", "/libexec/ai-usage-agent"] { try scene.home.makeDirectory(folder + part) }
        try await Executable.copy(Program.path, to: folder + "/bin/ai-usage-agent")
        try await Executable.copy(Program.full, to: folder + "/bin/ai-usage-agent-cli")
        scene.program.withLock { $0 = folder + "/bin/ai-usage-agent" }
        return (folder + "/bin/ai-usage-keyring", folder + "/libexec/ai-usage-agent/ai-usage-keyring")
    }

    @Test(
        "that is missing, that others may write or that cannot load is named, and everything else works without it",
        arguments: Helper.allCases)
    func unusable(helper: Helper) async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            try await helper.place(at: try await install(scene).helper, in: scene.home)
            try await scene.require("--version")
            let outcome = try await scene.run("vault", "init", "--backend", "keyring", "--json")
            Refusal(4, "vault_unavailable", helper.word, "ai-usage-agent vault init --backend file --identity key-file").check(outcome)
            #expect(try await keyring.calls().isEmpty, "it was not started")
            #expect(scene.home.stores().isEmpty)

            try await scene.require("vault", "init", "--backend", "file", "--identity", "key-file")
            try await scene.login()
            try await scene.require("token", "codex")
            try await scene.require("auth", "refresh", "codex")
            #expect(try await keyring.calls().isEmpty)
        }
    }

    @Test(
        "is found beside the program and in its libexec, which comes first", arguments: [["helper"], ["libexec"], ["helper", "libexec"]])
    func found(places: [String]) async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            let paths = try await install(scene)
            let genuine = try #require(Program.keyringHelper)
            if places.contains("libexec") { try await Executable.copy(genuine, to: paths.libexec) }
            if places == ["helper"] { try await Executable.copy(genuine, to: paths.helper) }
            // What is never reached may be anything.
            if places.count == 2 { try await Executable.write("#!/bin/false\n", to: paths.helper) }
            try await scene.require("vault", "init", "--backend", "keyring")
            #expect(try await keyring.items().count == 1)
        }
    }

    @Test("is found beside the full program where make install puts both, in libexec")
    func installed() async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, keyring in
            let paths = try await install(scene)
            let program = scene.home.path + "/installed/bin/ai-usage-agent-cli"
            try scene.home.move(program, to: scene.home.path + "/installed/libexec/ai-usage-agent/ai-usage-agent-cli")
            try await Executable.copy(try #require(Program.keyringHelper), to: paths.libexec)
            try await scene.require("vault", "init", "--backend", "keyring")
            #expect(try await keyring.items().count == 1)
        }
    }

    @Test("gets no variable that steers the loader, GIO or libsecret, and none of the caller's own")
    func environment() async throws {
        try await Scene.withKeyring(ScriptedKeyring.self) { scene, _ in
            let paths = try await install(scene)
            let seen = scene.home.path + "/seen"
            try await Executable.write("#!/bin/sh\n/usr/bin/env > \(seen)\n", to: paths.helper)
            let hostile = [
                "SECRET_BACKEND": "file", "LD_LIBRARY_PATH": "/nowhere", "GIO_EXTRA_MODULES": "/nowhere", "GIO_USE_VFS": "x",
                "G_DEBUG": "all",
                "AI_USAGE_AGENT_CODEX_TOKEN": "t",
            ]
            _ = try await scene.run("vault", "init", "--backend", "keyring", environment: hostile)
            let names = try scene.home.text(seen).split(separator: "\n").compactMap { $0.split(separator: "=").first.map(String.init) }
            #expect(names.contains("DBUS_SESSION_BUS_ADDRESS") && names.contains("HOME"))
            for name in hostile.keys { #expect(!names.contains(name), "\(name)") }
        }
    }
}
