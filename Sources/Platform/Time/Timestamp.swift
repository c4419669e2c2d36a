import Glibc

/// A moment of the wall clock in milliseconds since 1970, written as ISO 8601 in UTC.
package struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Since 1970, in UTC.
    package let milliseconds: Int64

    /// A moment outside of the years 0 to 9999 is cut to the nearest one in them: the number may be a server's, and what is
    /// written down must be readable again.
    package init(milliseconds: Int64) { self.milliseconds = min(max(milliseconds, Timestamp.earliest), Timestamp.latest) }
    /// Cut to the years 0 to 9999 likewise.
    package init(seconds: Int) { self.init(milliseconds: Timestamp.scaled(seconds)) }

    /// 0000-01-01T00:00:00Z
    private static let earliest: Int64 = -62_167_219_200_000
    /// 9999-12-31T23:59:59.999Z
    private static let latest: Int64 = 253_402_300_799_999

    /// Whole seconds since 1970, rounded down.
    package var seconds: Int { Timestamp.wholeSeconds(milliseconds) }

    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }
    /// So many seconds later; cut to what can be held.
    package static func + (time: Timestamp, seconds: Int) -> Timestamp {
        Timestamp(milliseconds: sum(time.milliseconds, scaled(seconds)))
    }
    /// Seconds from `b` to `a`, rounded down.
    package static func - (a: Timestamp, b: Timestamp) -> Int { wholeSeconds(a.milliseconds - b.milliseconds) }

    private static func wholeSeconds(_ milliseconds: Int64) -> Int {
        let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1000)
        return Int(rest < 0 ? seconds - 1 : seconds)
    }

    private static func scaled(_ seconds: Int) -> Int64 {
        let (product, isCut) = Int64(seconds).multipliedReportingOverflow(by: 1000)
        return isCut ? (seconds < 0 ? .min : .max) : product
    }

    private static func sum(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, isCut) = a.addingReportingOverflow(b)
        return isCut ? (b < 0 ? .min : .max) : sum
    }

    /// The same moment without its milliseconds.
    package var wholeSeconds: Timestamp { Timestamp(seconds: seconds) }

    /// `2026-11-21T09:05:59Z`, with milliseconds where there are any.
    package var description: String {
        let parts = unsafe broken(gmtime_r)
        let rest = (milliseconds % 1000 + 1000) % 1000
        let fraction = rest == 0 ? "" : "." + Timestamp.pad(Int(rest), 3)
        return "\(Timestamp.pad(parts.year, 4))-\(Timestamp.pad(parts.month, 2))-\(Timestamp.pad(parts.day, 2))T"
            + "\(Timestamp.pad(parts.hour, 2)):\(Timestamp.pad(parts.minute, 2)):\(Timestamp.pad(parts.second, 2))\(fraction)Z"
    }

    /// Reads ISO 8601 date and time with `Z` or an offset, with or without a fraction; nil for anything else.
    package init?(_ text: String) {
        var scanner = Scanner(bytes: Array(text.utf8))
        guard let year = scanner.digits(4), scanner.take("-"), let month = scanner.digits(2), scanner.take("-"),
            let day = scanner.digits(2), scanner.take("T") || scanner.take("t") || scanner.take(" "),
            let hour = scanner.digits(2), scanner.take(":"), let minute = scanner.digits(2), scanner.take(":"),
            let second = scanner.digits(2), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        var fraction = 0
        if scanner.take(".") {
            guard let value = scanner.milliseconds() else { return nil }
            fraction = value
        }
        var offset = 0
        if !(scanner.take("Z") || scanner.take("z")) {
            let sign = scanner.take("+") ? 1 : scanner.take("-") ? -1 : 0
            guard sign != 0, let hours = scanner.digits(2) else { return nil }
            _ = scanner.take(":")
            guard let minutes = scanner.digits(2), hours < 24, minutes < 60 else { return nil }
            offset = sign * (hours * 3600 + minutes * 60)
        }
        guard scanner.atEnd, day <= Timestamp.days(in: month, of: year) else { return nil }
        var parts = unsafe tm(
            tm_sec: Int32(second), tm_min: Int32(minute), tm_hour: Int32(hour), tm_mday: Int32(day),
            tm_mon: Int32(month - 1), tm_year: Int32(year - 1900), tm_wday: 0, tm_yday: 0, tm_isdst: 0, tm_gmtoff: 0,
            tm_zone: nil)
        let seconds = unsafe timegm(&parts)
        self.init(milliseconds: Int64(seconds - offset) * 1000 + Int64(fraction))
    }

    /// Reads a date as HTTP writes it, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7); nil for its older forms.
    package static func ofHTTP(_ text: String) -> Timestamp? {
        let words = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard words.count == 6, words[5] == "GMT", let month = months.firstIndex(of: String(words[2])) else { return nil }
        return Timestamp("\(words[3])-\(Timestamp.pad(month + 1, 2))-\(words[1])T\(words[4])Z")
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// The local calendar's view of the moment, for people.
    package var local: Parts { unsafe broken(localtime_r) }

    /// The same in UTC.
    package var utc: Parts { unsafe broken(gmtime_r) }

    /// Month from 1, weekday from 0, which is Sunday.
    package struct Parts: Sendable, Equatable {
        package let year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int, weekday: Int
    }

    private func broken(_ convert: (UnsafePointer<time_t>, UnsafeMutablePointer<tm>) -> UnsafeMutablePointer<tm>?) -> Parts {
        var seconds = time_t(self.seconds)
        var parts = unsafe tm()
        _ = unsafe convert(&seconds, &parts)
        return unsafe Parts(
            year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday), hour: Int(parts.tm_hour),
            minute: Int(parts.tm_min), second: Int(parts.tm_sec), weekday: Int(parts.tm_wday))
    }

    /// With zeros in front.
    package static func pad(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    private struct Scanner {
        let bytes: [UInt8]
        var position = 0

        var atEnd: Bool { position == bytes.count }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        mutating func digits(_ count: Int) -> Int? {
            guard position + count <= bytes.count else { return nil }
            var value = 0
            for _ in 0..<count {
                guard (48...57).contains(bytes[position]) else { return nil }
                value = value * 10 + Int(bytes[position] - 48)
                position += 1
            }
            return value
        }

        mutating func milliseconds() -> Int? {
            var value = 0
            var seen = 0
            while position < bytes.count, (48...57).contains(bytes[position]) {
                if seen < 3 { value = value * 10 + Int(bytes[position] - 48) }
                seen += 1
                position += 1
            }
            guard seen > 0 else { return nil }
            for _ in min(seen, 3)..<3 { value *= 10 }
            return value
        }
    }
}
