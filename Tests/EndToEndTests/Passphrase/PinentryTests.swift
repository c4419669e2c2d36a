import Platform
import TestSupport
import Testing

@Suite("A vault behind pinentry")
struct PinentryVaultTests {
    /// With what the protocol has to encode in it.
    private static let passphrase = "100% horse\nbattery é"
    private static let encoded = "100%25 horse%0Abattery é"

    private func withVault(_ body: (Scene) async throws -> Void) async throws {
        try await Scene.with(start: .empty) { scene in
            let made = await scene.finish(
                try scene.start(
                    ["vault", "init", "--backend", "file", "--identity", "passphrase", "--passphrase-fd", "3"],
                    descriptors: [3: Array(Self.passphrase.utf8)]))
            try #require(made.status == 0, "\(made)")
            try await body(scene)
        }
    }

    private func use(_ program: String, _ scene: Scene) throws {
        try scene.configure(
            Scene.configuration.replacing("\"providers\"", with: "\"vault\": {\"pinentry\": \"\(program)\"}, \"providers\""))
    }

    /// A command that opens the vault and asks no server.
    private func open(_ scene: Scene, _ options: [String] = []) async throws -> Outcome {
        let key = scene.home.path + "/key.txt"
        let recipient = scene.home.exists(key) ? try await AgeKey(of: key).recipient : try await AgeKey(at: key).recipient
        let file = scene.home.path + "/opened.age"
        if scene.home.exists(file) { try scene.home.delete(file) }
        return try await scene.run(["vault", "export", "--recipient", recipient, "--output", file, "--json"] + options)
    }

    @Test(
        "opens with what the dialog gives; what it does not give is exit 4 with a reason", .enabled(if: AgeKey.isPossible, "age is missing")
    )
    func scripted() async throws {
        try await withVault { scene in
            let path = scene.home.path + "/pinentry"
            let none = try await open(scene, ["--pinentry", "--passphrase-fd", "3"])
            #expect(none.status == 64, "only one source: \(none)")
            for (answer, refusal) in [
                (.passphrase(Self.encoded), nil), (.cancel, Refusal(4, "vault_locked", "no passphrase was given", "run the command again")),
                (.hangUp, Refusal(4, "vault_locked")), (.empty, Refusal(4, "vault_locked")),
                (.mute, Refusal(4, "vault_unavailable", "no pinentry", "GETPIN")), (.failure, Refusal(4, "vault_unavailable", "ioctl")),
            ] as [(ScriptedPinentry.Answer, Refusal?)] {
                let pinentry = try await ScriptedPinentry(answer, at: path)
                try use(pinentry.path, scene)
                let outcome = try await open(scene)
                if let refusal { refusal.check(outcome) } else { #expect(outcome.status == 0, "\(outcome)") }
            }
            let locked = try await ScriptedPinentry(.passphrase(Self.encoded), at: scene.home.path + "/not-executable", mode: 0o600)
            try use(locked.path, scene)
            Refusal(4, "vault_unavailable", "not-executable").check(try await open(scene, ["--pinentry"]))
        }
    }

    @Test(
        "opens with the real pinentry-curses in a terminal",
        .enabled(if: Program.find("pinentry-curses") != nil && TerminalSession.isPossible, "no pinentry-curses (make test installs it)"))
    func real() async throws {
        try await Scene.with(start: .empty) { scene in
            try use("/usr/bin/pinentry-curses", scene)
            let session = try TerminalSession(
                "\(Program.path) vault init --backend file --identity passphrase", environment: scene.home.environment)
            // It shows one field; the second dialog is ours.
            for question in ["New passphrase of the vault", "The same once more"] {
                try #require(await session.answer(question, with: VaultKind.firstPassphrase))
            }
            let made = await session.finish()
            #expect(made.status == 0 && made.text.contains("The vault is ready"), "\(made)")
            #expect(!made.text.contains(VaultKind.firstPassphrase))
            try scene.configure(Scene.configuration)
            let login = try await HeadlessLogin(
                try scene.start(
                    ["auth", "login", "codex", "--no-open", "--passphrase-fd", "3"], descriptors: [3: Array(VaultKind.firstPassphrase.utf8)]
                ))
            #expect(try await login.complete().status == 0, "it is the one that was typed")
        }
    }
}
