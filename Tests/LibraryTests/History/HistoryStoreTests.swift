import Platform
import TestSupport
import Testing

@testable import History

@Suite("The history keeps samples and events on this machine, and no longer than it should")
struct HistoryStoreTests {
    static let now = Timestamp(seconds: 1_790_000_000)

    static func sample(_ at: Timestamp, _ used: Double?, account: String = "a", provider: String = "codex") -> UsageSample {
        UsageSample(
            at: at, provider: provider, accountId: account, window: "weekly", kind: "weekly", title: "weekly", usedPercent: used,
            resetsAt: used.map { _ in at + 86400 })
    }

    static func event(_ at: Timestamp, _ kind: UsageEvent.Kind, account: String = "a", provider: String = "codex") -> UsageEvent {
        UsageEvent(
            at: at, provider: provider, accountId: account, kind: kind, from: .optional(74.5), to: .optional(76.25), bucket: "ok",
            window: "weekly",
            threshold: 75)
    }

    @Test("What is written is read again, in its order and with every member, filtered by time, provider and account")
    func roundTrip() async throws {
        try await TemporaryFolder.with { folder in
            let store = HistoryStore(folder: folder.path)
            let samples = [
                Self.sample(Self.now, 12.5), Self.sample(Self.now + 60, nil), Self.sample(Self.now + 120, 100, account: "b"),
                Self.sample(Self.now + 180, 7, provider: "claude"),
            ]
            let events = UsageEvent.Kind.allCases.enumerated().map { Self.event(Self.now + $0.offset, $0.element) }
            try store.record(Array(samples.prefix(2)), [], keepDays: 90, now: Self.now)
            try store.record(Array(samples.dropFirst(2)), events, keepDays: 90, now: Self.now)
            let all = try store.read(since: Self.now, provider: nil)
            #expect(all.samples == samples && all.events == events)
            #expect(try store.read(since: Self.now + 60, provider: "codex").samples == [samples[1], samples[2]])
            #expect(try store.read(since: Self.now, provider: nil, accounts: ["b"]).samples == [samples[2]])
            #expect(try store.read(since: Self.now + 1000, provider: nil).events.isEmpty)
        }
    }

    @Test("The database is nobody else's to read, also the files beside it, and one that others may read is refused")
    func mode() async throws {
        try await TemporaryFolder.with { folder in
            let store = HistoryStore(folder: folder.path)
            try store.record([Self.sample(Self.now, 1)], [], keepDays: 90, now: Self.now)
            for name in folder.names() { #expect(folder.mode(of: name) == 0o600, "\(name)") }
            #expect(folder.names().contains("history.db"))
            let bytes = try #require(folder.read("history.db"))
            try folder.write(bytes, "history.db", mode: 0o644)
            #expect(throws: FileError.self) { try store.record([], [], keepDays: 90, now: Self.now) }
        }
    }

    @Test("What is older than it should be goes with the next writing")
    func retention() async throws {
        try await TemporaryFolder.with { folder in
            let store = HistoryStore(folder: folder.path)
            for day in 0..<10 {
                let at = Self.now + day * 86400
                try store.record([Self.sample(at, Double(day))], [Self.event(at, .windowReset)], keepDays: 3, now: at)
            }
            let kept = try store.read(since: Timestamp(seconds: 0), provider: nil)
            #expect(kept.samples.map(\.usedPercent) == [6, 7, 8, 9] && kept.events.count == 4)
        }
    }

    @Test("Reading makes nothing, and a history that is not there yet is an empty one")
    func nothing() async throws {
        try await TemporaryFolder.with { folder in
            let found = try HistoryStore(folder: folder.path).read(since: Self.now, provider: nil)
            #expect(found.samples.isEmpty && found.events.isEmpty && folder.names().isEmpty)
            let deeper = try HistoryStore(folder: folder.file("not/there")).read(since: Self.now, provider: nil)
            #expect(deeper.samples.isEmpty && folder.names().isEmpty)
        }
    }

    @Test("A file that is no database, a link and a newer version are refused by name and left as they are")
    func refused() async throws {
        try await TemporaryFolder.with { folder in
            let store = HistoryStore(folder: folder.path)
            try folder.write("this is no database, and has been one never", "history.db")
            #expect(throws: FileError.self) { try store.record([Self.sample(Self.now, 1)], [], keepDays: 90, now: Self.now) }
            #expect(folder.read("history.db").map { String(decoding: $0, as: UTF8.self) }?.hasPrefix("this is no database") == true)
        }
        try await TemporaryFolder.with { folder in
            let store = HistoryStore(folder: folder.path)
            try store.record([Self.sample(Self.now, 1)], [], keepDays: 90, now: Self.now)
            let database = try Database("history.db", in: try PrivateDirectory.open(folder.path))
            try database.run("PRAGMA user_version = 2")
            #expect(throws: FileError.self) { try store.record([], [], keepDays: 90, now: Self.now) }
        }
    }

    @Test("Twenty writers at once lose nothing")
    func writers() async throws {
        try await TemporaryFolder.with { folder in
            let store = HistoryStore(folder: folder.path)
            let failures = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        await onOwnThread {
                            do {
                                try store.record([Self.sample(Self.now + number, Double(number))], [], keepDays: 90, now: Self.now)
                                return false
                            } catch { return true }
                        }
                    }
                }
                var failures = 0
                for await isFailed in group where isFailed { failures += 1 }
                return failures
            }
            #expect(failures == 0)
            let found = try store.read(since: Self.now, provider: nil).samples.compactMap(\.usedPercent)
            #expect(found == (0..<20).map(Double.init))
        }
    }
}
