import Glibc
import Logging
import Platform
import TestSupport
import Testing

@testable import Agent

@Suite("The audit log")
struct AuditLogTests {
    private static let quiet = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
    private static let own = Peer(user: Peer.ownUser, process: Int32(Platform.OwnProcess.pid))

    private static func lines(_ folder: TemporaryFolder, _ name: String = AuditLog.fileName) throws -> [JSONValue] {
        guard let text = PublicFile.read(folder.file(name), limit: 2 << 20) else { return [] }
        return try text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    @Test("One line for a process and an account; what it asks again within a minute is counted in one more")
    func repeats() async throws {
        try await TemporaryFolder.with { folder in
            let clock = OAuthClock()
            let log = AuditLog(directory: folder.path, time: clock.source, logger: AuditLogTests.quiet)
            for _ in 0..<100 { log.note(AuditLogTests.own, provider: "codex", accountId: "a", at: clock.now) }
            log.note(AuditLogTests.own, provider: "codex", accountId: "b", at: clock.now)
            clock.advance(61)
            log.note(AuditLogTests.own, provider: "codex", accountId: "a", at: clock.now)
            await log.flush()
            let lines = try AuditLogTests.lines(folder)
            #expect(lines.map { $0["account"].string } == ["a", "b", "a", "a"], "\(lines)")
            #expect(lines.map { $0["repeats"].number?.integer } == [nil, nil, 99, nil])
            let first = try #require(lines.first)
            #expect(first.object?.names == ["time", "uid", "pid", "executable", "command", "provider", "account"])
            #expect(first["pid"].number?.integer == Platform.OwnProcess.pid && first["uid"].number?.integer == Int(Peer.ownUser))
            #expect(first["executable"].string == Platform.OwnProcess.program)
        }
    }

    @Test("Of a process whose program cannot be seen, as of our own commands, it names what started it")
    func parent() async throws {
        try await TemporaryFolder.with { folder in
            // One that has ended and that nobody has asked for yet shows its name, and no program.
            var ended: pid_t = 0
            var arguments = [strdup("/bin/true"), nil]
            defer { free(arguments[0]) }
            try #require(posix_spawn(&ended, "/bin/true", nil, nil, &arguments, nil) == 0)
            defer { waitpid(ended, nil, 0) }
            while PublicFile.read("/proc/\(ended)/stat")?.contains(") Z ") != true { await TimeSource.system.sleep(.milliseconds(2)) }
            let clock = OAuthClock()
            let log = AuditLog(directory: folder.path, time: clock.source, logger: AuditLogTests.quiet)
            log.note(Peer(user: Peer.ownUser, process: ended), provider: "codex", accountId: "a", at: clock.now)
            await log.flush()
            let line = try #require(try AuditLogTests.lines(folder).first)
            #expect(line["executable"].isNull && line["command"] == "true", "\(line)")
            #expect(line["parent"]["pid"].number?.integer == Platform.OwnProcess.pid)
            #expect(line["parent"]["executable"].string == Platform.OwnProcess.program)
        }
    }

    @Test("Whoever waits for it has everything on the disk, although others write at the same time; each line stands there once")
    func flushing() async throws {
        try await TemporaryFolder.with { folder in
            let clock = OAuthClock()
            let log = AuditLog(directory: folder.path, time: clock.source, logger: AuditLogTests.quiet)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        for number in 0..<50 {
                            let process = Int32(4_000_000 + writer * 1000 + number)
                            log.note(Peer(user: 0, process: process), provider: "codex", accountId: "a", at: clock.now)
                            await log.flush()
                            let isThere = try AuditLogTests.lines(folder).contains { $0["pid"].number?.integer == Int(process) }
                            #expect(isThere)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let processes = try AuditLogTests.lines(folder).compactMap { $0["pid"].number?.integer }
            #expect(processes.count == 400 && Set(processes).count == 400)
        }
    }

    @Test("It is 0600 in a directory 0700, and grows to five files of a mebibyte at most")
    func rotation() async throws {
        try await TemporaryFolder.with { folder in
            let clock = OAuthClock()
            let state = folder.file("state")
            let log = AuditLog(directory: state, time: clock.source, logger: AuditLogTests.quiet)
            // Each of another process, so that none is a repeat.
            for round in 0..<40 {
                for number in 0..<1000 {
                    log.note(
                        Peer(user: 0, process: Int32(4_000_000 + round * 1000 + number)), provider: "codex", accountId: "a", at: clock.now)
                }
                await log.flush()
            }
            let names = try PrivateDirectory.open(state).names()
            #expect(names == ["audit.log", "audit.log.1", "audit.log.2", "audit.log.3", "audit.log.4"])
            for name in names {
                let content = try PrivateDirectory.open(state).read(name)
                #expect(content.count <= AuditLog.largestFile)
            }
        }
    }

    @Test("A directory that cannot be written is reported once, costs no answer, and is written again when it can be")
    func unwritable() async throws {
        try await TemporaryFolder.with { folder in
            let clock = OAuthClock()
            // A file where the directory should be.
            let blocked = folder.file("state")
            let blocker = try AppendFile(blocked)
            try blocker.append("x")
            let reports = Guarded<[Logger.Level]>([])
            let logger = Logger(label: "tests") { _ in CollectingLog { level in reports.withLock { $0.append(level) } } }
            let log = AuditLog(directory: blocked, time: clock.source, logger: logger)
            for process in 1...20 {
                log.note(Peer(user: 0, process: Int32(4_000_000 + process)), provider: "codex", accountId: "a", at: clock.now)
                await log.flush()
            }
            #expect(reports.withLock { $0 } == [.error])
            try PrivateDirectory.open(folder.path).remove("state")
            log.note(AuditLogTests.own, provider: "codex", accountId: "a", at: clock.now)
            await log.flush()
            #expect(reports.withLock { $0 } == [.error, .notice])
            #expect(PublicFile.read(blocked + "/audit.log")?.contains("codex") == true)
        }
    }
}

/// Tells the level of every message.
private struct CollectingLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug
    var metadataProvider: Logger.MetadataProvider?
    let note: @Sendable (Logger.Level) -> Void

    init(_ note: @escaping @Sendable (Logger.Level) -> Void) { self.note = note }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { note(event.level) }
}
