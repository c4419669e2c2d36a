import Glibc
import Platform

/// A program under strace: which calls it makes, and what happens when it ends or halts at one of them.
package struct SystemCalls: Sendable {
    /// Where strace writes.
    package let trace: String
    /// The directories of our own files. strace counts per thread, and the loader opens its libraries in one of them.
    private let folders: [String]

    package static var isPossible: Bool { Program.find("strace") != nil }
    package static let missing = "strace is missing: apt-get install strace"

    /// What moves a file from one state to the next, whichever of them the C library uses.
    package static let changes = ["write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink", "unlinkat"]
    /// Every look at one of our files.
    package static let looks = ["openat"]

    /// - Parameter more: further directories in which a look counts.
    package init(_ home: Home, _ name: String = "trace", more: [String] = []) {
        trace = home.path + "/" + name
        folders = [home.data, home.data + "/locks", home.data + "/journal", home.configuration, home.path + "/state/ai-usage-agent"] + more
    }

    /// One call, as it was made.
    package struct Call: Sendable, CustomStringConvertible {
        package let thread: Int32
        package let name: String
        /// Which one of its name in its thread, from 1.
        package let number: Int
        package let text: String
        package var description: String { "\(name) \(number): \(text)" }
    }

    /// One place at which a program can be met: the n-th call of that name in any of its threads.
    package struct Point: Sendable, Hashable, CustomStringConvertible {
        fileprivate let names: [String]
        package let number: Int
        /// Counts only calls with that argument.
        fileprivate let argument: String?

        package init(_ name: String, _ number: Int) { (names, self.number, argument) = ([name], number, nil) }

        private init(_ names: [String], to argument: String) { (self.names, number, self.argument) = (names, 1, argument) }

        /// Where a file gets its name, whichever call the C library makes of it.
        package static func rename(to name: String) -> Point { Point(["renameat", "renameat2"], to: name) }

        package var description: String { argument.map { "renaming to \($0)" } ?? "\(names[0]) \(number)" }

        package func isMet(by call: Call?) -> Bool { call.map { names.contains($0.name) && $0.text.contains(argument ?? "") } ?? false }

        /// Whether nothing but a look was taken there.
        package var isLook: Bool { names == SystemCalls.looks }
    }

    // MARK: - What goes before the program

    /// - Parameter names: `changes` or `looks`.
    package func watching(_ names: [String]) -> [String] { wrapper(names) }

    /// Ends the program, as by kill -9, where it is about to make that call.
    package func killing(at point: Point) -> [String] { wrapper(point.names, "SIGKILL", point) }

    /// Halts the program right after that call, until `go` is called.
    package func halting(after point: Point) -> [String] { wrapper(point.names, "SIGSTOP", point) }

    private func wrapper(_ names: [String], _ signal: String? = nil, _ point: Point? = nil) -> [String] {
        var line = [Program.find("strace") ?? "strace", "-f", "-o", trace]
        if names == SystemCalls.looks { line += folders.flatMap { ["-P", $0] } }
        if let argument = point?.argument { line += ["-P", argument] }
        let calls = names.map { "?" + $0 }.joined(separator: ",")
        line += ["-e", "trace=" + calls]
        if let signal, let point { line += ["-e", "inject=\(calls):signal=\(signal):when=\(point.number)"] }
        return line
    }

    // MARK: - What came of it

    private func lines() -> [Substring] {
        (PublicFile.read(trace, limit: 64 << 20) ?? "").split(separator: "\n")
    }

    /// Every call, in order; one that was resumed after others stands where it began.
    package func calls() -> [Call] {
        var counts: [String: Int] = [:]
        return lines().compactMap { line in
            // The number is padded.
            let digits = line.prefix { $0.isNumber }
            let text = line.dropFirst(digits.count).drop { $0 == " " }
            guard let thread = Int32(digits), let end = text.firstIndex(of: "("), text.first?.isLetter == true else { return nil }
            let name = String(text[..<end])
            counts["\(thread) \(name)", default: 0] += 1
            return Call(thread: thread, name: name, number: counts["\(thread) \(name)"] ?? 0, text: String(text))
        }
    }

    /// The places from the first call that names `mark` on, each once.
    package func points(from mark: String) -> [Point] {
        var seen: Set<Point> = []
        let calls = calls()
        guard let first = calls.firstIndex(where: { $0.text.contains(mark) }) else { return [] }
        return calls[first...].map { Point($0.name, $0.number) }.filter { seen.insert($0).inserted }
    }

    /// The call that the program was about to make when it was killed; nil if it was not.
    package func cutCall() -> Call? {
        let lines = lines()
        guard lines.contains(where: { $0.hasSuffix("+++ killed by SIGKILL +++") }) else { return nil }
        // Without a result: "= ?".
        return calls().last { $0.text.hasSuffix("= ?") || $0.text.hasSuffix("<unfinished ...>") || $0.text.hasSuffix("= ? <unavailable>") }
    }

    /// The threads that halted, now or before.
    private func halted() -> Set<Int32> {
        Set(lines().filter { $0.hasSuffix("--- stopped by SIGSTOP ---") }.compactMap { Int32($0.prefix { $0.isNumber }) })
    }

    package var isHalted: Bool { !halted().isEmpty }

    /// Waits until the program halts.
    ///
    /// - Returns: false if it ended without.
    package func halts(_ child: Child) async -> Bool {
        while !isHalted {
            if child.hasEnded { return isHalted }
            await TimeSource.system.sleep(.milliseconds(2))
        }
        return true
    }

    /// Lets a halted program go on, to its end: another of its threads may halt at its own n-th call.
    package func go(_ child: Child) async {
        while !child.hasEnded {
            // One of them may be gone by now; each stands for its process.
            for thread in halted() { kill(thread, SIGCONT) }
            _ = await child.end(within: .milliseconds(3))
        }
    }
}
