import Foundation
import Glibc
import Platform

/// Another process's memory, as root reads it.
package enum ForeignMemory {
    package struct Search: Sendable, CustomStringConvertible {
        package var bytes = 0
        /// Of each needle.
        package var hits: [Int]
        package var description: String { "\(hits) in \(bytes) bytes" }
    }

    /// Looks for each text, and then for each of the bytes, in everything that the process can write.
    package static func search(_ pid: Int32, for texts: [String], bytes: [[UInt8]] = []) throws -> Search {
        // Foundation reads no more than a page of a file whose size is said to be 0.
        guard let maps = PublicFile.read("/proc/\(pid)/maps", limit: 1 << 20) else { throw CocoaError(.fileReadNoPermission) }
        let memory = open("/proc/\(pid)/mem", O_RDONLY)
        guard memory >= 0 else { throw CocoaError(.fileReadNoPermission) }
        defer { close(memory) }
        let needles = texts.map { Data($0.utf8) } + bytes.map { Data($0) }
        var search = Search(hits: Array(repeating: 0, count: needles.count))
        for line in maps.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 1, fields[1].hasPrefix("rw") else { continue }
            let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard ends.count == 2 else { continue }
            var content = Data(count: Int(ends[1] - ends[0]))
            let got = content.withUnsafeMutableBytes { pread(memory, $0.baseAddress, $0.count, off_t(ends[0])) }
            guard got > 0 else { continue }
            content = content.prefix(got)
            search.bytes += got
            for (index, needle) in needles.enumerated() {
                var from = content.startIndex
                while let found = content.range(of: needle, in: from..<content.endIndex) {
                    search.hits[index] += 1
                    from = found.upperBound
                }
            }
        }
        return search
    }
}
