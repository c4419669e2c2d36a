import CSQLite

/// An SQLite database of ours, opened at first use (loading SQLite costs what `token` should not pay). Calls block; one thread
/// at a time.
@safe package final class Database {
    /// One column of a row, or one parameter of a statement.
    package enum Value: Sendable, Equatable {
        case null
        case integer(Int64)
        case real(Double)
        case text(String)

        /// Nil for every other kind, as `text` is.
        package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
        package var text: String? { if case .text(let value) = self { value } else { nil } }
        /// Also of a whole number: SQLite keeps 37.0 as it likes.
        package var real: Double? {
            switch self {
            case .real(let value): value
            case .integer(let value): Double(value)
            default: nil
            }
        }

        /// Nil becomes NULL.
        package static func optional(_ value: Double?) -> Value { value.map(Value.real) ?? .null }
        package static func optional(_ value: String?) -> Value { value.map(Value.text) ?? .null }
        package static func optional(_ value: Int64?) -> Value { value.map(Value.integer) ?? .null }
    }

    /// Why no database can be opened on this machine, which opens SQLite to see; nil where one can.
    package static var problem: String? {
        guard let why = unsafe csqlite_load() else { return nil }
        return unsafe String(cString: why)
    }

    private let path: String
    private let handle: OpaquePointer

    /// Opens a file of ours, making it (0600) where there is none; SQLite gives the files beside it the same mode.
    ///
    /// - Throws: `unsafe` for one that others may reach; `notFound` where SQLite is not installed; `system` where SQLite cannot
    ///   open it.
    package init(_ name: String, in directory: PrivateDirectory) throws(FileError) {
        path = directory.file(name)
        if try !directory.exists(name) { _ = try directory.openInPlace(name) }
        try directory.checkUnopened(name, .ours)
        var reason = csqlite_reason()
        guard let handle = unsafe csqlite_open(path, &reason) else {
            let text = Database.text(reason)
            throw FileError(text.contains("not installed") ? .notFound : .system(5), path, text)
        }
        unsafe self.handle = handle
    }

    deinit { unsafe csqlite_close(handle) }

    /// Runs one statement, `values` in the places of its question marks, and gives back its rows.
    ///
    /// - Throws: `system(EIO)` with SQLite's own words.
    @discardableResult
    package func run(_ statement: String, _ values: [Value] = []) throws(FileError) -> [[Value]] {
        var reason = csqlite_reason()
        guard let prepared = unsafe csqlite_prepare(handle, statement, &reason) else { throw failure(reason) }
        defer { unsafe csqlite_finalize(prepared) }
        for (index, value) in values.enumerated() {
            let position = Int32(index + 1)
            switch value {
            case .null: unsafe csqlite_bind_null(prepared, position)
            case .integer(let value): unsafe csqlite_bind_integer(prepared, position, value)
            case .real(let value): unsafe csqlite_bind_real(prepared, position, value)
            case .text(let value): unsafe csqlite_bind_text(prepared, position, value)
            }
        }
        var rows: [[Value]] = []
        while true {
            let step = unsafe csqlite_step(handle, prepared, &reason)
            if step == 0 { return rows }
            guard step == 1 else { throw failure(reason) }
            let count = unsafe csqlite_column_count(prepared)
            rows.append((0..<count).map { unsafe Database.value(prepared, $0) })
        }
    }

    /// Everything of the body, or nothing of it; waits up to 5 s for who writes already.
    ///
    /// - Throws: what the body throws, and `system`.
    package func transaction(_ body: () throws(FileError) -> Void) throws(FileError) {
        try run("BEGIN IMMEDIATE")
        do throws(FileError) { try body() } catch {
            _ = try? run("ROLLBACK")
            throw error
        }
        try run("COMMIT")
    }

    private static func value(_ statement: OpaquePointer, _ column: Int32) -> Value {
        switch unsafe csqlite_column_type(statement, column) {
        case CSQLITE_NULL: return .null
        case CSQLITE_INTEGER: return .integer(unsafe csqlite_column_integer(statement, column))
        case CSQLITE_REAL: return .real(unsafe csqlite_column_real(statement, column))
        default:
            var count = 0
            guard let bytes = unsafe csqlite_column_bytes(statement, column, &count) else { return .text("") }
            return unsafe .text(String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self))
        }
    }

    private func failure(_ reason: csqlite_reason) -> FileError { FileError(.system(5), path, Database.text(reason)) }

    private static func text(_ reason: csqlite_reason) -> String {
        var reason = reason
        return unsafe withUnsafeBytes(of: &reason.text) { buffer in
            String(decoding: unsafe buffer.prefix { $0 != 0 }.map { $0 }, as: UTF8.self)
        }
    }
}
