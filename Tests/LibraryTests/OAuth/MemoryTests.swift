import TestSupport
import Testing

/// Each test in a process of its own: other tests would overwrite what was left behind, and hide it.
@Suite(
    "Tokens and keys in the memory of the process",
    .enabled(if: Instrumentation.isOff, "a sanitizer shadows the memory, terabytes of it, and keeps what was freed"))
struct MemoryTests {
    @Test("are there while somebody holds them and nowhere else, from the answer's bytes through vault, refresh, logout and lock")
    func scripted() async throws { try await OwnProcess.memoryScripted.run(showing: "memory scan, ", count: 5) }

    @Test("are nowhere else either when a real server's answers came through libcurl")
    func transported() async throws { try await OwnProcess.memoryTransported.run(showing: "memory scan, ", count: 5) }

    @Test("are nowhere else either when a code was approved on another device, in both dialects")
    func device() async throws { try await OwnProcess.memoryDevice.run(showing: "memory scan, ", count: 10) }

    @Test(
        "are nowhere else either when they came over TLS, in a process that was prepared as the program's own",
        .enabled(if: TLSProxy.isPossible, "python3 or openssl is missing: apt-get install python3 openssl"))
    func encrypted() async throws { try await OwnProcess.memoryEncrypted.run(showing: "memory scan, ", count: 5) }
}
