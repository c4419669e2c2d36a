import Foundation
import Glibc
import Platform

/// Looks again and again at what /proc shows of the program's processes: their command lines and environments.
package final class ProcessWatch: Sendable {
    private struct State: Sendable {
        var commandLines: Set<[UInt8]> = []
        var environments: Set<[UInt8]> = []
        var isOver = false
    }

    private let state = Guarded(State())

    /// Runs while the body does.
    package static func during(_ body: () async throws -> Void) async throws -> ProcessWatch {
        let watch = ProcessWatch()
        try startThread {
            while !watch.state.withLock({ $0.isOver }) {
                watch.look()
                usleep(3000)
            }
        }
        defer { watch.state.withLock { $0.isOver = true } }
        try await body()
        return watch
    }

    /// Of every process of the program that was seen, each text once.
    package var commandLines: [[UInt8]] { state.withLock { Array($0.commandLines) } }
    /// Only of those that the kernel lets us see.
    package var environments: [[UInt8]] { state.withLock { Array($0.environments) } }

    private func look() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] where Int32(name) != nil {
            guard let line = read("/proc/\(name)/cmdline"), isOurs(line) else { continue }
            let environment = read("/proc/\(name)/environ")
            state.withLock { state in
                state.commandLines.insert(line)
                if let environment, !environment.isEmpty { state.environments.insert(environment) }
            }
        }
    }

    private func isOurs(_ line: [UInt8]) -> Bool {
        let program = String(decoding: line.prefix { $0 != 0 }, as: UTF8.self)
        return program.hasSuffix("/ai-usage-agent") || program.hasSuffix("/ai-usage-keyring")
    }

    private func read(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return Pipe.read(descriptor)
    }
}
