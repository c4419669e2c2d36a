package import Logging
package import Platform

/// Who was given which account's token, as JSON lines in the state directory: `audit.log`, 0600, at most five files of a
/// mebibyte. Never a token.
///
/// Noting costs the event thread a look into /proc; writing happens elsewhere, after the answer. What one process asks of one
/// account again within a minute is counted and not written.
package final class AuditLog: Sendable {
    static let fileName = "audit.log"
    static let largestFile = 1 << 20
    /// Older files: audit.log.1 is the newest of them.
    static let keptFiles = 4
    static let window = 60
    /// Lines that wait for a disk that does not answer; beyond them only their number is kept.
    private static let mostWaiting = 10_000

    private struct Key: Hashable {
        let process: Int32
        let accountId: String
    }

    private struct Window {
        let begun: Timestamp
        let entry: JSONObject
        var repeats = 0
    }

    private struct Content: Sendable {
        var windows: [Key: Window] = [:]
        var waiting: [String] = []
        var dropped = 0
        /// One writer at a time: the files are rotated.
        var isWriting = false
        /// Who waits until there is nothing left to write.
        var flushing: [CheckedContinuation<Void, Never>] = []
    }

    private let content = Guarded(Content())
    private let directory: String
    private let time: TimeSource
    private let logger: Logger
    private let isFailing = Guarded(false)

    /// - Parameter directory: of the program's state; made (0700) where it is missing.
    package init(directory: String, time: TimeSource, logger: Logger) {
        self.directory = directory
        self.time = time
        self.logger = logger
    }

    /// A token was given to that peer.
    func note(_ peer: Peer, provider: String, accountId: String, at now: Timestamp) {
        let key = Key(process: peer.process, accountId: accountId)
        let isRepeat = content.change { content in
            guard let window = content.windows[key], now - window.begun < AuditLog.window, now - window.begun >= 0 else { return false }
            content.windows[key]?.repeats += 1
            return true
        }
        if isRepeat { return }
        let program = peer.program
        var entry: JSONObject = [
            "time": .string(now.description), "uid": .number(JSONNumber(Int(peer.user))), "pid": .number(JSONNumber(Int(peer.process))),
            "executable": .optional(program.path), "command": .optional(program.name), "provider": .string(provider),
            "account": .string(accountId),
        ]
        // Our own commands keep others out: what they were started by says more.
        if program.path == nil, let parent = peer.parent {
            let starter = parent.program
            entry["parent"] = [
                "pid": .number(JSONNumber(Int(parent.process))), "executable": .optional(starter.path), "command": .optional(starter.name),
            ]
        }
        content.change { content in
            if let window = content.windows[key] { AuditLog.close(window, now, &content) }
            content.windows[key] = Window(begun: now, entry: entry)
            AuditLog.add(JSONValue.object(entry).compact, &content)
        }
        startWriting()
    }

    /// Writes the counts of windows that are over; all of them with `everything`.
    func sweep(everything: Bool = false) {
        let now = time.now()
        content.change { content in
            for (key, window) in content.windows where everything || now - window.begun >= AuditLog.window || now < window.begun {
                AuditLog.close(window, now, &content)
                content.windows[key] = nil
            }
        }
        startWriting()
    }

    /// Waits until everything that was noted is on the disk, or cannot be.
    func flush() async {
        sweep(everything: true)
        await withCheckedContinuation { continuation in
            let isIdle = content.change { content in
                if content.isWriting { content.flushing.append(continuation) }
                return !content.isWriting
            }
            if isIdle { continuation.resume() }
        }
    }

    private static func close(_ window: Window, _ now: Timestamp, _ content: inout Content) {
        guard window.repeats > 0 else { return }
        var entry = window.entry
        entry["time"] = .string(now.description)
        entry["repeats"] = .number(JSONNumber(window.repeats))
        add(JSONValue.object(entry).compact, &content)
    }

    private static func add(_ line: String, _ content: inout Content) {
        guard content.waiting.count < mostWaiting else {
            content.dropped += 1
            return
        }
        content.waiting.append(line)
    }

    private func startWriting() {
        let isMine = content.change { content in
            guard !content.isWriting, !content.waiting.isEmpty else { return false }
            content.isWriting = true
            return true
        }
        if isMine { Task { write() } }
    }

    private func write() {
        while true {
            let (lines, dropped, flushing) = content.change { content in
                let taken = (content.waiting, content.dropped, content.waiting.isEmpty ? content.flushing : [])
                content.isWriting = !content.waiting.isEmpty
                if !content.isWriting { content.flushing = [] }
                content.waiting = []
                content.dropped = 0
                return taken
            }
            for waiter in flushing { waiter.resume() }
            if lines.isEmpty { return }
            var text = lines.joined(separator: "\n") + "\n"
            if dropped > 0 {
                let entry: JSONObject = ["time": .string(time.now().description), "dropped": .number(JSONNumber(dropped))]
                text += JSONValue.object(entry).compact + "\n"
            }
            do throws(FileError) {
                try append(text)
                let wasFailing = isFailing.change { isFailing in
                    defer { isFailing = false }
                    return isFailing
                }
                if wasFailing { logger.notice("the audit log is written again") }
            } catch {
                let isNews = isFailing.change { isFailing in
                    defer { isFailing = true }
                    return !isFailing
                }
                if isNews { logger.error("the audit log cannot be written", metadata: ["reason": "\(error)"]) }
            }
        }
    }

    private func append(_ text: String) throws(FileError) {
        let directory = try PrivateDirectory.open(directory, create: true)
        let file = try AppendFile(directory.file(AuditLog.fileName))
        if file.size > 0, file.size + text.utf8.count > AuditLog.largestFile {
            try rotate(directory)
            try AppendFile(directory.file(AuditLog.fileName)).append(text)
        } else {
            try file.append(text)
        }
    }

    private func rotate(_ directory: PrivateDirectory) throws(FileError) {
        for number in stride(from: AuditLog.keptFiles, through: 1, by: -1) {
            let older = number == 1 ? AuditLog.fileName : "\(AuditLog.fileName).\(number - 1)"
            if try directory.exists(older) { try directory.rename(older, to: "\(AuditLog.fileName).\(number)") }
        }
    }
}
