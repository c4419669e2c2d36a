import Glibc
import Platform
import TestSupport
import Testing

/// Work of a test in a process of its own, which is this test bundle once more.
///
/// Nothing of other tests is in its memory, and what it does for a long time keeps none of them from their deadlines (an exit
/// test would: while it runs it holds one of the few threads that all tests share).
enum OwnProcess: String {
    case memoryScripted, memoryTransported, memoryEncrypted, memoryDevice
    case headerBits, bodyBits, truncations, tornMemory

    private static let variable = "AUA_OWN_PROCESS"
    static let chosen = ProcessEnvironment.current()[variable].flatMap { OwnProcess(rawValue: $0) }

    func work() async throws {
        switch self {
        case .memoryScripted: try await MemoryFlow.scripted()
        case .memoryTransported: try await MemoryFlow.transported()
        case .memoryEncrypted: try await MemoryFlow.encrypted()
        case .memoryDevice: try await MemoryFlow.device()
        case .headerBits: try await SealedSweep.headerBits()
        case .bodyBits: try await SealedSweep.bodyBits()
        case .truncations: try await SealedSweep.truncations()
        case .tornMemory: try await StateMemoryTests.tornRecords()
        }
    }

    /// Does the work and shows the lines that it printed behind `mark`.
    ///
    /// - Parameter count: how many there must be.
    func run(showing mark: String, count: Int = 1) async throws {
        let environment = ProcessEnvironment.current().all.merging([OwnProcess.variable: rawValue]) { $1 }
        let bundle = try #require(OwnProcess.bundle)
        let child = try Child(
            bundle, ["--testing-library", "swift-testing", "--filter", "LibraryTests.OwnProcessTests"], environment: environment,
            patience: .seconds(300))
        let outcome = await child.finish()
        let lines = outcome.text.split(separator: "\n").compactMap { line in
            line.hasPrefix(mark) ? line.dropFirst(mark.count) : nil
        }
        try #require(outcome.status == 0 && lines.count == count, "\(outcome)")
        for line in lines { print(line) }
    }

    private static let bundle: String? = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        return count > 0 ? String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }()
}

/// Where the work is done.
@Suite(.enabled(if: OwnProcess.chosen != nil, "it runs in processes that other tests start, and is counted there"))
struct OwnProcessTests {
    @Test("The work of a process of its own") func work() async throws { try await OwnProcess.chosen?.work() }
}
