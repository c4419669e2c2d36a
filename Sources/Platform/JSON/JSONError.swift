/// Why a text is not the strict JSON this program reads (RFC 8259, UTF-8, no duplicate names), and where.
package struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    /// One clause for people; it repeats no value, at most a member's name.
    package let reason: String
    /// Both count from 1; the column counts bytes.
    package let line: Int
    package let column: Int

    package var description: String { "\(reason) at line \(line), column \(column)" }
}
