import Foundation

/// What strace wrote of a flight: its calls in the order in which they began.
package struct FaultTrace: Sendable {
    package struct Call: Sendable {
        package let thread: Int32
        /// Seconds.
        package let begin: Double
        package fileprivate(set) var end: Double?
        package let name: String
        /// Among the calls of this name of its thread, from 1: what `when=` counts.
        package let ordinal: Int
        package fileprivate(set) var text: String

        package var isInjected: Bool { text.hasSuffix("(INJECTED)") }
    }

    package private(set) var calls: [Call] = []
    package private(set) var wasKilled = false

    /// Calls that touch neither a file nor a socket, and those that only wait for other threads.
    private static let ignored: Set<String> = ["mmap", "epoll_wait", "epoll_pwait", "epoll_ctl", "restart_syscall"]

    /// - Parameter text: of `strace -ttt -o`, with or without thread ids.
    package init(_ text: String) {
        var counts: [String: Int] = [:]
        var unfinished: [Int32: Int] = [:]
        for line in text.split(separator: "\n") {
            var fields = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)[...]
            var thread: Int32 = 0
            if let first = fields.first, let number = Int32(first) {
                thread = number
                fields = fields.dropFirst()
            } else {
                fields = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)[...]
            }
            guard fields.count == 2, let time = fields.first.flatMap({ Double($0) }), let rest = fields.last else { continue }
            if rest.hasPrefix("+++ killed by SIGKILL") { wasKilled = true }
            if rest.hasPrefix("<... ") {
                if let index = unfinished.removeValue(forKey: thread), !rest.hasSuffix("= ?") {
                    calls[index].end = time
                    calls[index].text += " " + rest
                }
                continue
            }
            guard let parenthesis = rest.firstIndex(of: "("), rest.first?.isLetter == true else { continue }
            let name = String(rest[..<parenthesis])
            let ordinal = counts["\(thread) \(name)", default: 0] + 1
            counts["\(thread) \(name)"] = ordinal
            guard !FaultTrace.ignored.contains(name) else { continue }
            var call = Call(thread: thread, begin: time, name: name, ordinal: ordinal, text: String(rest))
            if rest.hasSuffix("<unfinished ...>") {
                unfinished[thread] = calls.count
            } else if !rest.hasSuffix("= ?") {
                call.end = time
            }
            calls.append(call)
        }
    }

    /// The calls of the flight: what comes after the account's lock was given back is no part of it.
    package var flight: ArraySlice<Call> {
        let end = calls.lastIndex { $0.name == "close" && $0.text.contains("/locks/account-") }
        return calls[..<(end.map { $0 + 1 } ?? calls.endIndex)]
    }

    /// Where the request left.
    package var request: Call? { calls.first { $0.name == "sendto" && $0.text.contains("POST /oauth/token") } }

    /// The write after which a killed process has lost nothing, if it was made.
    package var result: Call? { calls.first { $0.name == "pwrite64" && $0.text.contains("AUAJ-RESULT") } }

    /// The call at which the process was killed.
    package func killed(at name: String, _ ordinal: Int) -> Call? {
        guard wasKilled else { return nil }
        return calls.last { $0.name == name && $0.ordinal == ordinal && $0.end == nil }
    }

    package var injected: Call? { calls.first { $0.isInjected } }
}
