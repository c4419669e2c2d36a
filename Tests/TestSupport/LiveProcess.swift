import Foundation
import Platform

/// What /proc says of a running process: its threads and its open files. Another's needs root once it is not dumpable.
package struct LiveProcess: Sendable {
    package let pid: Int32

    package init(_ pid: Int32) { self.pid = pid }

    package var threads: [Int32] { names("task").compactMap { Int32($0) }.sorted() }

    /// The threads that wait in poll(2): the one that talks to a server.
    package var pollingThreads: [Int32] {
        threads.filter { PublicFile.read("/proc/\(pid)/task/\($0)/wchan", limit: 256)?.hasPrefix("poll_schedule") == true }
    }

    /// The files that are open, by descriptor.
    package var files: [Int32: String] {
        var files: [Int32: String] = [:]
        for name in names("fd") {
            guard let number = Int32(name) else { continue }
            files[number] = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(name)")
        }
        return files
    }

    /// Whether a program that the process starts would not inherit the descriptor.
    package func isClosedOnExec(_ descriptor: Int32) -> Bool {
        guard let text = PublicFile.read("/proc/\(pid)/fdinfo/\(descriptor)", limit: 4096),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("flags:") }),
            let flags = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).last.flatMap({ Int($0, radix: 8) })
        else { return false }
        return flags & 0o2000000 != 0
    }

    private func names(_ folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/\(folder)")) ?? []
    }
}

/// Polls until something is so.
package func until(_ what: String, patience: Duration = .seconds(20), _ isSo: () throws -> Bool) async throws {
    let deadline = TimeSource.system.elapsed() + patience
    while try !isSo() {
        guard TimeSource.system.elapsed() < deadline else { throw Scene.Failed(description: "waited in vain until \(what)") }
        await TimeSource.system.sleep(.milliseconds(2))
    }
}
