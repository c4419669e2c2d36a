package import Platform

/// The local history: samples of usage and events, in `$XDG_STATE_HOME/ai-usage-agent/history.db` (SQLite, 0600). Nothing of it
/// ever leaves the machine. Calls block.
package struct HistoryStore: Sendable {
    private static let file = "history.db"
    private static let version: Int64 = 1

    private let folder: String

    /// - Parameter folder: the program's directory of state.
    package init(folder: String) { self.folder = folder }

    package var path: String { folder + "/" + HistoryStore.file }

    /// Adds what happened and drops what is older than `keepDays`.
    ///
    /// - Throws: `FileError`, `notFound` where SQLite is not installed.
    package func record(_ samples: [UsageSample], _ events: [UsageEvent], keepDays: Int, now: Timestamp) throws(FileError) {
        let database = try open(create: true)
        try database.transaction { () throws(FileError) in
            for sample in samples {
                try database.run(
                    "INSERT INTO samples (at, provider, account, window, kind, title, used, resets) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        .integer(sample.at.milliseconds), .text(sample.provider), .text(sample.accountId), .text(sample.window),
                        .text(sample.kind), .text(sample.title), .optional(sample.usedPercent), .optional(sample.resetsAt?.milliseconds),
                    ])
            }
            for event in events {
                try database.run(
                    "INSERT INTO events (at, provider, account, type, origin, target, bucket, window, threshold) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        .integer(event.at.milliseconds), .text(event.provider), .text(event.accountId), .text(event.kind.rawValue),
                        .text(event.from.compact), .text(event.to.compact), .text(event.bucket), .optional(event.window),
                        .optional(event.threshold),
                    ])
            }
            let oldest = now + -keepDays * 86400
            for table in ["samples", "events"] {
                try database.run("DELETE FROM \(table) WHERE at < ?", [.integer(oldest.milliseconds)])
            }
        }
    }

    /// What is known since a moment, oldest first; nothing where there is no history yet.
    ///
    /// - Parameters:
    ///   - provider: nil for all.
    ///   - accounts: their ids; nil for all.
    /// - Throws: as `record`; a file of a newer version is `system`.
    package func read(since: Timestamp, provider: String?, accounts: Set<String>? = nil) throws(FileError)
        -> (samples: [UsageSample], events: [UsageEvent])
    {
        let database: Database
        do throws(FileError) { database = try open(create: false) } catch {
            if error.kind == .notFound, error.path != path { return ([], []) }
            throw error
        }
        let filter = "WHERE at >= ?1 AND (?2 IS NULL OR provider = ?2) ORDER BY at, rowid"
        let values: [Database.Value] = [.integer(since.milliseconds), .optional(provider)]
        let samples = try database.run("SELECT at, provider, account, window, kind, title, used, resets FROM samples " + filter, values)
        let events = try database.run(
            "SELECT at, provider, account, type, origin, target, bucket, window, threshold FROM events " + filter, values)
        func isWanted(_ account: String) -> Bool { accounts?.contains(account) ?? true }
        return (
            samples.compactMap(HistoryStore.sample).filter { isWanted($0.accountId) },
            events.compactMap(HistoryStore.event).filter { isWanted($0.accountId) }
        )
    }

    private static func sample(_ row: [Database.Value]) -> UsageSample? {
        guard row.count == 8, let at = row[0].integer, let provider = row[1].text, let account = row[2].text, let window = row[3].text,
            let kind = row[4].text, let title = row[5].text
        else { return nil }
        return UsageSample(
            at: Timestamp(milliseconds: at), provider: provider, accountId: account, window: window, kind: kind, title: title,
            usedPercent: row[6].real, resetsAt: row[7].integer.map { Timestamp(milliseconds: $0) })
    }

    private static func event(_ row: [Database.Value]) -> UsageEvent? {
        func value(_ text: String?) -> JSONValue { text.flatMap { try? JSONValue(parsing: $0) } ?? .null }
        guard row.count == 9, let at = row[0].integer, let provider = row[1].text, let account = row[2].text,
            let kind = row[3].text.flatMap(UsageEvent.Kind.init), let bucket = row[6].text
        else { return nil }
        return UsageEvent(
            at: Timestamp(milliseconds: at), provider: provider, accountId: account, kind: kind, from: value(row[4].text),
            to: value(row[5].text), bucket: bucket, window: row[7].text, threshold: row[8].real)
    }

    // MARK: - The file

    private func open(create: Bool) throws(FileError) -> Database {
        let directory = try PrivateDirectory.open(folder, create: create)
        // Reading makes nothing.
        if !create, !(try directory.exists(HistoryStore.file)) { throw FileError(.notFound, folder, "has no history") }
        let database = try Database(HistoryStore.file, in: directory)
        let found = try database.run("PRAGMA user_version").first?.first?.integer ?? 0
        guard found <= HistoryStore.version else {
            throw FileError(.system(5), path, "was written by a newer version of this program")
        }
        if found == 0 { try make(database) }
        return database
    }

    private func make(_ database: Database) throws(FileError) {
        try database.transaction { () throws(FileError) in
            // Somebody else may have been first.
            for statement in [
                "CREATE TABLE IF NOT EXISTS samples (at INTEGER NOT NULL, provider TEXT NOT NULL, account TEXT NOT NULL, window TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL, used REAL, resets INTEGER)",
                "CREATE TABLE IF NOT EXISTS events (at INTEGER NOT NULL, provider TEXT NOT NULL, account TEXT NOT NULL, type TEXT NOT NULL, origin TEXT NOT NULL, target TEXT NOT NULL, bucket TEXT NOT NULL, window TEXT, threshold REAL)",
                "CREATE INDEX IF NOT EXISTS samples_at ON samples (at)", "CREATE INDEX IF NOT EXISTS events_at ON events (at)",
                "PRAGMA user_version = \(HistoryStore.version)",
            ] { try database.run(statement) }
        }
    }
}
