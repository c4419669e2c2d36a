import Platform
import TestSupport
import Testing

@Suite("A new passphrase from a pinentry that has no second field")
struct PinentryRepetitionTests {
    /// Answers every request with OK, and GETPIN with the next line of `answers`.
    private static let pinentry = """
        #!/bin/sh
        echo OK ready
        while read -r line; do
          case "$line" in
            GETPIN) echo "D $(head -n 1 "$0.answers")"; sed -i 1d "$0.answers"; echo "$line" >>"$0.asked" ;;
          esac
          echo OK
        done

        """

    private func initialize(_ scene: Scene, _ answers: [String]) async throws -> Outcome {
        let program = scene.home.path + "/pinentry"
        // By a program of its own: a file that any process still has open for writing cannot be started.
        let copy = try Child(
            "/bin/sh", ["-c", "cat >\"$0\" && chmod 700 \"$0\"", program], environment: scene.home.environment,
            input: .bytes(Array(PinentryRepetitionTests.pinentry.utf8)))
        try #require(await copy.finish().status == 0)
        try scene.home.write(Array((answers.joined(separator: "\n") + "\n").utf8), to: program + ".answers")
        try scene.configure(#"{"schemaVersion": 1, "vault": {"pinentry": "\#(program)"}}"#)
        return try await scene.run("vault", "init", "--backend", "file", "--identity", "passphrase", "--json")
    }

    @Test("It is asked for twice; two that differ make no vault")
    func differ() async throws {
        try await Scene.with(start: .empty) { scene in
            let outcome = try await initialize(scene, ["correct horse battery", "correct horse batterz"])
            Refusal(64, "usage_error", "differ").check(outcome)
            #expect(!scene.home.exists(scene.home.metadataFile))
        }
    }

    @Test("Two that are the same make one")
    func same() async throws {
        try await Scene.with(start: .empty) { scene in
            let outcome = try await initialize(scene, ["correct horse battery", "correct horse battery"])
            #expect(outcome.status == 0, "\(outcome)")
            #expect(try scene.home.text(scene.home.path + "/pinentry.asked") == "GETPIN\nGETPIN\n")
        }
    }
}
