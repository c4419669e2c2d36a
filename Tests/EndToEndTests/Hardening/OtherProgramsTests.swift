import Glibc
import Platform
import TestSupport
import Testing

@Suite(
    "A program of the same user", .enabled(if: geteuid() == 0 && Program.find("setpriv") != nil, "needs root and setpriv"),
    .enabled(if: Instrumentation.isNone, "what is written for somebody else cannot be written by nobody in particular"))
struct OtherProgramsTests {
    /// Nobody in particular.
    private static let user: uid_t = 65534

    private func child(_ scene: Scene, _ command: [String]) throws -> Child {
        let user = OtherProgramsTests.user
        return try Child(
            Program.find("setpriv") ?? "", ["--reuid=\(user)", "--regid=\(user)", "--clear-groups"] + command,
            environment: scene.home.environment, patience: .seconds(600))
    }

    @Test("is told so where this one may start no thread, instead of being kept waiting")
    func threads() async throws {
        try await Scene.with { scene in
            let program = try await scene.give(to: OtherProgramsTests.user)
            let limit = "/usr/bin/prlimit"
            let outcome = try await child(scene, [limit, "--nproc=1", program, "auth", "list", "--json"]).finish()
            #expect(outcome.status == 1 && outcome.errorCode == "storage" && outcome.complaint.contains("ulimit -u"), "\(outcome)")
            // The quick way needs none.
            let token = try await child(scene, [limit, "--nproc=1", program, "token", "codex"]).finish()
            #expect(token.status == 0 && !token.text.isEmpty, "\(token)")
        }
    }

    @Test("cannot read the memory, the environment or the descriptors of a running agent, as it can those of any other program")
    func agent() async throws {
        try await Scene.with { scene in
            let program = try await scene.give(to: OtherProgramsTests.user)
            let agent = try child(scene, [program, "agent", "run"])
            try #require(await agent.line(of: .error, startingWith: "ready: ") != nil, "\(agent.errorSoFar)")
            let other = try child(scene, ["/bin/sleep", "600"])
            // It is another program from the moment of its exec.
            while PublicFile.read("/proc/\(other.pid)/comm") != "sleep\n" { await TimeSource.system.sleep(.milliseconds(2)) }
            for file in ["mem", "environ", "maps", "fd"] {
                let look = file == "fd" ? ["/bin/ls"] : ["/usr/bin/head", "-c", "0"]
                let refused = try await child(scene, look + ["/proc/\(agent.pid)/\(file)"]).finish()
                #expect(refused.status != 0 && refused.errorText.contains("Permission denied"), "\(file): \(refused)")
                // Attaching is a matter of the machine's settings (yama), reading is not.
                if file == "mem" { continue }
                let read = try await child(scene, look + ["/proc/\(other.pid)/\(file)"]).finish()
                #expect(read.status == 0, "\(file): \(read)")
            }
            await other.stop()
            await agent.stop()
        }
    }
}
